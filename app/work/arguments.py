"""Arguments that programs give: what is not of the type or in the range is one sentence that names the argument."""

import math
from collections.abc import Sequence
from typing import Any

from app.wording.sentences import given
from app.wording.sentences import number as shown
from hnet_core.errors import InputError


def text(name: str, value: Any, most: int, least: int = 1) -> str:
    """A text of `least` to `most` characters."""
    allowed = f"a text of {least:,} to {most:,} characters"
    if not isinstance(value, str):
        raise _wrong(name, given(value), allowed)
    if not least <= len(value) <= most:
        size = f"a text of {len(value):,} characters" if value else "an empty text"
        raise _wrong(name, size, allowed)
    return value


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number from low to high; JSON does not tell 1.0 from 1."""
    found = _number(value)
    if found is None or found != int(found) or not low <= found <= high:
        only = f"{low:,}, the only one there is"
        raise _wrong(name, given(value), only if low == high else f"a whole number from {low:,} to {high:,}")
    return int(value)


def number(name: str, value: Any, allowed: str, low: float, high: float, above: bool = False) -> float:
    """A number from low (above: beyond it) to high; `allowed` says so in words."""
    found = _number(value)
    if found is None or not low <= found <= high or (above and found == low):
        raise _wrong(name, given(value), allowed)
    return float(found)


def field(label: str, value: Any, low: float, high: float, whole: bool = False) -> float:
    """What stands in a number field of the page, checked; the sentence writes numbers as people do."""
    found = _number(value)
    if found is None or not low <= found <= high or (whole and found != int(found)):
        kind = "whole number" if whole else "number"
        what = "the field is empty" if found is None else f"{shown(found)} was given"
        raise InputError(f"{label}: {what}; give a {kind} from {shown(low)} to {shown(high)}")
    return int(found) if whole else float(found)


def one_of(name: str, value: Any, known: Sequence[str], what: str) -> str:
    """One of the names known."""
    if not isinstance(value, str):
        raise _wrong(name, given(value), f"the name of a {what}")
    if value not in known:
        raise InputError(f"{name}: there is no {what} named {given(value)}; there are {', '.join(known)}")
    return value


def several_of(name: str, value: Any, known: Sequence[str], what: str, least: int, most: int) -> list[str]:
    """Some different names of those known."""
    allowed = f"a list of {least} to {most} different names of {what}s"
    if not isinstance(value, list | tuple):
        raise _wrong(name, given(value), allowed)
    if not least <= len(value) <= most:
        raise _wrong(name, f"a list of {len(value):,}", allowed)
    found = [one_of(f"{name}[{i}]", each, known, what) for i, each in enumerate(value)]
    if len(set(found)) < len(found):
        raise _wrong(name, given(value), allowed)
    return found


def _number(value: Any) -> int | float | None:
    """The value where it is a finite number, and no truth value; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # a whole number beyond every float
        return None


def _wrong(name: str, what: str, allowed: str) -> InputError:
    return InputError(f"{name}: {what} was given; give {allowed}")
