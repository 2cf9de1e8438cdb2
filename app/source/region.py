"""Regions of a record as the page counts them: from 1, the last base included."""

import math

from app.wording.sentences import number
from hnet_core.errors import InputError


def check_region(length: int, first: float | None, last: float | None) -> tuple[int, int]:
    """[start, end) of the bases first to last, as the page counts them: from 1, the last one included.

    It ends at the record's end at the latest. Raises InputError for what holds none of its bases.
    """
    whole = [each is not None and math.isfinite(each) and each == int(each) for each in (first, last)]
    if not all(whole) or not 1 <= first <= min(last, length):
        raise InputError(
            f"from base {number(first)} to base {number(last)}: give two whole numbers from 1 to {length:,}, the "
            "first one not above the last; bases count from 1 and the last one is included"
        )
    return int(first) - 1, int(min(last, length))


def known_region(length: int, first: float | None, last: float | None) -> tuple[int, int] | None:
    """As check_region; None where the fields hold no region, which is told beside them."""
    try:
        return check_region(length, first, last)
    except InputError:
        return None


def as_fields(start: int, end: int) -> tuple[int, int]:
    """What stands in the fields for bases [start, end)."""
    return start + 1, end


def as_words(start: int, end: int) -> str:
    """Bases [start, end) as genome browsers write them: 37,227-37,940."""
    return f"{start + 1:,}-{end:,}"
