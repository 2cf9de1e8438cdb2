"""A boundary or chunk table as bigWig: one track, indexed for genome browsers."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyBigWig

from analysis.tracks import interval
from hnet_core.errors import InputError


class BigWigWriter:
    """The probability at every position, or over every chunk.

    bigWig holds one value a base, sequence by sequence and rising: tables of one model, stage and strand.
    """

    def __init__(self, path: str, lengths: Mapping[str, int] | None) -> None:
        if not lengths:
            raise ValueError("a bigWig needs the lengths of its sequences")
        self.file = pyBigWig.open(path, "w")
        self.file.addHeader([(name, int(length)) for name, length in lengths.items()])
        self.track: tuple | None = None

    def write(self, table: pd.DataFrame) -> None:
        keys = [name for name in ("model", "stage", "strand") if name in table]
        for track in table[keys].drop_duplicates().itertuples(index=False):
            if self.track not in (None, tuple(track)):
                raise InputError(
                    "a bigWig holds one track; choose one --model, one --stage and one --strand, or write .bedgraph"
                )
            self.track = tuple(track)
        for name, part in table.groupby("sequence", observed=True, sort=False):
            start, end = interval(part)
            value = part["prob"].to_numpy(np.float64)
            if "byte" in part:
                self.file.addEntries(str(name), start, values=value, span=1)
            else:
                self.file.addEntries([str(name)] * len(part), start, ends=end, values=value)

    def close(self) -> None:
        self.file.close()
