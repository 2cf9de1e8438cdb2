"""The one place for work with a model: first come, first served, and shared between long runs."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
"""Called with (done, in all); what it raises ends the work, also while it waits."""

SHARE = 0.5
"""Seconds of work after which a run lets the next one in."""
_LOOK = 0.2
"""Seconds between two looks whether a waiting run was stopped."""


class Turns:
    """Runs take the place one after another, in the order they came.

    One at a time, so that two runs do not crowd each other's caches; each for a moment, so that a short run beside a
    long one is not made to wait for its end.
    """

    def __init__(self) -> None:
        self._line, self._moved = deque[object](), threading.Condition()

    @contextmanager
    def take(self, progress: Progress | None = None) -> Iterator[Progress]:
        """Wait for the place and have it inside the block.

        progress  called with (0, 0) while the run waits, then with (0, 1)
        yields    the same for the work to call: it also gives way, every SHARE seconds, to whoever waits
        """
        ticket = object()
        self._join(ticket)
        try:
            self._wait(ticket, progress, (0, 0))
            if progress:
                progress(0, 1)
            yield self._sharing(ticket, progress)
        finally:
            self._leave(ticket)

    def _sharing(self, ticket: object, progress: Progress | None) -> Progress:
        since = time.monotonic()

        def report(done: int, total: int) -> None:
            nonlocal since
            if progress:
                progress(done, total)
            if len(self._line) > 1 and time.monotonic() - since >= SHARE:
                self._leave(ticket)
                self._join(ticket)
                self._wait(ticket, progress, (done, total))
                since = time.monotonic()

        return report

    def _wait(self, ticket: object, progress: Progress | None, told: tuple[int, int]) -> None:
        while True:
            with self._moved:
                if self._moved.wait_for(lambda: self._line[0] is ticket, _LOOK):
                    return
            if progress:
                progress(*told)

    def _join(self, ticket: object) -> None:
        with self._moved:
            self._line.append(ticket)

    def _leave(self, ticket: object) -> None:
        with self._moved:
            self._line.remove(ticket)
            self._moved.notify_all()
