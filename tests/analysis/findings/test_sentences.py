"""Answers follow from numbers: the same templates, with other numbers, say the opposite."""

import numpy as np
import pandas as pd
import pytest

from analysis.findings import agreement, chunks, codons, features, surprise, words
from analysis.findings.study import by_pairs
from analysis.genome.codon_phase import rayleigh

DIFFER = [
    ({"seed": 1}, "seed"),
    ({"seed": 1, "data_seed": 1}, "seed, data order"),
    ({"data": ["a", "b"]}, "training data"),
    ({"bytes_seen": 2}, "input seen"),
]


@pytest.mark.parametrize(("change", "said"), DIFFER)
def test_what_two_models_differ_in_is_named(change, said):
    one = {"seed": 0, "data_seed": 0, "data": ["a"], "bytes_seen": 1}
    assert agreement._differ(one, one | change) == said


def pairs(beyond, before, q=0.001):
    """Two pairs of models that leave `beyond` each, and models before training that leave `before`."""
    alike = pd.DataFrame(
        {"input": "E. coli", "f1_star": [0.3, 0.5], "f1_star_beyond_pairs": beyond, "q_value": q}
    )
    return alike, pd.DataFrame({"input": "E. coli", "f1_star_beyond_pairs": before})


def agreed(*args, **kwargs):
    rows = agreement.corrected(pd.DataFrame([agreement.summary("E. coli", *pairs(*args, **kwargs))]))
    return rows.iloc[0], " ".join(agreement.verdicts(rows, {"E. coli"}))


def test_agreement_beyond_pairs_is_above_every_model_before_training():
    before, weak = np.linspace(-0.03, 0.03, 39), "The models of DNA are weak: "
    row, said = agreed(0.2, before)
    assert row["p"] == row["q"] == 1 / 40 and said.startswith("**Yes in E. coli**") and weak not in said
    row, said = agreed(0.04, before)
    assert row["p"] == 1 / 40 and said.startswith("**Hardly in E. coli**") and weak in said
    row, said = agreed(0.02, before)
    assert row["p"] > 0.05 and said.startswith("**Not beyond pairs of bytes in E. coli.**") and weak in said


def test_agreement_beyond_pairs_is_corrected_for_the_number_of_inputs():
    """p of 1/40 in one of two inputs is q of 1/20, which is not below the level."""
    found = [agreement.summary("E. coli", *pairs(left, np.zeros(39))) for left in (0.2, -0.1)]
    rows = agreement.corrected(pd.DataFrame(found))
    assert rows["p"].tolist() == [1 / 40, 1] and rows["q"].tolist() == [1 / 20, 1]
    assert agreement.verdicts(rows, ())[0].startswith("**Not beyond")
    assert agreement.corrected(rows.assign(p=float("nan")))["q"].isna().all()


def test_few_models_before_training_prove_nothing():
    row, said = agreed(0.2, [0.0] * 3)
    assert row["p"] == 0.25 and said.startswith("**Not beyond")


def test_one_model_says_nothing_of_agreement():
    alike, blank = pairs(0.2, [0.0])
    rows = agreement.corrected(pd.DataFrame([agreement.summary("E. coli", alike.iloc[:0], blank)]))
    assert agreement.verdicts(rows, ()) == [
        "Of E. coli nothing can be said: there are no two models of one depth."
    ]
    assert agreement.details(rows) == []


def phases(rates, q=0.001, r=0.2, r_pairs=0.1):
    """A stage a row on forward genes, with its rates at the three positions."""
    found = pd.DataFrame(rates, columns=["rate_1", "rate_2", "rate_3"])
    return found.assign(genome="Ring", strand="+", r=r, r_chance=0.01, r_pairs=r_pairs, q_value=q)


def test_codons_name_the_common_position_or_its_absence():
    same, other = [(0.1, 0.2, 0.5)] * 3, [(0.1, 0.2, 0.5), (0.5, 0.2, 0.1)]
    assert codons.verdict(phases(same))[0].startswith("**Yes, all at position 3.**")
    assert codons.verdict(phases(other))[0].startswith("**In part: models prefer different positions.**")
    assert codons.verdict(phases(same, q=0.2))[0].startswith("**No.**")
    assert codons._preferred(phases(other))[0].endswith("Ring 1 / 0 / 1.")


