"""A pre-norm residual block: a mixer over positions, and for upper-case kinds an MLP after it."""

from typing import Any

import torch
from torch import Tensor, nn

from hnet_core.blocks import KINDS
from hnet_core.blocks.layout import parse_layout
from hnet_core.blocks.mlp import SwiGLU
from hnet_core.blocks.norm import RMSNormWeight
from hnet_core.errors import ConfigError
from hnet_core.rows import Rows
from hnet_core.stage_config import StageConfig
from kernels.linear import factor_dtype
from kernels.rms_norm import rms_norm


class Block(nn.Module):
    """One block of a kind in KINDS, with an MLP where its letter is upper-case.

    Takes what the previous block adds, `x` (T, D), and the residual stream before that addition (None at the
    start of a stack); returns the same pair, so that every addition happens inside the next norm's pass.
    """

    def __init__(self, letter: str, stage: StageConfig) -> None:
        super().__init__()
        self.norm1 = RMSNormWeight(stage.width)
        self.mixer = KINDS[letter.lower()](stage)
        self.has_mlp = letter.isupper()
        if self.has_mlp:
            self.norm2 = RMSNormWeight(stage.width)
            self.mlp = SwiGLU(stage.width, stage.d_intermediate)

    @property
    def n_residual_additions(self) -> int:
        return 2 if self.has_mlp else 1

    def forward(self, x: Tensor, residual: Tensor | None, rows: Rows, state: Any = None):
        """returns what this block adds (T, D), the residual stream before it (T, D), the mixer's new state"""
        x, residual = rms_norm(x, self.norm1.weight, residual=residual, dtype=factor_dtype(x))
        x, state = self.mixer(x, rows, state)
        if self.has_mlp:
            x, residual = rms_norm(x, self.norm2.weight, residual=residual, dtype=factor_dtype(x))
            x = self.mlp(x)
        return x, residual, state

    def init_weights(self, generator: torch.Generator, depth: int) -> None:
        """As Mixer.init_weights."""
        self.mixer.init_weights(generator, depth)
        if self.has_mlp:
            self.mlp.init_weights(generator, depth)

    def maps(self) -> dict[nn.Parameter, tuple[int, ...]]:
        """As Mixer.maps."""
        return self.mixer.maps() | (self.mlp.maps() if self.has_mlp else {})


def check_layout(layout: str, stage: StageConfig) -> None:
    """Raise ConfigError for a block that cannot be part of the stage."""
    for letter, _ in parse_layout(layout):
        if letter.isupper() and not stage.d_intermediate:
            raise ConfigError(
                f"stage {stage.index} has {letter} blocks, so d_intermediate[{stage.index}] must not be 0"
            )
        KINDS[letter.lower()].check(stage)


def layout_flops(layout: str, stage: StageConfig, length: float) -> float:
    """Operations of all blocks a position, in a row of `length` positions."""
    return sum(n * _flops(letter, stage, length) for letter, n in parse_layout(layout))


def _flops(letter: str, stage: StageConfig, length: float) -> float:
    mlp = SwiGLU.flops(stage.width, stage.d_intermediate) if letter.isupper() else 0
    return KINDS[letter.lower()].flops(stage, length) + mlp
