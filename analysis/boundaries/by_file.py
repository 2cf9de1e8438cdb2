"""Tables over several files: rows for each, or for all together, and the column that says which."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.inputs import sources

FILE = "file"
"""The first column of every table that a command writes: the file as the person named it, with its way inside a folder
or an archive; of tables over several files how many these are."""


def parts(sequences: Sequence[sources.Sequence], together: bool = False) -> dict[str, list[int]]:
    """What a table has rows for -> the places of its sequences: each file, or all of them as one."""
    found: dict[str, list[int]] = {}
    for place, each in enumerate(sequences):
        found.setdefault(each.file, []).append(place)
    if together and len(found) > 1:
        return {f"{len(found)} files": list(range(len(sequences)))}
    return found


def with_file(table: pd.DataFrame, file: str) -> pd.DataFrame:
    """The table with the column before the others."""
    table = table.copy(deep=False)
    table.insert(0, FILE, pd.Series(file, index=table.index, dtype="str"))
    return table


class FileColumn:
    """The column of tables that name a sequence in every row."""

    def __init__(self, sequences: Sequence[sources.Sequence]) -> None:
        place = {label: number for number, label in enumerate(parts(sequences))}
        self._code = np.array([place[each.file] for each in sequences])
        self._files = pd.CategoricalDtype(list(place))

    def of(self, sequence: pd.Series) -> pd.Categorical:
        """sequence: a categorical column whose categories are the names of all sequences, in order."""
        return pd.Categorical.from_codes(self._code[sequence.cat.codes], dtype=self._files)


class Tables:
    """Output path -> its table, put together part by part."""

    def __init__(self) -> None:
        self._parts: dict[str, list[pd.DataFrame]] = {}

    def add(self, file: str, tables: Mapping[str, pd.DataFrame]) -> None:
        for path, table in tables.items():
            self._parts.setdefault(path, []).append(with_file(table, file))

    @property
    def paths(self) -> list[str]:
        return list(self._parts)

    def items(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """(path, the whole table)"""
        return ((path, joined(tables)) for path, tables in self._parts.items())


def joined(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Tables of the same columns, one under the other."""
    return pd.concat(tables, ignore_index=True)
