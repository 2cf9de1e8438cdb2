"""The published router: a chunk starts where neighbouring positions differ."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hnet_core.blocks.projection import Projection
from hnet_core.routers.decision import Decision
from hnet_core.routers.router import Router
from hnet_core.rows import Rows
from hnet_core.stage_config import ChunkingConfig
from hnet_core.state import zeros
from kernels.routing import routing


@dataclass
class CosineState:
    """last_q (R, D) query projection of each row's last position   started (R,) bool: row has had a position"""

    last_q: Tensor
    started: Tensor


class CosineRouter(Router):
    """p = (1 - cos(W_q x[t-1], W_k x[t])) / 2; the first position of a row has p = 1 (arXiv 2507.07955, eq. 4)."""

    def __init__(self, width: int, options: ChunkingConfig) -> None:
        super().__init__(width, options)
        self.q_proj_layer = Projection(width, width)
        self.k_proj_layer = Projection(width, width)

    @classmethod
    def flops(cls, width: int) -> float:
        """Two projections; three inner products make a cosine."""
        return 2 * 2 * width * width + 6 * width

    def forward(
        self, x: Tensor, rows: Rows, state: CosineState | None = None
    ) -> tuple[Decision, CosineState | None]:
        last_q, started = (state.last_q, state.started) if state else (None, None)
        prob, last_q = routing(self.q_proj_layer(x), self.k_proj_layer(x), rows.cu_seqlens, last_q, started)
        after = CosineState(last_q, started | (rows.lengths > 0)) if state else None
        return Decision.by_threshold(prob), after

    def new_state(self, n_rows: int, device: torch.device) -> CosineState:
        weight = self.q_proj_layer.weight
        started = torch.zeros(n_rows, dtype=torch.bool, device=device)
        return CosineState(zeros(n_rows, weight.shape[0], like=weight), started)

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator) -> None:
        """Identity: at first a boundary is where neighbouring encoder outputs differ."""
        nn.init.eye_(self.q_proj_layer.weight)
        nn.init.eye_(self.k_proj_layer.weight)


class RandomCosineRouter(CosineRouter):
    """A cosine router with random projections at first, so that p is about a half everywhere.

    From the identity, neighbouring encoder outputs begin alike and few positions are kept; from here, about half are.
    """

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator) -> None:
        """Standard deviation 1 / sqrt(D): projections keep the length of what they project."""
        for projection in (self.q_proj_layer, self.k_proj_layer):
            std = projection.weight.shape[1] ** -0.5
            nn.init.normal_(projection.weight, std=std, generator=generator)
