"""Two pieces of an input on their way through a model at a time, each on a thread of its own."""

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from typing import Any

import torch

from hnet_core.stack import finish


def overlapped(walks: Iterator[Generator], half_way: int, contexts: tuple[Context, Context]) -> Iterator:
    """What the walks return, in order. While one is in its second half the next is in its first, on another thread.

    Two streams of operators keep two cores busy where two threads inside every small operator do not.
    contexts  what `backend.using` and `precision` have set, which threads do not inherit; one serves one thread
    """
    threads = torch.get_num_threads()
    with _worker(threads // 2) as first, _worker(threads // 2) as second:
        torch.set_num_threads(threads)  # A worker's setting is also what threads begin with that come later.
        (of_first, of_second), under_way = contexts, None
        for walk in walks:
            begun = first.submit(of_first.run, _first_half, walk, half_way)
            done = second.submit(of_second.run, _second_half, walk, begun)
            if under_way:
                yield under_way.result()
            under_way = done
        if under_way:
            yield under_way.result()


def _worker(threads: int) -> ThreadPoolExecutor:
    """One thread of Python, whose operators use `threads` threads."""
    worker = ThreadPoolExecutor(1)
    worker.submit(torch.set_num_threads, threads).result()
    return worker


@torch.inference_mode()
def _first_half(walk: Generator, half_way: int) -> Any | None:
    """The tracks, if the walk has fewer pauses than that."""
    try:
        for _ in range(half_way):
            next(walk)
    except StopIteration as end:
        return end.value
    return None


@torch.inference_mode()
def _second_half(walk: Generator, begun: Future) -> Any:
    return begun.result() or finish(walk)
