"""A boundary or chunk table as bigWig: one track, indexed for genome browsers."""

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyBigWig

from analysis.files import tracks
from hnet_core.errors import InputError

_SPARE, _BYTES_A_ROW = 16 * 2**20, 32
"""Room that must be left, in bytes: for index and summaries, and for what is written of a row."""


class BigWigWriter:
    """The probability at every position, or over every chunk.

    bigWig holds one value a base, sequence by sequence and rising: tables of one model, stage and strand.
    """

    def __init__(self, path: str, lengths: Mapping[str, int] | None) -> None:
        if not lengths:
            raise ValueError("a bigWig needs the lengths of its sequences")
        self.folder = Path(path).parent
        self._check_room(0)
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
        for first in range(0, len(table), tracks.ROWS):
            self._write(table.iloc[first : first + tracks.ROWS])

    def _write(self, table: pd.DataFrame) -> None:
        start, end = tracks.interval(table)
        value = table["prob"].to_numpy(np.float64)
        codes, names = pd.factorize(table["sequence"])
        names = names.astype(str).to_numpy()
        same = codes[1:] == codes[:-1]
        if (same & (start[1:] < end[:-1])).any():
            raise ValueError("the rows of each sequence must rise")
        self._check_room(len(table))
        # The library looks a name up among all of the header: with `validate` once a row, without once a sequence.
        self.file.addEntries(names[codes].tolist(), start, ends=end, values=value, validate=False)

    def _check_room(self, rows: int) -> None:
        """OSError while there is still room: on a full disk the library ends the process (pyBigWig 0.3.29)."""
        if shutil.disk_usage(self.folder).free < _SPARE + _BYTES_A_ROW * rows:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))

    def close(self) -> None:
        self.file.close()
