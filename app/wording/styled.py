"""Tables with p- and q-values as the page shows them: the cells stay numbers, so that columns sort by size."""

from collections.abc import Mapping
from functools import partial

import pandas as pd
from pandas.io.formats.style import Styler

from analysis.chance.p_values import shown

MISSING = "–"


def styled(table: pd.DataFrame, tests: Mapping[str, pd.Series]) -> Styler:
    """The table with its p- and q-values written out, and other numbers to four digits behind the point.

    table  rows by a plain index   tests  column -> which rows are at the least that their shifts can give
    """
    numbers = table.select_dtypes("float").columns.difference(list(tests))
    out = table.style.format(_number, subset=list(numbers))
    for column, least in tests.items():
        out = out.format(shown, subset=[column])
        out = out.format(partial(shown, least=True), subset=(table.index[least.to_numpy()], [column]))
    return out


def _number(value: float) -> str:
    if pd.isna(value):
        return MISSING
    return f"{value:.4f}".rstrip("0").rstrip(".")
