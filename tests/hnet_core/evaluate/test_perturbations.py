"""Each disturbance does what its name says, to characters, and the seed decides it."""

from collections import Counter

import pytest

from hnet_core.evaluate.perturbations import PERTURBATIONS, perturb

TEXT = ("The quick brown fox, zwölf Äpfel 中文. " * 100).encode()


def test_antspeak_and_uppercase_by_hand():
    assert perturb("aß Ö1".encode(), "antspeak", 0).decode() == "A S S   Ö 1"
    assert perturb("aé Ö1".encode(), "uppercase", 0).decode() == "AÉ Ö1"


def test_drop_leaves_out_a_tenth_and_keeps_the_order():
    text, left = TEXT.decode(), perturb(TEXT, "drop", 1).decode()
    assert 0.07 < 1 - len(left) / len(text) < 0.13
    position = iter(text)
    assert all(c in position for c in left), "a subsequence"


def test_random_case_changes_case_alone():
    text = perturb(TEXT, "random_case", 1).decode()
    assert text.lower() == TEXT.decode().lower()
    letters = [c for c in text if c.isascii() and c.isalpha()]
    assert 0.45 < sum(c.isupper() for c in letters) / len(letters) < 0.55


def test_repeat_says_a_fifth_again_up_to_four_times():
    text, drawn = TEXT.decode(), perturb(TEXT, "repeat", 1).decode()
    # A fifth of the characters gets 2.5 more on average.
    assert 1.4 < len(drawn) / len(text) < 1.6
    letters = perturb("".join(map(chr, range(0x4E00, 0x4E00 + 3000))).encode(), "repeat", 1).decode()
    times = Counter(Counter(letters).values())
    assert set(times) == {1, 2, 3, 4, 5} and 0.77 < times[1] / 3000 < 0.83


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_the_seed_and_the_document_decide(kind):
    assert perturb(TEXT, kind, 3, 1) == perturb(TEXT, kind, 3, 1)
    differs = kind in ("drop", "random_case", "repeat")
    assert (perturb(TEXT, kind, 3, 1) != perturb(TEXT, kind, 4, 1)) == differs
    assert (perturb(TEXT, kind, 3, 1) != perturb(TEXT, kind, 3, 2)) == differs


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_bytes_that_are_no_text_pass(kind):
    disturbed = perturb(b"\xff\xfe a\xc3", kind, 0)
    assert isinstance(disturbed, bytes) and perturb(b"", kind, 0) == b""


def test_strays_stay_bytes():
    assert perturb(b"a\xff\xc3", "uppercase", 0) == b"A\xff\xc3"
