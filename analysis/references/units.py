"""What cuts by a rule: a function from bytes to the offsets of its units, also in the place of a model."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hnet_core.errors import InputError

Cut = Callable[[bytes], np.ndarray]
"""An input -> the rising offsets at which its units start."""


@dataclass(frozen=True)
class UnitTrack:
    """One stage over one input, as analysis.boundaries.chunks.Track: every byte, with probability 0 or 1."""

    byte: np.ndarray
    prob: np.ndarray
    is_boundary: np.ndarray


@dataclass(frozen=True)
class Segmenter:
    """A model of one stage, as analysis.boundaries.extract.BoundaryModel, that cuts by a rule."""

    name: str
    title: str
    cut: Cut
    n_stages: int = 1

    @property
    def info(self) -> dict[str, Any]:
        return {"name": self.name, "title": self.title}

    def boundaries(self, data: bytes, *, progress: Callable[[int, int], None] | None = None):
        """(UnitTrack,) of one input."""
        is_boundary = np.zeros(len(data), bool)
        is_boundary[self.cut(data)] = True
        is_boundary[:1] = True
        if progress:
            progress(len(data), len(data))
        return (UnitTrack(np.arange(len(data)), is_boundary.astype(np.float32), is_boundary),)

    def boundaries_many(
        self, data: Sequence[bytes], *, progress: Callable[[int, int], None] | None = None
    ) -> list[tuple[UnitTrack, ...]]:
        """(UnitTrack,) of each input."""
        done, tracks = 0, []
        for each in data:
            tracks.append(self.boundaries(each))
            done += len(each)
            if progress:
                progress(done, sum(map(len, data)))
        return tracks

    def cutting_at(self, thresholds: Sequence[float | None]) -> "Segmenter":
        """Itself: a rule knows 0 and 1, which lie on either side of every threshold."""
        return self

    def open(self) -> "Segmenter":
        """Itself: it holds no state."""
        return self

    def feed_all(self, pieces: Iterable[bytes]) -> Iterator[tuple[UnitTrack, ...]]:
        """One answer for all pieces: a rule may look ahead."""
        yield self.boundaries(b"".join(pieces))


def known_units(units: Mapping[bytes, np.ndarray], unknown: str) -> Cut:
    """The units of known inputs; any other input raises InputError with the text `unknown`."""

    def cut(data: bytes) -> np.ndarray:
        if data not in units:
            raise InputError(unknown)
        return units[data]

    return cut
