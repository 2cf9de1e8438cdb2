"""A router that reads: chunks start at spaces and marks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hnet_core.blocks.projection import wide
from hnet_core.routers.decision import Decision
from hnet_core.routers.router import Router
from hnet_core.rows import Rows


@dataclass
class SpaceLikeState:
    """last (R,) bool: each row's last byte is space-like"""

    last: Tensor


class SpaceLikeRouter(Router):
    """p = 1 at each space-like byte that follows one that is not, and at the first position of a row.

    Space-like is what encodes neither a letter nor a digit of ASCII and continues no UTF-8 character: white space,
    punctuation, controls, and the first byte of a longer character (SpaceByte, arXiv 2404.14408, section 3). So a
    word begins with the space before it, and of several space-like bytes in a row only the first starts a chunk.
    """

    LEARNS = False

    def forward(
        self, x: Tensor, rows: Rows, state: SpaceLikeState | None = None
    ) -> tuple[Decision, SpaceLikeState | None]:
        """Rows must know the bytes (`ids`)."""
        prob = space_like_starts(rows, state.last if state else None).to(wide(x.dtype))
        decision = Decision.by_threshold(prob)
        if state is None:
            return decision, None
        here = is_space_like(rows.ids)
        ends = torch.cat((here, here.new_zeros(1)))[rows.cu_seqlens[1:] - 1]
        return decision, SpaceLikeState(torch.where(rows.lengths > 0, ends, state.last))

    def new_state(self, n_rows: int, device: torch.device) -> SpaceLikeState:
        return SpaceLikeState(torch.zeros(n_rows, dtype=torch.bool, device=device))


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
