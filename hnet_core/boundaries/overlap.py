"""Pieces of an input on their way through a model two at a time, each on a thread of its own."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from itertools import count, cycle
from math import inf
from threading import Condition
from typing import Any

import torch


class _Trail:
    """How many steps of a walk are done; whoever follows waits for them."""

    def __init__(self, done: float = 0) -> None:
        self._done, self._changed = done, Condition()

    def reach(self, done: float) -> None:
        with self._changed:
            self._done = done
            self._changed.notify_all()

    def wait(self, done: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._done >= done)


def overlapped(walks: Iterator[Generator], contexts: tuple[Context, Context]) -> Iterator:
    """What the walks return, in order. Two are under way at a time, the later one always a step behind.

    Two streams of operators keep two cores busy where two threads inside every small operator do not. A step is what a
    walk does between two pauses; it may read what the same step of the walk before it has left.
    contexts  what `backend.using` and `precision` have set, which threads do not inherit; one serves one thread
    """
    threads = torch.get_num_threads()
    with _worker(threads // 2) as one, _worker(threads // 2) as other:
        torch.set_num_threads(threads)  # A worker's setting is also what threads begin with that come later.
        turns, before, under_way = cycle(zip((one, other), contexts, strict=True)), _Trail(inf), deque()
        for walk, (worker, context) in zip(walks, turns, strict=False):
            trail = _Trail()
            under_way.append(worker.submit(context.run, _follow, walk, before, trail))
            before = trail
            if len(under_way) > 2:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _worker(threads: int) -> ThreadPoolExecutor:
    """One thread of Python, whose operators use `threads` threads."""
    worker = ThreadPoolExecutor(1)
    worker.submit(torch.set_num_threads, threads).result()
    return worker


@torch.inference_mode()
def _follow(walk: Generator, before: _Trail, trail: _Trail) -> Any:
    """Take the walk's steps, each after the same step of the walk before; returns what the walk returns."""
    try:
        for step in count(1):
            before.wait(step)
            next(walk)
            trail.reach(step)
    except StopIteration as end:
        return end.value
    finally:
        trail.reach(inf)  # also when it failed: nobody may wait for it for ever
