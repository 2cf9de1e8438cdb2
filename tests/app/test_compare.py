"""Comparisons as functions: all models over all records, the matrix, a pair and where it differs."""

import gradio as gr
import numpy as np
import pandas as pd
import pytest

from analysis.agreement import compare as agreement
from analysis.inputs import Sequence
from app import compare
from app.job import Job

TEXT = "It was the best of times, it was the worst of times. " * 12
MODELS = ["english_a", "english_b", "code_a"]


def run(session, text=TEXT, models=MODELS, stage=0):
    return compare.on_compare(session, Job(), "paste", text, None, "english", models, stage)


@pytest.fixture(scope="module")
def comparison(session):
    return run(session)[0]


@pytest.fixture(scope="module")
def table(session, comparison):
    return compare.on_agreement(session, Job(), comparison)


def test_all_models_are_drawn_with_the_stage_compared(session):
    outer, inner = run(session)[1], run(session, stage=-1)[1]
    assert [(g["label"], len(g["stages"])) for g in outer["groups"]] == [("A", 1), ("B", 2), ("C", 1)]
    assert (outer["compared"], inner["compared"]) == ([0, 0, 0], [0, 1, 0])


@pytest.mark.parametrize("models", [None, [], ["english_a"], ["english_a"] * 13])
def test_two_to_twelve_models(session, models):
    with pytest.raises(gr.Error, match="two models to 12"):
        run(session, models=models)


def test_every_record_can_be_shown(session):
    done, value, records, _ = run(session, ">one\nACGTACGTTT\n>two\nGGGGCCCCAAAA\n", ["dna_a", "english_a"])
    assert [name for _, name in records["choices"]] == ["one", "two"] and records["visible"]
    other, value, _ = compare.on_view(done, "two", 0)
    assert other.record == "two" and dict(value["facts"])["input"] == "two"
    assert compare.on_view(None, None, 0) == (gr.skip(),) * 3


def test_agreement_holds_every_pair_of_stages(comparison, table):
    whole, shown, file = table
    assert shown[["1st", "2nd"]].agg("".join, axis=1).tolist() == ["A0B0", "A0B1", "A0C0", "B0C0", "B1C0"]
    want = agreement(comparison.analyses[1], comparison.analyses[2], 1, 0)
    assert whole["f1"].iloc[4] == want["f1"] and (whole["q_value"] >= whole["p_value"]).all()
    assert len(pd.read_csv(file["value"])) == 5


def test_matrix_reads_from_row_to_column(comparison, table):
    cells = compare.on_matrix(comparison, table[0], "containment_ab").set_index("")
    row = table[0].iloc[1]
    assert cells.loc["A0", "B1"] == f"{row['containment_ab']:.3f} ({row['containment_ab_chance']:.3f})"
    assert cells.loc["B1", "A0"] == f"{row['containment_ba']:.3f} ({row['containment_ba_chance']:.3f})"
    assert cells.loc["B0", "B1"] == cells.loc["A0", "A0"] == ""
    assert set(compare.MEASURES) <= set(table[0].columns)
    for measure in compare.MEASURES:
        compare.on_matrix(comparison, table[0], measure)


def select(index, row=()):
    return gr.SelectData(None, {"index": index, "value": "", "row_value": list(row)})


def test_a_cell_shows_its_two_models_and_where_they_differ(comparison):
    pair, value, update = compare.on_cell(comparison, select([2, 1]))
    assert pair.pair == (0, 0, 1, 1) and [g["label"] for g in value["groups"]] == ["A", "B"]
    found = update["value"]
    a, b = (set(comparison.analyses[i].chunks_of("pasted text", s)["start"]) for i, s in ((0, 0), (1, 1)))
    first = found.iloc[0]
    assert first["differing"] == sum(first["start"] <= at < first["end"] for at in a ^ b)
    counts = np.bincount(np.array(sorted(a ^ b)) // 64)
    assert first["differing"] == counts.max()
    with pytest.raises(gr.Error, match="two different models"):
        compare.on_cell(comparison, select([1, 3]))


@pytest.mark.parametrize("key", [key for _, key in compare.FILES])
def test_files(session, comparison, table, key):
    made = compare.on_file(session, comparison, table[0], key)["value"]
    if key == "chunks.parquet":
        assert set(pd.read_parquet(made)["model"]) == set(MODELS)
    if key == "agreement.parquet":
        assert len(pd.read_parquet(made)) == 5
    with open(made, "rb") as file:
        assert file.read(4)


def test_a_stop_reaches_the_agreement(session, comparison):
    job = Job()
    job.stop()
    with pytest.raises(gr.Error, match="Stopped"):
        compare.on_agreement(session, job, comparison)


def test_hostile_record_name_is_data(session):
    done = compare.Comparison(
        tuple(session.analyse([Sequence("</script><b>", b"abc abc")], name) for name in MODELS[:2]),
        "</script><b>",
    )
    made = compare.on_file(session, done, None, "html")["value"]
    with open(made, encoding="utf-8") as file:
        assert "</script><b>" not in file.read()
