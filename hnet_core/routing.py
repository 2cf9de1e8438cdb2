"""The routers that decide where chunks start, and the loss that holds their average length near a target."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hnet_core.blocks.projection import Projection, WideLinear, wide
from hnet_core.config import ChunkingConfig
from hnet_core.rows import Rows
from hnet_core.state import RouterState, SpaceLikeState, zeros
from kernels.routing import routing

HEAD_STD = 0.02


@dataclass(frozen=True)
class StageBoundaries:
    """What one router decided, in that stage's own index.

    prob         (T,) packed or (B, L) masked, float32 whatever the model computes in (float64 in a float64 model):
                 bfloat16 has 33 numbers where a float32 sigmoid has thousands, and a slope of 0 from 0.998 on
    is_boundary  bool, of the shape of prob      cu_seqlens  (R + 1,) in the packed form
    mask         (B, L) True at valid positions in the masked form
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

    def __init__(self, width: int, config: ChunkingConfig) -> None:
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

    def new_state(self, n_rows: int, device: torch.device) -> RouterState:
        weight = self.q_proj_layer.weight
        started = torch.zeros(n_rows, dtype=torch.bool, device=device)
        return RouterState(zeros(n_rows, weight.shape[0], like=weight), started)

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


class LinearRouter(nn.Module):
    """p = sigmoid(w x[t] + b): a head that sees one position, not its difference from the one before it."""

    start_bias = 0.0

    def __init__(self, width: int, config: ChunkingConfig) -> None:
        super().__init__()
        self.head = WideLinear(width, 1)

    def forward(self, x: Tensor, rows: Rows, state: None = None) -> tuple[Tensor, None]:
        """x (T, D) -> prob (T,)"""
        return self.head(x).squeeze(-1).sigmoid().masked_fill(rows.opens, 1.0), None

    def new_state(self, n_rows: int, device: torch.device) -> None:
        """It remembers nothing."""

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


class FixedStrideRouter(nn.Module):
    """p = 1 at every `stride`-th position of a row, counted from its first (the start marker, if there is one)."""

    def __init__(self, width: int, config: ChunkingConfig) -> None:
        super().__init__()
        self.stride = config.stride

    def forward(self, x: Tensor, rows: Rows, state: None = None) -> tuple[Tensor, None]:
        """x (T, D) -> prob (T,), 0 or 1"""
        return (rows.positions % self.stride == 0).to(wide(x.dtype)), None

    def new_state(self, n_rows: int, device: torch.device) -> None:
        """Positions are counted by the stage."""

    def init_weights(self, generator: torch.Generator) -> None:
        """It has no weights."""


class SpaceLikeRouter(nn.Module):
    """p = 1 at each space-like byte that follows one that is not, and at the first position of a row.

    Space-like is what encodes neither a letter nor a digit of ASCII and continues no UTF-8 character: white space,
    punctuation, controls, and the first byte of a longer character (SpaceByte, arXiv 2404.14408, section 3). So a
    word begins with the space before it, and of several space-like bytes in a row only the first starts a chunk.
    """

    def __init__(self, width: int, config: ChunkingConfig) -> None:
        super().__init__()

    def forward(
        self, x: Tensor, rows: Rows, state: SpaceLikeState | None = None
    ) -> tuple[Tensor, SpaceLikeState | None]:
        """x (T, D) -> prob (T,), 0 or 1; rows must know the bytes (`ids`)"""
        prob = space_like_starts(rows, state.last if state else None).to(wide(x.dtype))
        if state is None:
            return prob, None
        here = is_space_like(rows.ids)
        ends = torch.cat((here, here.new_zeros(1)))[rows.cu_seqlens[1:] - 1]
        return prob, SpaceLikeState(torch.where(rows.lengths > 0, ends, state.last))

    def new_state(self, n_rows: int, device: torch.device) -> SpaceLikeState:
        return SpaceLikeState(torch.zeros(n_rows, dtype=torch.bool, device=device))

    def init_weights(self, generator: torch.Generator) -> None:
        """It has no weights."""


ROUTERS = {
    "cosine": CosineRouter,
    "cosine_random": RandomCosineRouter,
    "linear": LinearRouter,
    "dense_linear": DenseLinearRouter,
    "fixed_stride": FixedStrideRouter,
    "space_like": SpaceLikeRouter,
}
"""Name of a router in the configuration -> its class. A new router is one more entry, here and in ROUTER_NAMES."""


def space_like_starts(rows: Rows, last: Tensor | None = None) -> Tensor:
    """(T,) bool: where SpaceLikeRouter starts a chunk. last (R,) bool: the byte before each row is space-like."""
    here = is_space_like(rows.ids)
    starts, filled = rows.cu_seqlens[:-1], rows.lengths > 0
    # The byte before each row's first; a row that is empty has no place to write to, so it writes past the end.
    before = torch.cat((here.new_zeros(1), here))
    last = here.new_zeros(rows.n_rows) if last is None else last
    before[torch.where(filled, starts, len(here))] = last
    return (here & ~before[: len(here)]) | rows.opens


def is_space_like(ids: Tensor) -> Tensor:
    """(...) bool: the byte encodes no ASCII letter or digit and continues no UTF-8 character."""
    lower = ids | 0x20
    letter = (lower >= ord("a")) & (lower <= ord("z"))
    digit = (ids >= ord("0")) & (ids <= ord("9"))
    return ~(letter | digit | ((ids & 0xC0) == 0x80))


def ratio_loss(prob: Tensor, is_boundary: Tensor, target: float, share: Tensor | None = None) -> Tensor:
    """Pull the share of boundaries towards 1 / target (arXiv 2507.07955, eq. 10).

    prob, is_boundary  (T,) of one stage, forced first positions included
    target             N > 1, wanted positions a chunk
    share              () share of boundaries where it is not to be that of is_boundary
    returns  N / (N-1) * ((N-1) F G + (1-F)(1-G)); F = share of boundaries (no gradient), G = mean prob; float32
    """
    if target <= 1:
        raise ValueError(f"target={target} must be above 1 position a chunk")
    mean = prob.to(wide(prob.dtype)).mean()
    share = is_boundary.to(mean.dtype).mean() if share is None else share.to(mean.dtype)
    return target / (target - 1) * ((target - 1) * share * mean + (1 - share) * (1 - mean))
