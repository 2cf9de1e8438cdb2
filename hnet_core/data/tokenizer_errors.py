"""What the library `tokenizers` raises, as one kind of error."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def value_errors() -> Iterator[None]:
    """Whatever the library cannot do, as a ValueError.

    It raises plain Exception for most faults of a file; where its code in Rust panics, what comes is no Exception.
    """
    try:
        yield
    except BaseException as err:
        if not isinstance(err, Exception) and type(err).__name__ != "PanicException":
            raise
        raise ValueError(str(err)) from err
