"""Agreement with gold words: by hand, perfect, absent, and 0 for what knows nothing wherever spaces go."""

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.agreement.gold_words import PLACES, word_table
from analysis.boundaries.segmentations import cut, segmentation_of
from analysis.commands import cli
from analysis.inputs.conllu import read_conllu
from analysis.references import models as models_by_name
from analysis.references.names import segmenter
from tests.analysis.fake_model import FakeModel
from tests.analysis.inputs.test_conllu import line


def bank(words, after=None):
    after = after or {}
    rows = [line(str(i), w, after.get(i, "_")) for i, w in enumerate(words, 1)]
    return "\n".join([*rows, ""]).encode()


def table_of(texts, *names, **options):
    sequences = [text.sequence for text in texts]
    cuts = [stage for name in names for stage in cut(sequences, segmenter(name))]
    return word_table(cuts, texts, "bank", **options).set_index(["units", "place", "model"])


def test_by_hand():
    # "ab cd.e": tokens ab, cd, ".", e start at 0, 3, 5, 6; slots are bytes 1 to 6.
    texts = read_conllu(bank(["ab", "cd", ".", "e"], {2: "SpaceAfter=No", 3: "SpaceAfter=No"}))
    assert texts[0].sequence.data == b"ab cd.e"
    table = table_of(texts, "ref:fixed:2", shifts=1000)  # cuts at 2, 4, 6
    rows = {place: table.loc[("surface", place, "ref:fixed:2")] for place in PLACES}
    counts = {
        place: tuple(row[["n_places", "n_model", "n_gold", "n_both"]].astype(int))
        for place, row in rows.items()
    }
    # The space (2) and the letter behind it (3) are one place of five.
    assert counts == {"gap": (5, 3, 3, 2), "letter": (6, 3, 3, 1), "space": (6, 3, 3, 2)}
    assert rows["gap"]["f1"] == pytest.approx(2 / 3) and rows["letter"]["recall"] == pytest.approx(1 / 3)
    # Boundaries 2 4 6 or 1 3 5, each at half of the shifts: places hit 1 or 2 of 3 letters.
    assert rows["letter"]["recall_chance"] == pytest.approx(0.5, abs=0.05)
    assert rows["letter"]["p_value"] == pytest.approx(1.0)
    assert rows["gap"]["inside_rate"] == pytest.approx(1 / 2)  # of bytes 1 and 4


WORDS = ["The", "cat", "isn't", "a", "dog", "but", "Öl", "can", "sit"] * 60


def test_all_words_found_and_none():
    texts = read_conllu(bank(WORDS))
    table = table_of(texts, "ref:spaces", "ref:characters", shifts=99)
    best = table.loc[("surface", "space", "ref:spaces")]
    assert (best["f1"], best["f1_star"], best["kappa"], best["p_value"]) == pytest.approx((1, 1, 1, 0.01))
    assert table.loc[("surface", "gap", "ref:spaces"), "f1"] == 1
    assert table.loc[("surface", "letter", "ref:spaces"), "f1"] == 0
    assert table.loc[("surface", "letter", "ref:characters"), "recall"] == 1


@pytest.mark.parametrize("name", ["ref:random:0.3", "ref:fixed:4"])
def test_what_knows_nothing_scores_zero_wherever_spaces_go(name):
    rng = np.random.default_rng(0)
    texts = read_conllu(bank(["x" * int(n) for n in rng.integers(1, 9, 8000)]))
    table = table_of(texts, name, shifts=200)
    assert (table["f1_star"].abs() < 0.03).all() and (table["kappa"].abs() < 0.03).all()
    assert (table["z"].abs() < 3).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [3, 40, 551, 1000])
def test_a_boundary_at_every_byte_has_no_room_above_chance(n):
    """Whatever the rounding of the mean of equal numbers, which differs with their size."""
    rng = np.random.default_rng(n)
    texts = read_conllu(bank(["x" * int(size) for size in rng.integers(1, 8, n)]))
    table = table_of(texts, "ref:fixed:1", shifts=50)
    assert table["f1_star"].isna().all() and table["z"].isna().all() and (table["p_value"] == 1).all()
    assert (table["f1"] == table["f1_chance"]).all() and (table["kappa"] == 0).all()


def test_the_best_is_that_of_each_text():
    """One text cut everywhere and one nowhere cannot reach the words of both."""
    texts = read_conllu(b"# newdoc\n" + bank(["a"] * 8) + b"\n# newdoc\n" + bank(["bcd"] * 4))
    lengths = [len(text.sequence.data) for text in texts]
    every = segmentation_of("x", [np.arange(1, lengths[0]), np.empty(0, int)], lengths)
    row = word_table([every], texts, "bank", shifts=9).set_index("place").loc["letter"]
    assert (row["n_model"], row["n_gold"], row["n_both"]) == (14, 7 + 3, 7)
    assert row["f1_max"] == row["f1"] == pytest.approx(2 * 7 / (14 + 10)) and np.isnan(row["f1_star"])


@pytest.mark.parametrize("word", ["a", "ab"])
def test_texts_of_a_byte_or_two_are_undefined_not_wrong(word):
    table = table_of(read_conllu(bank([word])), "ref:spaces", shifts=3)
    assert (table["n_gold"] == 0).all() and (table["p_value"] == 1).all()
    assert table["f1_star"].isna().all() and table["recall"].isna().all()


def test_seams_inside_tokens():
    rows = [line("1-2", "cannot"), line("1", "can"), line("2", "not"), line("3", "go")]
    texts = read_conllu("\n".join([*rows, ""]).encode())
    table = table_of(texts, "ref:fixed:3", shifts=1)  # "can" "not" " go"
    row = table.loc[("surface", "gap", "ref:fixed:3")]
    assert (row["n_seams"], row["seam_rate"], row["inside_rate"]) == (1, 1.0, 0.0)
    assert table.loc[("syntactic", "gap", "ref:fixed:3"), "n_gold"] == 2
    assert table.loc[("syntactic", "gap", "ref:fixed:3"), "f1"] == 1


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(models_by_name, "load_model", lambda name, *_: FakeModel(name))
    gold, out = tmp_path / "en_x-ud-test.conllu", tmp_path / "out.csv"
    gold.write_bytes(bank(WORDS))
    call = ["evaluate", "--gold", str(gold), "--model", "words", "--out"]
    assert cli.main([*call, str(out), "--shifts", "20"]) == 0
    table = pd.read_csv(out)
    assert list(table.columns) == ["file", *schema.EVALUATION]
    assert set(table["gold"]) == {"en_x-ud-test"} and set(table["stage"]) == {0, 1}
    assert "en_x-ud-test, words stage 0: F1 1.000 (chance 0." in capsys.readouterr().out
    assert cli.main([*call, str(gold)]) == 2 and "names no format" in capsys.readouterr().err
    assert cli.main([*call, str(tmp_path / "x.bed")]) == 2
    assert cli.main([*call, str(tmp_path / "x.csv"), "--gold", str(gold)]) == 2
    assert "given twice" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "en_x-ud-test.conllu",
        "out.csv",
        "out.csv.json",
    ]
