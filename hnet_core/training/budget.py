"""The chunk budget: what bounds the memory of a forward when a router suddenly keeps everything."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from hnet_core.data.packing import PackedRows
from hnet_core.model import HNetForCausalLM
from hnet_core.routers.decision import StageBoundaries


class OverBudgetError(Exception):
    """Inside the model: the chunks of this pack would be more than the budget. The pack must be split."""


class ChunkBudget:
    """Stops a forward before the inner network that would exceed the budget.

    limit  positions of all inner stages together; 0: no limit

    How many chunks a stage makes is known when its router has run, and memory for them is taken only then: the
    inner stage is stopped at its door, for the cost of the encoders that ran so far.
    """

    def __init__(self, model: HNetForCausalLM, limit: int) -> None:
        self.limit, self._watching, self._used = limit, False, 0
        for inner in model.levels[1:] if limit else ():
            inner.register_forward_pre_hook(self._enter)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Inside, a forward over the budget raises OverBudgetError."""
        self._watching, self._used = True, 0
        try:
            yield
        finally:
            self._watching = False

    def _enter(self, stage, args) -> None:
        self._used += len(args[0])
        if self._watching and self._used > self.limit:
            raise OverBudgetError


def inner_positions(stages: Sequence[StageBoundaries]) -> np.ndarray:
    """(R,) positions that each row of a pack has in all inner stages together (one host synchronisation)."""
    if not stages:
        return np.zeros(0, dtype=np.int64)
    return sum(_boundaries_by_row(stage) for stage in stages).cpu().numpy()


def _boundaries_by_row(stage: StageBoundaries) -> Tensor:
    total = torch.nn.functional.pad(stage.is_boundary.cumsum(0), (1, 0))
    return total[stage.cu_seqlens].diff()


def split(pack: PackedRows, positions: np.ndarray, limit: int) -> list[PackedRows]:
    """The pack as the fewest runs of rows, in order, that hold at most `limit` inner positions (a row at least).

    positions (R,) of each row      limit 0: the pack as it is
    """
    if not limit or positions.sum() <= limit:
        return [pack]
    limits, held = [0], 0
    for row, n in enumerate(positions.tolist()):
        if row > limits[-1] and held + n > limit:
            limits.append(row)
            held = 0
        held += n
    limits.append(len(positions))
    return [pack.rows(low, high) for low, high in pairwise(limits)]
