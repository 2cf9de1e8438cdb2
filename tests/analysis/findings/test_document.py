"""Numbers, counts and tables of the page."""

import pandas as pd
import pytest

from analysis.findings.document import beyond, decimal, listed, of, percent, probability, span, table, text

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
    rows = pd.DataFrame({"name": ["a|b"], "share": [0.1234]})
    lines = table(rows, {"name": ("name", text), "share": ("share", percent)}).splitlines()
    assert lines == ["| name | share |", "| --- | ---: |", "| a\\|b | 12.3 % |"]


def test_only_tests_that_were_made_are_counted():
    assert beyond([0.01, 0.049, 0.05, 0.5, NAN]) == (2, 4)


def test_counts_in_words():
    assert [of(n, 8, "stages") for n in (0, 3, 8)] == ["none of 8 stages", "3 of 8 stages", "all 8 stages"]
    assert of(1, 1, "stages") == "1 of 1 stages" and of(1401, 7808, "places") == "1,401 of 7,808 places"
    assert [listed(names) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]


def test_span():
    assert span([0.5, 0.25, NAN]) == "0.25 to 0.50"
    assert span([0.5]) == "0.50" and span([NAN]) == "-"
