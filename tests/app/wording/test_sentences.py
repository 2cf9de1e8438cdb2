"""Counts and numbers as the page writes them."""

from app.wording.sentences import counted, given, isolated, number


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