def test_codons_say_how_much_pairs_of_bases_make():
    rows = [(0.1, 0.2, 0.5)]
    assert "make 50.0 % of that R" in codons.verdict(phases(rows))[1]
    assert "make all of that R" in codons.verdict(phases(rows, r_pairs=0.3))[1]


def test_cuts_by_pairs_alone_are_told_from_cuts_by_place():
    """Half of the places behind A are cut: by what stands behind A, or by turns, which pairs do not know."""
    data = b"ACAG" * 50
    places = np.arange(len(data))
    by_pair, by_turn = places % 4 == 1, places % 8 == 1
    assert by_pairs(data, by_pair)[1:].tolist() == by_pair[1:].tolist()
    assert set(by_pairs(data, by_turn)[by_turn]) == {0.5}
    counts = [by_pairs(data, by_turn)[k::4].sum() for k in range(4)]
    assert counts[1] == pytest.approx(by_turn.sum()) and rayleigh(np.array(counts[:3])) == pytest.approx(1)


def rates(ratios, q=0.001):
    return pd.DataFrame(
        {"genome": "Ring", "feature": "CDS", "ratio": ratios, "q_value": q, "stage": range(len(ratios))}
    )


def test_features_are_preferred_where_tests_go_one_way():
    assert features.verdict(rates([0.8] * 9 + [1.2]))[0].startswith("**Yes: fewer in coding sequence**")
    assert features.verdict(rates([1.2] * 10))[0].startswith("**Yes: more in coding sequence**")
    assert features.verdict(rates([0.8, 1.2] * 5))[0].startswith("**No common preference.**")
    assert features.verdict(rates([0.8] * 10, q=0.5))[0].startswith("**No.**")
    assert "in 5, fewer in 5 of 10 tests" in features.verdict(rates([0.8, 1.2] * 5))[1]


def bits(auroc, q=0.001):
    return pd.DataFrame({"input": "English", "auroc": auroc, "q_value": q})


def test_surprise_has_a_direction_where_all_stages_have_it():
    assert surprise.verdict(bits([0.6, 0.7]))[0].startswith("**Yes in English**")
    assert surprise.verdict(bits([0.4, 0.3]))[0].startswith("**The reverse in English**")
    assert surprise.verdict(bits([0.4, 0.7]))[0].startswith("**It depends on the model in English**")
    assert surprise.verdict(bits([0.6, 0.7], q=0.1))[0].startswith("**No in English**")
    assert surprise.ways(bits([0.6, 0.4, 0.7])) == "more bits in 2, fewer in 1 of 3 stages"


def gold(f1, q=0.001, language="English"):
    return pd.DataFrame({"language": language, "f1": f1, "f1_constant": 0.4, "q_value": q})


@pytest.mark.parametrize(
    ("f1", "q", "said"),
    [
        ([0.5, 0.6], 0.001, "**Yes: English models on English (all 2 tests).**"),
        ([0.5, 0.3], 0.001, "**In part: English models on English (1 of 2 tests).**"),
        ([0.3, 0.3], 0.001, "**No: English models on English (none of 2 tests).**"),
        ([0.5, 0.6], 0.2, "**No: English models on English (none of 2 tests).**"),
    ],
)
def test_words_are_met_above_both_nulls(f1, q, said):
    assert words.verdict([("english", True, gold(f1, q))])[0] == said


def test_words_of_other_languages_are_named_where_they_are_met():
    parts = [("english", False, gold([0.5, 0.3], language=["German", "Thai"]))]
    assert words.elsewhere(parts) == ["In other languages: English models 1 of 2 tests (German)."]


@pytest.mark.parametrize(("jaccard", "said"), [(0.95, "**Yes in"), (0.5, "**In part in"), (0.1, "**No in")])
def test_boundaries_hold_by_their_jaccard_index(jaccard, said):
    rows = pd.DataFrame({"input": "English", "jaccard": [jaccard] * 2, "jaccard_chance": 0.2})
    assert chunks.verdict(rows)[0].startswith(said)
