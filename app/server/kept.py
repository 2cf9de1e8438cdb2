"""The results that stand on the pages of all visitors: how long they are kept, and how much of them at once."""

import dataclasses
import functools
import inspect
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd

from app.work.told import as_sentences
from hnet_core.errors import InputError

BYTES = 2_000_000_000
SECONDS = 3600.0
ANEW = "makes_anew"
"""Attribute of a handler to which a result that has ended is none: it makes another one."""


class Slot:
    """What a gr.State holds in place of a result, one a visitor. again: the button that makes another."""

    def __init__(self, again: str, value: Any = None) -> None:
        self.again, self.value, self.ended = again, value, False
        self.bytes, self.used = _bytes_of(value, set()), time.monotonic()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Slot":
        """Gradio copies the first value of a state for every visitor."""
        return Slot(self.again)

    def end(self) -> None:
        self.value, self.bytes, self.ended = None, 0, True


class Kept:
    """The results of all visitors: each until it was not used for a while, or another one needs the room."""

    def __init__(self, most_bytes: int = BYTES, seconds: float = SECONDS) -> None:
        """most_bytes: of all results together; seconds: without use after which one goes."""
        self.most_bytes, self.seconds = most_bytes, seconds
        # Nothing but the visitor's state refers to a slot: it goes with the visit, and its result with it.
        self._slots, self._lock = weakref.WeakSet[Slot](), threading.Lock()

    @property
    def bytes(self) -> int:
        """Of all results kept now."""
        return sum(each.bytes for each in list(self._slots))

    def put(self, again: str, value: Any) -> Slot:
        """Keep a result. Others go where it needs their room, those first that were used longest ago."""
        slot = Slot(again, value)
        with self._lock:
            self._end_old()
            self._slots.add(slot)
            for other in sorted(self._slots, key=lambda each: each.used):
                if self.bytes <= self.most_bytes:
                    break
                if other is not slot and other.bytes:
                    other.end()
        return slot

    def get(self, slot: Slot, missing_is_none: bool = False) -> Any:
        """The result, which counts as a use of it; None before the first one.

        missing_is_none: None for one that has ended, too; else InputError
        """
        with self._lock:
            self._end_old()
            slot.used, value, ended = time.monotonic(), slot.value, slot.ended
        if ended and not missing_is_none:
            raise InputError(
                f"this analysis has ended: nothing was done with it for {_duration(self.seconds)}, or others needed "
                f"the memory; press {slot.again} to have it again"
            )
        return value

    def _end_old(self) -> None:
        limit = time.monotonic() - self.seconds
        for each in list(self._slots):
            if each.value is not None and each.used < limit:
                each.end()


def state(again: str) -> gr.State:
    """A state for a result of one visitor. again: the button that makes another, for the sentence once it has ended."""
    return gr.State(Slot(again))


def connect(page: gr.Blocks, kept: Kept) -> None:
    """Every event of the page takes and gives results; only their slots go into the states."""
    for event in page.fns.values():
        given = {i: each for i, each in enumerate(event.outputs) if _is_slot(each)}
        if event.fn and (given or any(map(_is_slot, event.inputs))):
            event.fn = _holding(event.fn, kept, given, len(event.outputs) == 1)


def _is_slot(block: Any) -> bool:
    return isinstance(block, gr.State) and isinstance(block.value, Slot)


def _holding(handler: Callable, kept: Kept, given: dict[int, gr.State], single: bool) -> Callable:
    anew = getattr(handler, ANEW, False)

    def results(args: tuple[Any, ...]) -> list[Any]:
        with as_sentences(args):
            return [kept.get(each, anew) if isinstance(each, Slot) else each for each in args]

    def keep(i: int, value: Any) -> Any:
        is_update = isinstance(value, dict) and "__type__" in value  # gr.skip() leaves what was there
        return value if i not in given or is_update else kept.put(given[i].value.again, value)

    def held(found: Any) -> Any:
        return keep(0, found) if single else tuple(keep(i, each) for i, each in enumerate(found))

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def call(*args: Any) -> Any:
            yield from map(held, handler(*results(args)))

    else:

        @functools.wraps(handler)
        def call(*args: Any) -> Any:
            return held(handler(*results(args)))

    return call


def _bytes_of(value: Any, seen: set[int]) -> int:
    """About what a result takes; what it holds twice counts once."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, bytes | bytearray):
        return len(value)
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, pd.DataFrame):
        return int(value.memory_usage().sum())
    if dataclasses.is_dataclass(value):
        return sum(_bytes_of(each, seen) for each in vars(value).values())
    if isinstance(value, list | tuple):
        return sum(_bytes_of(each, seen) for each in value)
    return 0


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"
