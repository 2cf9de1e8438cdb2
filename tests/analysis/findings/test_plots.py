"""Plots are SVG that the same numbers make the same."""

import xml.etree.ElementTree as ElementTree

import pytest

from analysis.findings import plots

ROWS = {
    "one": {"a": [0.1, 0.2], "b": [0.3, float("nan")], "all": [0.5]},
    "two": {"a": [0.1], "all": [0.4]},
}


def drawn(rows=ROWS, **more):
    return plots.strips(rows, "share", level=0.25, ticks=("all",), **more)


def words(svg):
    return {element.text for element in ElementTree.fromstring(svg).iter() if element.text}


def test_the_same_numbers_give_the_same_bytes_and_others_other_ones():
    svg = drawn()
    assert svg == drawn() and ElementTree.fromstring(svg).tag.endswith("svg")
    assert b"date" not in svg.lower() and len(svg) < 100_000
    assert svg != drawn({**ROWS, "two": {"a": [0.9], "all": [0.4]}})


def test_rows_series_and_chance_are_named_in_text():
    assert {"one", "two", "a", "b", "all", "chance", "share"} <= words(drawn())
    assert "chance" not in words(plots.strips(ROWS, "share"))


def test_every_value_has_its_mark_below_those_of_the_series_before():
    at, values = plots._places(ROWS, "a", ["a", "b"])
    assert values == [0.1, 0.2, 0.1] and at == pytest.approx([-0.175, -0.175, 0.825])
    assert plots._places(ROWS, "b", ["a", "b"]) == (pytest.approx([0.175]), [0.3])
    assert plots._places(ROWS, "all", ["a", "b"]) == ([0, 1], [0.5, 0.4])
