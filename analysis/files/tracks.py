"""Boundary and chunk tables as lines of BED, bedGraph and GFF3, one interval a row."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import BinaryIO
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analysis.files.provenance import KEY, Provenance, as_text

# GFF3 allows these in the first column as they stand; the rest is percent-encoded.
_GFF3_SAFE = ".:^*$@!+_?-|"


ROWS = 500_000
"""Rows turned into text at a time."""


class _LineWriter:
    """Writes boundary or chunk tables; `model` and `strand` are columns where tables hold several of them."""

    head = ""

    def __init__(self, file: BinaryIO, about: Provenance | None = None) -> None:
        self.file = file
        note = "" if about is None else f"# {KEY} {as_text(about)}\n"
        file.write(f"{self.head}{note}".encode())

    def write(self, table: pd.DataFrame) -> None:
        for first in range(0, len(table), ROWS):
            self._write(table.iloc[first : first + ROWS])

    def _write(self, table: pd.DataFrame) -> None:
        start, end = interval(table)
        self.write_lines(
            pd.DataFrame(
                {
                    "sequence": table["sequence"].astype(str).to_numpy(),
                    "start": start,
                    "end": end,
                    "prob": table["prob"].to_numpy(),
                    "stage": table["stage"].to_numpy(),
                    "model": table["model"].astype(str).to_numpy() if "model" in table else "hnet",
                    "strand": table["strand"].astype(str).to_numpy() if "strand" in table else ".",
                }
            )
        )

    def write_lines(self, table: pd.DataFrame) -> None:
        """Lines for rows of: sequence, start, end (0-based, half-open), prob, stage, model, strand."""
        raise TypeError("a format says what its lines hold")

    def close(self) -> None:
        """Nothing is held back."""


def _dump(table: pd.DataFrame, file: BinaryIO) -> None:
    """Columns as text between tabs. Nothing is quoted: names are words of headers and hold no tab or line end."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    cells = [column.cast(pa.large_string()) for column in arrow.columns]
    tab, line_end, nothing = (pa.scalar(text, pa.large_string()) for text in ("\t", "\n", ""))
    lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*cells, tab), nothing, line_end)
    for chunk in lines.chunks:
        file.write(chunk.buffers()[2])  # the text of all lines, end to end


def interval(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """0-based half-open: of each chunk, or of each position as one base."""
    if "start" in table:
        return table["start"].to_numpy(), table["end"].to_numpy()
    return table["byte"].to_numpy(), table["byte"].to_numpy() + 1


def _label(table: pd.DataFrame) -> pd.Series:
    """Model and stage without white space, which separates columns to some readers."""
    model = table["model"].str.replace(r"\s+", "_", regex=True)
    return model + ":stage" + table["stage"].astype(str)


class BedWriter(_LineWriter):
    """BED6: name is model:stageS, score the probability in thousandths."""

    def write_lines(self, table: pd.DataFrame) -> None:
        score = np.rint(table["prob"] * 1000).astype(int)
        columns = {"name": _label(table), "score": score, "strand": table["strand"]}
        _dump(table[["sequence", "start", "end"]].assign(**columns), self.file)


class BedGraphWriter(_LineWriter):
    """bedGraph: a track for each model, stage and strand, whose value is the probability."""

    def __init__(self, file: BinaryIO, about: Provenance | None = None) -> None:
        super().__init__(file, about)
        # A track is one block of the file, and tables bring every track piece by piece.
        self.blocks: dict[tuple, BinaryIO] = {}
        self.open_files = ExitStack()

    def write_lines(self, table: pd.DataFrame) -> None:
        for key, part in table.groupby(["model", "stage", "strand"], observed=True, sort=False):
            if key not in self.blocks:
                block = tempfile.TemporaryFile()  # noqa: SIM115 - closed with open_files
                self.blocks[key] = self.open_files.enter_context(block)
                model, stage, strand = key
                name = f"{model} stage {stage}{'' if strand == '.' else ' ' + strand}".replace('"', "'")
                self.blocks[key].write(f'track type=bedGraph name="{name}" viewLimits=0:1\n'.encode())
            _dump(part[["sequence", "start", "end", "prob"]], self.blocks[key])

    def close(self) -> None:
        with self.open_files:
            for block in self.blocks.values():
                block.seek(0)
                shutil.copyfileobj(block, self.file)


class Gff3Writer(_LineWriter):
    """GFF3: counts from 1 and includes the end; the source is the model, the score the probability."""

    head = "##gff-version 3\n"

    def write_lines(self, table: pd.DataFrame) -> None:
        seen = {name: quote(name, safe=_GFF3_SAFE) for name in table["sequence"].unique()}
        models = {name: quote(name, safe=_GFF3_SAFE) for name in table["model"].unique()}
        rows = pd.DataFrame(
            {
                "sequence": table["sequence"].map(seen),
                "source": table["model"].map(models),
                "type": "region",
                "start": table["start"] + 1,
                "end": table["end"],
                "score": table["prob"],
                "strand": table["strand"],
                "phase": ".",
                "attributes": "stage=" + table["stage"].astype(str),
            }
        )
        _dump(rows, self.file)


WRITERS: dict[str, Callable[..., _LineWriter]] = {
    ".bed": BedWriter,
    ".bedgraph": BedGraphWriter,
    ".gff3": Gff3Writer,
}
