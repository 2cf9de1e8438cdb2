"""Plots are SVG that the same numbers make the same."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from analysis.findings import plots

PANELS = {"one": {"a": [0.1, 0.2, 0.3], "b": [0.3, 0.2, 0.1]}, "two": {"a": [0.1, 0.1, 0.1]}}
DRAWN = {
    "matrix": lambda: plots.matrix(["x", "y"], np.array([[np.nan, 0.5], [0.5, np.nan]]), "title"),
    "bars": lambda: plots.grouped_bars(PANELS, ("1", "2", "3"), "rate"),
    "lines": lambda: plots.lines({"one": {"a": ([1, 2, 4], [1, 2, 3])}}, "x", "y", level=0.5, zero=True),
    "dots": lambda: plots.dots(["r1", "r2"], {"a": [0.1, 0.2]}, "F1", {"chance": [0.1, 0.1]}),
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_numbers_give_the_same_bytes(name):
    svg = DRAWN[name]()
    assert svg == DRAWN[name]()
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert b"date" not in svg.lower() and len(svg) < 150_000


def words(svg):
    return {element.text for element in ElementTree.fromstring(svg).iter() if element.text}


def test_text_stays_text():
    assert {"one", "two", "rate", "a", "b"} <= words(DRAWN["bars"]())
    assert {"0.50", "title", "x"} <= words(DRAWN["matrix"]())


def test_other_numbers_give_another_plot():
    other = plots.dots(["r1", "r2"], {"a": [0.1, 0.9]}, "F1", {"chance": [0.1, 0.1]})
    assert other != DRAWN["dots"]()
