"""Counts, p-values and numbers as the page writes them."""

import math

import pytest

from app.wording import counted, given, isolated, number, p_value


@pytest.mark.parametrize(
    ("p", "least", "text"),
    [
        (0.0, 0, "< 0.0001"),
        (0.0000206, 0, "< 0.0001"),
        (0.0001, 0, "0.000100"),
        (0.000368, 0, "0.000368"),
        (0.03694, 0, "0.0369"),
        (0.5, 0, "0.500"),
        (1.0, 0, "1.00"),
        (2 / 201, 2 / 201, "≤ 0.00995"),
        (0.02, 2 / 201, "0.0200"),
        (1e-6, 1e-6, "< 0.0001"),
        (math.nan, 0.01, "–"),
    ],
)
def test_p_values_are_never_nought(p, least, text):
    assert p_value(p, least) == text


def test_one_is_one():
    assert [counted(n, "chunk") for n in (0, 1, 2, 1278)] == [
        "0 chunks",
        "1 chunk",
        "2 chunks",
        "1,278 chunks",
    ]


def test_numbers_as_people_write_them():
    assert [number(each) for each in (None, 1.5, 1e8, 99_999_999, -3, 0.05)] == [
        "nothing",
        "1.5",
        "100,000,000",
        "99,999,999",
        "-3",
        "0.05",
    ]


def test_what_was_given_is_one_short_line():
    assert given("a\n\u202eb\ud800") == '"a\\n\\u202eb\\ud800"'
    assert len(given("x" * 1000)) == 61 and given(object()) == "a object"


def test_only_text_that_runs_from_the_right_is_set_apart():
    assert isolated("abc 中 12") == "abc 中 12" and isolated("שלום.fa") == "\u2068שלום.fa\u2069"
