"""A model whose boundaries can be read off the input: words at stage 0, sentences at stage 1."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class FakeTrack:
    byte: np.ndarray
    prob: np.ndarray
    is_boundary: np.ndarray


@dataclass
class FakeModel:
    """Implements analysis.boundaries.extract.BoundaryModel.

    Stage s starts a chunk behind a byte of `cuts[s]`, with probability 0.9; elsewhere it is 0.1.
    """

    name: str = "fake"
    cuts: tuple[bytes, ...] = (b" ", b".")
    info: dict = field(default_factory=lambda: {"title": "Fake", "domain": "english"})

    @property
    def n_stages(self) -> int:
        return len(self.cuts)

    def boundaries(self, data, *, progress=None):
        values = np.frombuffer(data, np.uint8)
        byte, tracks = np.arange(len(data)), []
        # An inner boundary must be one of the outer stage's too: it falls on the next chunk start.
        for cut in self.cuts:
            pieces = np.logical_or.reduceat(np.isin(values, list(cut)), byte)
            is_boundary = np.append(True, pieces[:-1])
            tracks.append(FakeTrack(byte, np.where(is_boundary, 0.9, 0.1).astype(np.float32), is_boundary))
            byte = byte[is_boundary]
        if progress:
            progress(len(data), len(data))
        return tuple(tracks)

    def boundaries_many(self, data, *, progress=None):
        total, done, found = sum(map(len, data)), 0, []
        for each in data:
            found.append(self.boundaries(each))
            done += len(each)
            if progress:
                progress(done, total)
        return found

    def open(self):
        return FakeStream(self)


class FakeStream:
    """Reads everything anew with each piece and returns what was not there before."""

    def __init__(self, model):
        self.model, self.data = model, b""

    def feed_all(self, pieces):
        return map(self.feed, pieces)

    def feed(self, data):
        seen, self.data = len(self.data), self.data + data
        new = []
        for track in self.model.boundaries(self.data):
            kept = track.byte >= seen
            new.append(FakeTrack(track.byte[kept], track.prob[kept], track.is_boundary[kept]))
        return tuple(new)
