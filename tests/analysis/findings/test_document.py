"""Numbers, tables and sentences of the findings."""

import pandas as pd
import pytest

from analysis.findings.document import (
    Section,
    beyond,
    decimal,
    probability,
    span,
    table,
    text,
    whole,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "shown"), [(0.1234, "0.12"), (-0.5, "−0.50"), (-0.001, "0.00"), (NAN, "-"), (None, "-")]
)
def test_decimal(value, shown):
    assert decimal(2)(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.5, "0.5"),
        (0.01234, "0.0123"),
        (0.000999, "0.000999"),
        (2e-5, "< 0.0001"),
        (0.0, "< 0.0001"),
        (NAN, "-"),
    ],
)
def test_probability(value, shown):
    assert probability(value) == shown


def test_a_table_sets_numbers_right_and_escapes_bars():
    rows = pd.DataFrame({"name": ["a|b"], "n": [1234]})
    lines = table(rows, {"name": ("name", text), "n": ("n", whole)}).splitlines()
    assert lines == ["| name | n |", "| --- | ---: |", "| a\\|b | 1,234 |"]


def test_only_tests_that_were_made_are_counted():
    assert beyond([0.01, 0.049, 0.05, 0.5, NAN]) == (2, 4)


def test_span():
    assert span([0.5, 0.25, NAN]) == "0.25 to 0.50"
    assert span([0.5]) == "0.50" and span([NAN]) == "-"


def test_a_section_shows_its_short_sentences_in_place():
    section = Section("Title")
    section.add("before")
    section.short("said")
    section.plot("a.svg", b"<svg/>", "what it shows")
    assert section.markdown(2) == "## 2. Title\n\nbefore\n\nsaid\n\n![what it shows](findings/a.svg)\n"
    assert section.shorts == ["said"]
