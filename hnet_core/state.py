"""What a model remembers between calls: after a prefill, between windows, between single steps."""

from copy import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


class StateError(ValueError):
    """A state was given to a model that it does not fit, or for a second time."""


@dataclass
class MambaState:
    """conv (R, C, W - 1) last raw inputs of the convolution   ssm (R, H, P, N) state of the scan"""

    conv: Tensor
    ssm: Tensor


class KVCache:
    """Keys and values of one row, oldest first; with a window only what a coming query can still see."""

    def __init__(self, window: int) -> None:
        self.window = window
        self._buffer: Tensor | None = None
        self._start = self._end = 0

    def extend(self, kv: Tensor) -> Tensor:
        """Append kv (n, 2, H, Dh) and return what the n new queries may see: (m, 2, H, Dh), m >= n."""
        if self.window >= 0:
            self._start = max(self._start, self._end - self.window)
        needed = self._end - self._start + len(kv)
        if self._buffer is None or self._end + len(kv) > len(self._buffer):
            # Room for as much again, so that single steps copy each entry a constant number of times.
            grown = kv.new_empty(2 * needed, *kv.shape[1:])
            if self._buffer is not None:
                grown[: self._end - self._start] = self._buffer[self._start : self._end]
            self._buffer, self._end, self._start = grown, self._end - self._start, 0
        self._buffer[self._end : self._end + len(kv)] = kv
        self._end += len(kv)
        return self._buffer[self._start : self._end]


@dataclass
class AttentionState:
    """caches: one for each row"""

    caches: list[KVCache]


@dataclass
class RouterState:
    """last_q (R, D) query projection of each row's last position   started (R,) bool: row has had a position"""

    last_q: Tensor
    started: Tensor


@dataclass
class SpaceLikeState:
    """last (R,) bool: each row's last byte is space-like"""

    last: Tensor


@dataclass
class SmoothedState:
    """router: its own state, if it has one   average (R, D) of the encoder's outputs, after each row's last position"""

    router: RouterState | SpaceLikeState | None
    average: Tensor


@dataclass
class StageState:
    """One stage: its layers, its router and smoother, the stage inside it.

    seen (R,) int64  positions this stage has had   smoothed (R, D) the running chunk average
    is_consumed      a model has continued from it, to the end or until it failed: parts of it have moved on
    """

    seen: Tensor
    encoder: list = field(default_factory=list)
    router: RouterState | SpaceLikeState | SmoothedState | None = None
    inner: "StageState | None" = None
    smoothed: Tensor | None = None
    decoder: list = field(default_factory=list)
    is_consumed: bool = False

    def consumed(self, n_rows: int) -> "StageState":
        """This state, marked as consumed by a model that continues n_rows rows. Raises StateError if it already is."""
        self._refuse_consumed()
        if len(self.seen) != n_rows:
            raise StateError(f"the state is of {len(self.seen)} rows and {n_rows} are given; give as many")
        self.is_consumed = True
        return self

    def clone(self) -> "StageState":
        """A copy that shares no memory: each of the two can be continued. Raises StateError for a consumed one."""
        self._refuse_consumed()
        return _copied(self)

    def _refuse_consumed(self) -> None:
        if self.is_consumed:
            raise StateError(
                "the state was given to the model before, which moved parts of it on; give the one that call returned, "
                "or keep a state.clone() from before the call"
            )


def advance(seen: Tensor, lengths: Tensor) -> Tensor:
    """Positions had after rows of these lengths."""
    return seen + lengths.to(seen.dtype)


def _copied(value: Any) -> Any:
    """A state or a part of one, with every tensor cloned. (deepcopy refuses tensors that have a gradient's history.)"""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, list):
        return [_copied(each) for each in value]
    if not hasattr(value, "__dict__"):
        return value
    same = copy(value)
    same.__dict__ = {name: _copied(each) for name, each in value.__dict__.items()}
    return same


def zeros(n_rows: int, *shape: int, like: Tensor) -> Tensor:
    """(n_rows, *shape) zeros on the device of `like`, in float32 or wider."""
    return torch.zeros(
        n_rows, *shape, device=like.device, dtype=torch.promote_types(like.dtype, torch.float32)
    )
