"""A bound on the memory that a long run on a CPU would otherwise keep filling."""

import os

SHAPE_CACHES, CACHED_SHAPES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"), 64
"""oneDNN, and torch's layer over it, each keep a compiled product (0.3 MB) of the last 1024 shapes. Every input has new
numbers of positions and chunks, so none comes again, and memory grew by gigabytes; one pass itself needs some 50."""


def bound_shape_caches() -> None:
    """To be called before the first product: the libraries read these once. What the caller has set stays."""
    for name in SHAPE_CACHES:
        os.environ.setdefault(name, str(CACHED_SHAPES))
