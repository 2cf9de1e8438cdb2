"""A stack of blocks with a final norm: every encoder, decoder and innermost network."""

from collections.abc import Generator
from typing import Any

import torch
from torch import Tensor, nn

from hnet_core.blocks.block import Block
from hnet_core.blocks.layout import parse_layout
from hnet_core.blocks.norm import RMSNormWeight
from hnet_core.rows import Rows
from hnet_core.stage_config import StageConfig
from kernels.linear import factor_dtype
from kernels.rms_norm import rms_norm


class Stack(nn.Module):
    """x (T, D) -> (T, D): blocks in the order of a layout such as 'T1m4', then an RMS norm of the whole stream."""

    def __init__(self, layout: str, stage: StageConfig) -> None:
        super().__init__()
        letters = [letter for letter, n in parse_layout(layout) for _ in range(n)]
        self.layers = nn.ModuleList(Block(letter, stage) for letter in letters)
        self.rmsnorm = RMSNormWeight(stage.width)

    @property
    def n_residual_additions(self) -> int:
        return sum(layer.n_residual_additions for layer in self.layers)

    def forward(self, x: Tensor, rows: Rows, states: list | None = None) -> tuple[Tensor, list | None]:
        return finish(self.steps(x, rows, states))

    def steps(self, x: Tensor, rows: Rows, states: list | None = None) -> Generator[None, None, tuple]:
        """`forward`, with a pause after every block, in which another thread may take over.

        states  one a block; each is replaced by the new one as soon as its block has run
        """
        residual = None
        # Autocast leaves activations narrow from one stack to the next; our own narrowing on a CPU ends with the stack.
        outward = x.dtype if factor_dtype(x) != x.dtype else None
        for i, layer in enumerate(self.layers):
            x, residual, state = layer(x, residual, rows, states[i] if states else None)
            if states:
                states[i] = state
            yield
        x, _ = rms_norm(x, self.rmsnorm.weight, residual=residual, dtype=outward)
        return x, states

    def new_state(self, n_rows: int) -> list:
        return [layer.mixer.new_state(n_rows) for layer in self.layers]

    def init_weights(self, generator: torch.Generator, depth: int) -> None:
        """As Mixer.init_weights."""
        for layer in self.layers:
            layer.init_weights(generator, depth)


def finish(steps: Generator[None, None, Any]) -> Any:
    """Run `steps` to its end; returns what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
