"""What stands for a chunk on its way in: what is kept of the encoder's outputs where a chunk starts."""

import torch
from torch import Tensor

from hnet_core.routers.decision import Decision
from hnet_core.rows import Rows
from hnet_core.state import zeros
from kernels.arguments import remember
from kernels.smoothing import smoothing


class FirstPosition:
    """The encoder's output at the first position of the chunk."""

    @classmethod
    def flops(cls, width: int) -> float:
        """Operations a position."""
        return 0

    def __call__(
        self, encoded: Tensor, decision: Decision, rows: Rows, state: None = None
    ) -> tuple[Tensor, None]:
        """encoded (T, D) -> (T, D), of which the boundaries are kept, and the state after it."""
        return encoded, None

    def new_state(self, n_rows: int, width: int, like: Tensor) -> None:
        """What is remembered between calls: nothing."""


class RunningAverage(FirstPosition):
    """x[t] = p h[t] + (1 - p) x[t-1] there, of all encoder outputs h up to it (after arXiv 2601.22805)."""

    @classmethod
    def flops(cls, width: int) -> float:
        return 3 * width

    def __call__(
        self, encoded: Tensor, decision: Decision, rows: Rows, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        everywhere = torch.ones_like(decision.is_boundary)
        remember(everywhere, len(encoded))  # so that a GPU need not count them
        return smoothing(encoded, decision.prob, everywhere, rows.cu_seqlens, state=state)

    def new_state(self, n_rows: int, width: int, like: Tensor) -> Tensor:
        """(R, D) the average at each row's last position."""
        return zeros(n_rows, width, like=like)


GATHERS: dict[bool, type[FirstPosition]] = {False: FirstPosition, True: RunningAverage}
"""By early_smoothing of the configuration."""
