"""Memory that large tensors leave free: kept or given back by glibc. With another C library nothing happens."""

import ctypes
import sys
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_MOST = 2**31 - 1


def keep_free_memory() -> None:
    """Keep what is freed for the next allocation.

    By default every large tensor comes from the system and goes back to it, and clearing its pages anew takes 5 to
    10 % of the time of a training, and 10 to 20 % of that of an extraction.
    """
    mallopt = _function("mallopt")
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, _MOST)
        mallopt(_M_TRIM_THRESHOLD, _MOST)


def return_free_memory() -> None:
    """Give all that is free back to the system: over a genome half a GB. 40 ms at most."""
    trim = _function("malloc_trim")
    if trim:
        trim(0)


def _function(name: str) -> Callable | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
