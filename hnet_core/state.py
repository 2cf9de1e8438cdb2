"""What a model remembers between calls: after a prefill, between windows, between single steps."""

from copy import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


class StateError(ValueError):
    """A state was given to a model that it does not fit, or for a second time."""


@dataclass
class StageState:
    """One stage: its layers, its router and smoother, the stage inside it.

    seen (R,) int64   positions this stage has had
    encoder, decoder  one state a block; of the innermost stage, all of its network are `encoder`
    is_consumed      a model has continued from it, to the end or until it failed: parts of it have moved on
    """

    seen: Tensor
    encoder: list = field(default_factory=list)
    router: Any = None
    gather: Any = None
    inner: "StageState | None" = None
    merge: Any = None
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
