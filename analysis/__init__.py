"""Boundaries -> tables, comparisons and files. Arrays and tables in, tables out; knows no web page.

What a program needs is here; it is imported when it is first asked for, since torch and pandas take seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.boundaries.extract import Analysis as Analysis
    from analysis.inputs.sources import Sequence as Sequence
    from analysis.verbs import analyse as analyse
    from analysis.verbs import compare as compare
    from analysis.verbs import enrich as enrich

_HOME = {
    "analyse": "analysis.verbs",
    "compare": "analysis.verbs",
    "enrich": "analysis.verbs",
    "Analysis": "analysis.boundaries.extract",
    "Sequence": "analysis.inputs.sources",
}
__all__ = ["Analysis", "Sequence", "analyse", "compare", "enrich"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"analysis has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)
