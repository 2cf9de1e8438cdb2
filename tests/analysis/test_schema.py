"""The columns of tables: checked when a table is made, and each explained to its readers."""

import re

import pandas as pd
import pytest

from analysis import schema


@pytest.mark.parametrize(
    "name",
    [
        "AGREEMENT",
        "EVALUATION",
        "SURPRISAL",
        "DICTIONARY",
        "OVERLAP",
        "GROWTH",
        "STABILITY",
        "STABILITY_CURVE",
        "ACCOUNT",
        "GROUPS",
        "CONSENSUS",
        "DENSITY",
        "ENRICHMENT",
    ],
)
def test_every_column_is_explained(root, name):
    text = (root / "docs" / "analysis.md").read_text(encoding="utf-8")
    words = {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", code)}
    chance = "*_chance" in text
    missing = [c for c in getattr(schema, name) if c not in words and not (chance and c.endswith("_chance"))]
    assert not missing


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"tokens": [1]}), "should be"),
        (pd.DataFrame({"types": [1], "tokens": [1]}), "should be"),
        (pd.DataFrame({"tokens": [1], "types": [1.0]}), "column 'types' is float64, should be int64"),
    ],
)
def test_another_table_is_refused(table, message):
    with pytest.raises(TypeError, match=message):
        schema.check(table, schema.GROWTH)
