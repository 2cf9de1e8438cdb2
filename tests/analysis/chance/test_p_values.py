"""p-values in words: never 0, three digits, and what is at the least that shifts can give is marked."""

import pandas as pd
import pytest

from analysis.chance.p_values import is_least, shown


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.0, "< 0.0001"),
        (0.0000206, "< 0.0001"),
        (0.0001, "0.0001"),
        (0.00012345, "0.000123"),
        (0.01999, "0.02"),
        (0.5, "0.5"),
        (1.0, "1"),
        (float("nan"), "–"),
    ],
)
def test_words(p, words):
    assert shown(p) == words


def test_the_least_is_marked_where_it_is_not_smaller_than_can_be_said():
    assert shown(1 / 1001, least=True) == "≤ 0.000999" and shown(2 / 1001, least=True) == "≤ 0.002"
    assert shown(1 / 48_503, least=True) == "< 0.0001"


def test_the_least_by_shifts_and_sides():
    assert is_least(1 / 1001, 1000) and not is_least(2 / 1001, 1000)
    assert is_least(2 / 1001, 1000, two_sided=True) and not is_least(3 / 1001, 1000, two_sided=True)
    assert not is_least(1.0, 0) and not is_least(
        1.0, 1, two_sided=True
    )  # no shift gives less, and 1 says nothing
    table = pd.DataFrame({"p": [1 / 10, float("nan"), 0.5], "shifts": [9, 0, 9]})
    assert is_least(table["p"], table["shifts"]).tolist() == [True, False, False]
