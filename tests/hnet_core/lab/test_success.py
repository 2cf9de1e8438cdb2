"""Success is one formula a domain, and its share has an interval."""

import cmath
import math

import pytest

from hnet_core.lab.success import in_words, success, wilson
from hnet_core.landmarks.verdict import codon_strength

WORDS = {"space_or_first_letter": 0.9, "all": 0.27, "inside_word": 0.05}
INNER = {"space_or_first_letter": 0.8, "all": 0.2, "inside_word": 0.05}
CHINESE = {"inside_character": 0.02, "character_start": 0.95}
CODE = {"space_or_token_start": 0.75, "all": 0.33}
DNA = {"codon_1": 0.46, "codon_2": 0.2, "codon_3": 0.2}
DNA |= {f"reverse_{name}": share for name, share in DNA.items()}
NOTHING = {"space_or_first_letter": 0.2, "all": 0.2, "inside_word": 0.2}


@pytest.mark.parametrize(
    ("domain", "stages"),
    [
        ("english", [WORDS]),
        ("english", [NOTHING, INNER]),
        ("chinese", [CHINESE]),
        ("chinese", [{"inside_character": 0.3}, CHINESE]),
        ("code", [CODE]),
        ("code", [CODE, {"space_or_token_start": 0.1, "all": 0.1}]),
        ("dna", [DNA]),
        ("text", [WORDS]),
    ],
)
def test_the_limits_themselves_are_a_success_and_each_is_needed(domain, stages):
    assert success(domain, stages) is True
    for stage, shares in enumerate(stages):
        for key in shares if shares in (WORDS, INNER, CHINESE, CODE) else ():
            better = key not in ("all", "inside_word", "inside_character")
            worse = [
                *stages[:stage],
                shares | {key: shares[key] + (-0.01 if better else 0.01)},
                *stages[stage + 1 :],
            ]
            assert success(domain, worse) is False, key
            missing = [*stages[:stage], {k: v for k, v in shares.items() if k != key}, *stages[stage + 1 :]]
            assert success(domain, missing) is False, key


def test_in_several_stages_the_innermost_is_judged_for_english():
    assert success("english", [WORDS, NOTHING]) is False
    assert success("english", [INNER]) is False, "one stage must do more"
    assert "innermost stage has word starts (or the space before) at least 80%" in in_words("english", 2)
    assert in_words("dna", 1) == (
        "some stage has R of codon positions forward at least 0.3, R on the reverse strand at least 0.3"
    )


def test_dna_needs_both_strands():
    flat = {f"reverse_codon_{k}": 0.3 for k in (1, 2, 3)}
    assert success("dna", [DNA | flat]) is False
    assert success("dna", [{k: v for k, v in DNA.items() if "reverse" not in k}]) is False


def test_a_model_without_router_is_not_judged():
    assert success("english", []) is None


@pytest.mark.parametrize("rates", [(0.37, 0.2, 0.25), (0.3, 0.3, 0.3), (0.0, 0.5, 0.0), (0.45, 0.2, 0.28)])
def test_codon_strength_is_the_length_of_the_mean_direction(rates):
    shares = {f"codon_{k}": rate for k, rate in enumerate(rates, 1)}
    total = sum(rate * cmath.exp(2j * math.pi * k / 3) for k, rate in enumerate(rates))
    assert codon_strength(shares, forward=True) == pytest.approx(abs(total) / sum(rates), abs=1e-12)
    assert codon_strength(shares, forward=False) is None
    assert codon_strength({f"codon_{k}": 0.0 for k in (1, 2, 3)}, forward=True) is None


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (0, 4, 0.0, 0.4899),
        (2, 4, 0.1500, 0.8500),
        (4, 4, 0.5101, 1.0),
        (1, 1, 0.2065, 1.0),
        (9, 10, 0.5958, 0.9821),
    ],
)
def test_wilson_interval(k, n, low, high):
    assert wilson(k, n) == pytest.approx((low, high), abs=1e-4)
    # Its ends are the shares p whose own deviation sqrt(p (1 - p) / n) puts k / n just at 1.96 of them.
    for end in wilson(k, n):
        if 1e-9 < end < 1 - 1e-9:
            assert abs(k / n - end) / math.sqrt(end * (1 - end) / n) == pytest.approx(1.959964, rel=1e-6)
