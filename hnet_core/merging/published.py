"""The published way from chunks back to positions: smoothed, spread, scaled by confidence, added to the residual."""

import torch
from torch import Tensor, nn

from hnet_core.blocks.projection import WideLinear
from hnet_core.merging.merge import Merge
from hnet_core.routers.decision import Decision
from hnet_core.rows import Rows
from hnet_core.stage_config import ChunkingConfig
from hnet_core.state import zeros
from kernels.smoothing import smoothing


class ResidualProjection(WideLinear):
    """From the encoder's output to the residual; it begins as nothing."""

    STAYS_FLOAT32 = ("weight", "bias")

    def __init__(self, width: int) -> None:
        super().__init__(width, width, dtype=torch.float32)


class PublishedMerge(Merge):
    """Equations 5 to 9 of arXiv 2507.07955. Its state (R, D) is what each row's last position got.

    options.smoothing         False: the output of each position's own chunk, without the running average
    options.straight_through  False: outputs are multiplied by the confidence itself
    """

    def __init__(self, width: int, options: ChunkingConfig) -> None:
        self._residual = ResidualProjection(width)
        self._spread = smoothing if options.smoothing else repeat
        self._straight_through, self._width = options.straight_through, width

    @property
    def layers(self) -> dict[str, nn.Module]:
        return {"residual_proj": self._residual}

    def __call__(
        self, encoded: Tensor, chunks: Tensor, decision: Decision, rows: Rows, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        return self.spread(self._residual(encoded), chunks, decision, rows, state)

    def spread(
        self, residual: Tensor, chunks: Tensor, decision: Decision, rows: Rows, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The same for a residual (T, D) that is projected already."""
        confidence = decision.confidence
        through = {"confidence": confidence, "residual": residual} if self._straight_through else {}
        out, state = self._spread(
            chunks, decision.prob, decision.is_boundary, rows.cu_seqlens, **through, state=state
        )
        if not self._straight_through:
            out = out * confidence[:, None] + residual
        return out, state

    @classmethod
    def flops(cls, width: int, options: ChunkingConfig, kept: float) -> float:
        """The projected residual of each position, the running average of each chunk."""
        return 2 * width * width + (3 * width * kept if options.smoothing else 0)

    def new_state(self, n_rows: int) -> Tensor:
        return zeros(n_rows, self._width, like=self._residual.weight)

    def init_weights(self, generator: torch.Generator) -> None:
        nn.init.zeros_(self._residual.weight)
        nn.init.zeros_(self._residual.bias)


def repeat(
    chunks: Tensor,
    prob: Tensor,
    is_boundary: Tensor,
    cu_seqlens: Tensor,
    *,
    confidence: Tensor | None = None,
    residual: Tensor | None = None,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`smoothing` with p = 1: z at each position is the output of its own chunk. Shapes as there."""
    n_rows, counted = len(cu_seqlens) - 1, torch.nn.functional.pad(is_boundary.cumsum(0), (1, 0))
    state = chunks.new_zeros(n_rows, chunks.shape[1]) if state is None else state
    lengths, before = cu_seqlens.diff(), counted[cu_seqlens[:-1]]
    row = torch.arange(n_rows, device=chunks.device).repeat_interleave(lengths, output_size=len(prob))
    # Positions before their row's first boundary go on with the chunk that the state holds.
    source = torch.where(counted[1:] > before[row], n_rows + counted[1:] - 1, row)
    table = torch.cat((state, chunks))
    out = table.index_select(0, source)
    after = counted[cu_seqlens[1:]]
    last = torch.where(after > before, n_rows + after - 1, torch.arange(n_rows, device=chunks.device))
    if confidence is not None:
        out = out * (1 + (confidence - confidence.detach()))[:, None]
    return (out if residual is None else out + residual), table.index_select(0, last)
