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
    """Kept in a gr.State, one a visitor and tab. `stop` ends the work at its next report, a window of bytes away.

    failure: the sentence that the last run ended with, if it failed
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.failure = ""

    def __deepcopy__(self, memo: dict[int, Any]) -> "Job":
        """Gradio copies the first value of a state for every visitor."""
        return Job()

    def begin(self) -> None:
        """New work: an earlier stop no longer counts."""
        self._stop.clear()
        self.failure = ""

    def stop(self) -> None:
        self._stop.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def check(self) -> None:
        """Raises Stopped after `stop`."""
        if self.stopped:
            raise Stopped("Stopped; what was shown before stays, and the next request starts afresh.")

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
