"""One person's running work on one tab, and the way to stop it."""

import threading
import time
from collections.abc import Callable
from typing import Any

import gradio as gr

from hnet_core.errors import HNetError

_EVERY = 0.25
"""Seconds between two updates on the page; each of them travels to the browser and is drawn there."""
WAITING = "waiting for the run before this one"
STOPPED = "Stopped; what was shown before stays, and the next request starts afresh."
STOPPED_BEFORE = "Stopped before it began; what was shown before stays, and the next request starts afresh."


class Stopped(HNetError):
    """The person pressed Stop."""


class Wish:
    """Which file of a list one person wants now, by its key. Kept in a gr.State, one a visitor and list.

    A file that nobody wants any more is not made to its end: picking another one, or none, stops it.
    """

    def __init__(self) -> None:
        self.key = ""

    def __deepcopy__(self, memo: dict[int, Any]) -> "Wish":
        """Gradio copies the first value of a state for every visitor."""
        return Wish()

    def check(self, key: str) -> None:
        """Raises Stopped once another file than `key` is wanted."""
        if self.key != key:
            raise Stopped("Another file was picked, so this one is not made.")

    def ready(self, key: str, make: Callable[[], str]) -> dict[str, Any]:
        """The button that saves the file which `make` writes; as it was where another file is wanted by then."""
        try:
            self.check(key)
            path = make()
            self.check(key)
        except Stopped:
            return gr.skip()
        return gr.update(value=path, interactive=True)


class Job:
    """One run. `stop` ends it at its next report, a window of bytes away.

    begun    its work has been taken up
    over     it has ended, however it did
    failure  the sentence that it ended with, if it failed
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.begun, self.over, self.failure = False, False, ""

    def stop(self) -> None:
        self._stop.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def check(self) -> None:
        """Raises Stopped after `stop`."""
        if self.stopped:
            raise Stopped(STOPPED if self.begun else STOPPED_BEFORE)

    def report(self, progress: gr.Progress, words: str) -> Callable[[int, int], None]:
        """A progress callback for the models, which names the stage of the work and is where a stop takes effect.

        Of nothing in all (0, 0), the work waits for its turn.
        """
        told = 0.0

        def tell(done: int, total: int) -> None:
            nonlocal told
            self.check()
            if time.monotonic() - told > _EVERY:
                told = time.monotonic()
                if done:
                    progress((done, total), desc=words, unit="bytes")
                else:
                    progress(0, desc=words if total else WAITING)

        return tell


class Jobs:
    """The runs that one person asked for with one button, of which the last one counts. Kept in a gr.State."""

    def __init__(self) -> None:
        self.number, self.current = 0, Job()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Jobs":
        """Gradio copies the first value of a state for every visitor."""
        return Jobs()

    def begin(self) -> int:
        """A run was asked for: the ones before it stop and never show. Its number, which travels with the request."""
        self.current.stop()
        self.number, self.current = self.number + 1, Job()
        return self.number

    def take(self, number: int) -> Job:
        """The run of that number, whose work is taken up now. Raises Stopped where it was stopped or another counts."""
        job = self.current
        self.check(job, number)
        job.check()
        job.begun = True
        return job

    def check(self, job: Job, number: int) -> None:
        """Raises Stopped once another run counts than this one."""
        if job is not self.current or number != self.number:
            raise Stopped("Another run was asked for since, so this one shows nothing.")
