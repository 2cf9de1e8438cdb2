"""The router that decides where chunks start, and the loss that holds their average length near a target."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hnet_core.projection import Projection
from hnet_core.rows import Rows
from hnet_core.state import RouterState, zeros
from kernels.routing import routing

THRESHOLD = 0.5
"""A position is a boundary where its probability is strictly above this."""


@dataclass(frozen=True)
class StageBoundaries:
    """What one router decided, in that stage's own index.

    prob, is_boundary  (T,) packed or (B, L) masked   cu_seqlens (R + 1,) in the packed form
    mask               (B, L) True at valid positions in the masked form
    """

    prob: Tensor
    is_boundary: Tensor
    cu_seqlens: Tensor | None = None
    mask: Tensor | None = None

    @property
    def selected_prob(self) -> Tensor:
        """Probability of the decision taken: p at boundaries, 1 - p elsewhere, 0 at padding."""
        chosen = torch.where(self.is_boundary, self.prob, 1 - self.prob)
        return chosen if self.mask is None else chosen * self.mask


class CosineRouter(nn.Module):
    """p = (1 - cos(W_q x[t-1], W_k x[t])) / 2; the first position of a row has p = 1 (arXiv 2507.07955, eq. 4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q_proj_layer = Projection(width, width)
        self.k_proj_layer = Projection(width, width)

    def forward(
        self, x: Tensor, rows: Rows, state: RouterState | None = None
    ) -> tuple[Tensor, RouterState | None]:
        """x (T, D) -> prob (T,)"""
        last_q, started = (state.last_q, state.started) if state else (None, None)
        prob, last_q = routing(self.q_proj_layer(x), self.k_proj_layer(x), rows.cu_seqlens, last_q, started)
        return prob, (RouterState(last_q, started | (rows.lengths > 0)) if state else None)

    def new_state(self, n_rows: int) -> RouterState:
        weight = self.q_proj_layer.weight
        started = torch.zeros(n_rows, dtype=torch.bool, device=weight.device)
        return RouterState(zeros(n_rows, weight.shape[0], like=weight), started)

    @torch.no_grad()
    def init_weights(self) -> None:
        """Identity: at first a boundary is where neighbouring encoder outputs differ."""
        nn.init.eye_(self.q_proj_layer.weight)
        nn.init.eye_(self.k_proj_layer.weight)


def ratio_loss(prob: Tensor, is_boundary: Tensor, target: float) -> Tensor:
    """Pull the share of boundaries towards 1 / target (arXiv 2507.07955, eq. 10).

    prob, is_boundary  (T,) of one stage, forced first positions included
    target             N > 1, wanted positions a chunk
    returns  N / (N-1) * ((N-1) F G + (1-F)(1-G)); F = share of boundaries (no gradient), G = mean prob
    """
    if target <= 1:
        raise ValueError(f"target={target} must be above 1 position a chunk")
    share = is_boundary.to(prob.dtype).mean()
    mean = prob.mean()
    return target / (target - 1) * ((target - 1) * share * mean + (1 - share) * (1 - mean))
