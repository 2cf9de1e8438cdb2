"""What attention remembers: the keys and values that a coming query can still see."""

from dataclasses import dataclass

from torch import Tensor


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
