"""Which records, and which parts of them, belong to a training or evaluation set."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from hnet_core.errors import InputError

_REGION = re.compile(r"(?P<name>.+):(?P<start>[0-9]{1,15})-(?P<end>[0-9]{1,15})")


class RegionFilter:
    """Keeps what `include` names (everything if it is empty), less what `exclude` names.

    An entry is a record name, a name with * ? [] wildcards, or NAME:START-END, 1-based and closed.
    """

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._include = [_parse(entry) for entry in include]
        self._exclude = [_parse(entry) for entry in exclude]
        self._unused = {pattern for pattern, _, _ in self._include}
        self._names: list[str] = []

    def regions(self, name: str, length: int) -> list[tuple[int, int]]:
        """0-based half-open regions to keep of a record of `length` bases, in order."""
        self._names.append(name)
        kept = [(0, length)] if not self._include else self._matching(self._include, name, length)
        for low, high in self._matching(self._exclude, name, length):
            kept = [
                piece for start, end in kept for piece in ((start, min(end, low)), (max(start, high), end))
            ]
        return [(start, end) for start, end in kept if start < end]

    def check_all_used(self) -> None:
        """Raise InputError if an `include` entry named no record that was read."""
        for pattern in sorted(self._unused):
            near = get_close_matches(pattern, self._names, n=1, cutoff=0)
            hint = f"; the nearest record is {near[0]!r}" if near else ""
            raise InputError(f"include {pattern!r}: no record of the data has that name{hint}")

    def _matching(self, entries: list, name: str, length: int) -> list[tuple[int, int]]:
        found = []
        for pattern, start, end in entries:
            if name == pattern or fnmatchcase(name, pattern):
                self._unused.discard(pattern)
                found.append((start, length if end is None else min(end, length)))
        return sorted(found)


def _parse(entry: str) -> tuple[str, int, int | None]:
    """'chr1:5-9' -> ('chr1', 4, 9); 'chr1' -> ('chr1', 0, None)."""
    match = _REGION.fullmatch(entry)
    if not match:
        return entry, 0, None
    start, end = int(match["start"]), int(match["end"])
    if not 1 <= start <= end:
        raise InputError(f"region {entry!r}: must be NAME:START-END with 1 <= START <= END")
    return match["name"], start - 1, end
