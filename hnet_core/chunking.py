"""Between the stages: keep the boundary positions, spread chunks again, and fit widths that grow inwards."""

import torch
from torch import Tensor

from hnet_core.config import ChunkingConfig
from hnet_core.rows import Rows
from kernels.smoothing import smoothing


def widen(x: Tensor, extra: Tensor | None) -> Tensor:
    """Append the learned vector `extra` (D_inner - D,) to every position (arXiv 2507.07955, sec. 2.2)."""
    return x if extra is None else torch.cat((x, extra.to(x.dtype).expand(len(x), -1)), dim=-1)


def dechunk(
    chunks: Tensor,
    prob: Tensor,
    is_boundary: Tensor,
    rows: Rows,
    *,
    residual: Tensor,
    config: ChunkingConfig,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Chunks back to positions: smoothed, spread, scaled by confidence, added to the residual (eq. 5 to 9).

    chunks (M, D)   prob (T,)   is_boundary (T,) bool   residual (T, D)   state (R, D) what each row's last
    position got, None: zeros   returns out (T, D) and the new state (R, D)
    """
    confidence = torch.where(is_boundary, prob, 1 - prob)
    through = {"confidence": confidence, "residual": residual} if config.straight_through else {}
    spread = smoothing if config.smoothing else repeat
    out, state = spread(chunks, prob, is_boundary, rows.cu_seqlens, **through, state=state)
    if not config.straight_through:
        out = out * confidence[:, None] + residual
    return out, state


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
