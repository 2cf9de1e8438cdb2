"""What a block kind must say of itself, and how the weights of blocks begin."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from hnet_core.rows import Rows
from hnet_core.stage_config import StageConfig

INIT_STD = 0.02


class Mixer(nn.Module):
    """Mixes positions: x (T, D) -> (T, D), each row on its own, no position from a later one.

    A new kind is a subclass, made as cls(stage), and an entry in hnet_core.blocks.KINDS. An encoder's state must not
    grow with the input: boundaries are found in windows of it.
    """

    STAYS_FLOAT32: tuple[str, ...] = ()
    """Its own parameters that are float32 whatever the model is stored in."""

    @classmethod
    def check(cls, stage: StageConfig) -> None:
        """Raise ConfigError for a stage that it cannot be part of."""

    @classmethod
    def flops(cls, stage: StageConfig, length: float) -> float:
        """Operations a position, in a row of `length` positions; a multiplication and an addition are two."""
        raise NotImplementedError

    def forward(self, x: Tensor, rows: Rows, state: Any = None) -> tuple[Tensor, Any]:
        """x (T, D) -> (T, D) and the state after it; None: start of the rows, and no state is wanted."""
        raise NotImplementedError

    def new_state(self, n_rows: int) -> Any:
        """What it remembers of n_rows rows between calls, before their first position; None: nothing."""

    def init_weights(self, generator: torch.Generator, depth: int) -> None:
        """depth: residual additions of the stream, up to and with those of the stage."""
        draw_products(self, ("out_proj",), generator, depth)

    def maps(self) -> dict[nn.Parameter, tuple[int, ...]]:
        """Matrices that compute several maps at once, each with the rows of its maps."""
        return {}


@torch.no_grad()
def draw_products(
    module: nn.Module, outputs: tuple[str, ...], generator: torch.Generator, depth: int
) -> None:
    """The published initialisation of linear maps: those named in `outputs` add to the residual stream, and begin the
    smaller the more additions it has."""
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear):
            std = INIT_STD / math.sqrt(depth) if name in outputs else INIT_STD
            nn.init.normal_(part.weight, std=std, generator=generator)
