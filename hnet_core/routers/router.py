"""What a router must say of itself."""

from typing import Any

import torch
from torch import Tensor, nn

from hnet_core.routers.decision import Decision
from hnet_core.rows import Rows
from hnet_core.stage_config import ChunkingConfig


class Router(nn.Module):
    """Decides where chunks start. A new router is a subclass, made as cls(width, options), and an entry in
    hnet_core.routers.ROUTERS. Its state must not grow with the input: boundaries are found in windows of it."""

    LEARNS = True
    """False: it follows a rule, p is 0 or 1, and no loss can teach it."""
    OPTIONS: tuple[str, ...] = ()
    """Fields of ChunkingConfig that only routers which name them may be given."""

    def __init__(self, width: int, options: ChunkingConfig) -> None:
        super().__init__()

    @classmethod
    def check(cls, options: ChunkingConfig, where: str) -> None:
        """Raise ConfigError for options that it cannot have; where: how they are called in the configuration."""

    @classmethod
    def flops(cls, width: int) -> float:
        """Operations a position; a multiplication and an addition are two."""
        return 0

    def forward(self, x: Tensor, rows: Rows, state: Any = None) -> tuple[Decision, Any]:
        """x (T, D), what the encoder gives -> the decision, and the state after it (None where none was given)."""
        raise NotImplementedError

    def new_state(self, n_rows: int, device: torch.device) -> Any:
        """What it remembers of n_rows rows between calls, before their first position; None: nothing."""

    def init_weights(self, generator: torch.Generator) -> None:
        """Draw the weights that it begins with, if it has any."""
