"""How a training is told to stop."""

import signal


class StopOnSignal:
    """True once SIGTERM or SIGINT has come: the step under way is finished, then everything is saved."""

    def __enter__(self) -> "StopOnSignal":
        self._came = False
        self._former = {
            number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *exc) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        return self._came

    def _note(self, number, frame) -> None:
        self._came = True
