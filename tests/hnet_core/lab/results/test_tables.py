"""Tables from made-up trainings whose figures can be worked out by hand."""

import pytest

from hnet_core.evaluate.perturbations import PERTURBATIONS
from hnet_core.lab.results import tables


def training(title, bits, *, domain="dna", seed=0, points=(), robust=None, **test):
    figures = {"name": "rest", "bits_per_byte": bits, "bytes_per_chunk": [4.0], **test}
    if robust:
        figures["robustness"] = robust
    curve = {"bytes": [n for n, _ in points], "valid_bpb": [v for _, v in points]}
    facts = {"bytes_seen": 4_000_000, "flops_per_byte": 1_250_000}
    return {"title": title, "domain": domain, "seed": seed, "curve": curve, "tests": [figures], **facts}


OURS = training(tables.HNET, 1.9, points=[(1e6, 2.2), (2e6, 2.0), (8e6, 1.95), (10e6, 1.9)])


def rows(text):
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]


def test_a_kind_without_training_is_an_empty_row():
    runs = [training("byte Mamba-2", 2.0, seed=s) for s in (0, 1)]
    runs[1]["tests"][0]["bits_per_byte"] = 2.5
    text = tables.equal_flops(runs, {"dna": ["H-Net, 1 stage", "byte Mamba-2"]})
    _, _, empty, mamba = rows(text)
    assert empty == ["H-Net, 1 stage", "", "", "", "", ""]
    assert mamba == ["byte Mamba-2", "2.000 / 2.500", "0, 1", "4.0", "1.25", "4.00"]
    assert "### DNA" in text and "below" not in text


def test_the_verdict_compares_means_and_names_both_sides():
    runs = [OURS, training("byte Mamba-2", 2.0), training("byte Mamba-2", 1.9, seed=1), training("BPE", 1.5)]
    said = tables.verdicts([*runs, training("H-Net, fixed stride", 9.0)])
    assert said == "H-Net, 1 stage: 0.400 above BPE, 0.050 below byte Mamba-2."


def test_data_efficiency_is_read_before_the_learning_rate_falls():
    # 10 MB planned: 8 MB is the last point at the full learning rate; the other passes 1.95 half way from 4 to 8 MB.
    other = training("byte Mamba-2", 1.8, points=[(4e6, 2.05), (8e6, 1.85), (10e6, 1.8)])
    assert tables.before_decay(OURS) == (8e6, 1.95)
    assert tables.bytes_for(other, 1.95) == pytest.approx(6e6)
    assert rows(tables.efficiency([OURS, other]))[2] == ["0", "1.950", "8.00", "byte Mamba-2", "6.00", "0.75"]


def test_a_value_that_is_reached_in_the_decay_alone_is_not_reached():
    other = training("byte Mamba-2", 1.8, points=[(8e6, 2.0), (10e6, 1.9)])
    assert rows(tables.efficiency([OURS, other]))[2][4:] == ["not reached in 8.0", "above 1.00"]
    assert tables.efficiency([OURS]) == tables.efficiency([other]) == ""


def test_robustness_is_the_rise():
    found = {kind: 3.0 + i for i, kind in enumerate(PERTURBATIONS)} | {"mean": 5.0}
    text = tables.robustness([training("BPE", 2.0, domain="english", robust=found), OURS])
    assert rows(text)[2] == ["BPE", "2.000", "+1.00", "+2.00", "+3.00", "+4.00", "+5.00", "+3.000"]
    assert "DNA" not in text


def test_ablations_stand_against_the_mean_of_the_base():
    shares = [{"space_or_first_letter": 0.5, "inside_word": 0.25, "all": 0.2}]
    runs = [training(tables.HNET, b, seed=s, shares=shares) for s, b in enumerate((2.0, 2.2))]
    runs.append(training("no smoothing", 2.3, shares=shares))
    _, _, first, second, other, missing = rows(
        tables.ablations(runs, [tables.HNET, "no smoothing", "4 stages"])
    )
    assert (first[1:4], second[1:4]) == (["0", "2.000", "-0.100"], ["1", "2.200", "+0.100"])
    assert other == ["no smoothing", "0", "2.300", "+0.200", "4.00", "50%", "25%", "20%"]
    assert missing == ["4 stages", *[""] * 7]


def test_bundled_models_with_and_without_a_goal():
    info = {"name": "m", "bytes_seen": 2_000_000, "bits_per_byte": 2.0, "bytes_per_chunk": [2.5, 6.0]}
    judged = {**info, "goal": {"goal": "words", "reached": "61%", "met": True}}
    _, _, plain, with_goal = rows(tables.bundled([info, judged]))
    assert plain == ["`m`", "2.0", "2.000", "2.50 / 6.00", "", "", ""]
    assert with_goal[4:] == ["words", "61%", "yes"]
