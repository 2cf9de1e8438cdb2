"""Routers that look at one position: a linear head and a sigmoid."""

import torch
from torch import Tensor, nn

from hnet_core.blocks.projection import WideLinear
from hnet_core.routers.decision import Decision
from hnet_core.routers.router import Router
from hnet_core.rows import Rows
from hnet_core.stage_config import ChunkingConfig

HEAD_STD = 0.02


class LinearRouter(Router):
    """p = sigmoid(w x[t] + b): a head that sees one position, not its difference from the one before it."""

    start_bias = 0.0

    def __init__(self, width: int, options: ChunkingConfig) -> None:
        super().__init__(width, options)
        self.head = WideLinear(width, 1)

    @classmethod
    def flops(cls, width: int) -> float:
        return 2 * width

    def forward(self, x: Tensor, rows: Rows, state: None = None) -> tuple[Decision, None]:
        prob = self.head(x).squeeze(-1).sigmoid().masked_fill(rows.opens, 1.0)
        return Decision.by_threshold(prob), None

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator) -> None:
        """Small weights: at first every position has about the same p, `start_bias` before the sigmoid."""
        nn.init.normal_(self.head.weight, std=HEAD_STD, generator=generator)
        nn.init.constant_(self.head.bias, self.start_bias)


class DenseLinearRouter(LinearRouter):
    """A linear router that begins with nearly every position a chunk of its own, p about 0.88.

    The inner network then sees all positions from the first step, and which of them to give up is learned while the
    ratio loss presses the rate down. From p = 0.5, what the first steps happen to cut can stay cut for good.
    """

    start_bias = 2.0
