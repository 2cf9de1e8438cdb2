"""Comparisons as functions: all models over all records, references, the matrix, groups, where models differ."""

import json
from pathlib import Path

import gradio as gr
import numpy as np
import pandas as pd
import pyBigWig
import pytest

from analysis.agreement.pairs import compare as pair_of
from analysis.files.provenance import file_hash
from analysis.inputs.reading import Sequence
from app.compare import agreement
from app.compare import files as compare_files
from app.compare import handlers as compare
from app.evidence.handlers import on_wish
from app.picture.comparison import Comparison
from app.server import references
from app.work.job import Job, Wish
from hnet_core.errors import InputError

TEXT = "It was the best of times, it was the worst of times. " * 12
MODELS = ["english_a", "english_b", "code_a"]


def run(session, text=TEXT, models=MODELS, stage=0):
    return compare.on_compare(session, Job(), "paste", text, None, "english", models, stage)


@pytest.fixture(scope="module")
def comparison(session):
    return run(session)[0]


@pytest.fixture(scope="module")
def agreed(comparison):
    return agreement.on_agreement(Job(), comparison)


def test_all_models_are_drawn_with_the_stage_compared(session):
    outer, inner = run(session)[1], run(session, stage=-1)[1]
    assert [(g["label"], len(g["stages"])) for g in outer["groups"]] == [("A", 1), ("B", 2), ("C", 1)]
    assert (outer["compared"], inner["compared"]) == ([0, 0, 0], [0, 1, 0])


@pytest.mark.parametrize("models", [None, [], ["english_a"], ["english_a"] * 13])
def test_two_to_twelve_models(session, models):
    with pytest.raises(gr.Error, match="takes 2 to 12 models"):
        run(session, models=models)


def test_every_record_can_be_shown(session):
    done, value, records, _ = run(session, ">one\nACGTACGTTT\n>two\nGGGGCCCCAAAA\n", ["dna_a", "english_a"])
    assert [name for _, name in records["choices"]] == ["one", "two"] and records["visible"]
    other, value, _ = compare.on_view(done, "two", 0)
    assert other.record == "two" and dict(value["facts"])["input"] == "two"
    assert compare.on_view(None, None, 0) == (gr.skip(),) * 3


def test_agreement_holds_every_pair_of_stages(session, comparison, agreed):
    whole, shown, order = agreed
    shown = shown.data
    assert shown[["1st", "2nd"]].agg("".join, axis=1).tolist() == ["A0B0", "A0B1", "A0C0", "B0C0", "B1C0"]
    want = pair_of(comparison.analyses[1], comparison.analyses[2], 1, 0)
    assert whole.table["f1"].iloc[4] == want["f1"]
    assert (whole.table["q_value"] >= whole.table["p_value"]).all()
    assert sorted(order) == comparison.sides
    made = compare_files.on_csv(session, comparison, whole)["value"]
    assert len(pd.read_csv(made)) == 5


def test_matrix_reads_from_row_to_column_in_the_order_of_the_clusters(comparison, agreed):
    whole = agreed[0]
    cells = agreement.on_matrix(comparison, whole, "containment_ab").set_index("")
    assert list(cells.columns) == list(cells.index) == [compare.label(*side) for side in whole.order]
    row = whole.table.iloc[1]
    ab = f"{row['containment_ab']:.3f} ({row['containment_ab_chance']:.3f})"
    ba = f"{row['containment_ba']:.3f} ({row['containment_ba_chance']:.3f})"
    assert cells.loc["A0", "B1"].startswith(ab) and cells.loc["B1", "A0"].startswith(ba)
    assert cells.loc["B0", "B1"] == cells.loc["A0", "A0"] == ""
    assert set(agreement.MEASURES) <= set(whole.table.columns)
    assert [bool(agreement.on_measure(each)) for each in agreement.MEASURES] == [True] * len(agreement.HELP)
    for measure in agreement.MEASURES:
        agreement.on_matrix(comparison, whole, measure)


@pytest.mark.parametrize(("q", "mark"), [(0.0009, " ***"), (0.009, " **"), (0.049, " *"), (0.05, "")])
def test_a_cell_carries_the_mark_of_its_q(comparison, agreed, q, mark):
    table = agreed[0].table.assign(q_value=q, kappa=0.25)
    cells = agreement.matrix(comparison, agreement.Agreement(table, agreed[2]), "kappa").set_index("")
    assert cells.loc["A0", "C0"] == "0.250" + mark


@pytest.mark.parametrize(
    "measure", ["f1_matched", "spearman", "f1_tolerant", "ari", "vi_split", "pk", "window_diff"]
)
def test_what_q_does_not_test_has_no_mark(comparison, agreed, measure):
    table = agreed[0].table.assign(q_value=0.0009)
    cells = agreement.matrix(comparison, agreement.Agreement(table, agreed[2]), measure)
    assert not cells.apply(lambda column: column.str.contains("*", regex=False)).any(axis=None)
    assert agreement.NO_MARKS in agreement.on_measure(measure)
    assert agreement.NO_MARKS not in agreement.on_measure("f1_star")


def cells_of(frame, column):
    """A column as a table of the page shows it."""
    value = gr.Dataframe(interactive=False).postprocess(frame)
    at = value.headers.index(column)
    return [row[at] for row in value.metadata["display_value"]], [row[at] for row in value.data]


def test_p_is_written_out_and_stays_a_number(session):
    """Of one long record, tried at all its shifts, and of two, at a thousand; chance that does as well is no 0."""
    text = " ".join("x" * n for n in np.random.default_rng(0).integers(1, 9, 6000))
    long = run(session, text, ["ref:spaces", "ref:words"])[0]
    words, numbers = cells_of(agreement.on_agreement(Job(), long)[1], "p")
    assert words == ["< 0.0001"] and numbers == [
        pytest.approx(2 / (len(text) - 1))
    ]  # words turned by a byte fit too
    few = run(session, f">one\n{'ACGGT' * 100}\n>two\n{'CCATG' * 80}\n", ["ref:codons", "dna_a"])[0]
    table = agreement.on_agreement(Job(), few)[0].table
    shown = agreement.shown_table(few, table.assign(p_value=1 / 1001, q_value=0.0123))
    assert cells_of(shown, "p") == (["≤ 0.000999"] * 2, [1 / 1001] * 2)
    assert cells_of(shown, "q")[0] == ["≤ 0.0123"] * 2
    shown = agreement.shown_table(few, table.assign(p_value=2 / 1001, q_value=0.0123))
    assert cells_of(shown, "p")[0] == ["0.002"] * 2 and cells_of(shown, "q")[0] == ["0.0123"] * 2


def test_alike_stand_beside_alike(session):
    """Words and white space cut alike in English: they are neighbours, whatever was picked between them."""
    done = run(session, models=["ref:words", "ref:fixed:5", "english_a", "ref:spaces"])[0]
    order = agreement.on_agreement(Job(), done)[2]
    assert abs(order.index((0, 0)) - order.index((3, 0))) == 1


def test_groups_have_means_and_intervals(comparison, agreed):
    shown = agreement.on_groups(comparison, agreed[0], "f1", "depth")
    row = shown[(shown["group"] == "depth 1, stage 0") & (shown["with"] == "depth 1, stage 0")]
    f1 = row[row["measure"] == "F1"]
    assert f1["mean"].item() == round(float(agreed[0].table["f1"].iloc[2]), 4)
    assert f1["models"].item() == "2 and 2" and f1["95 % interval"].item() == "too few runs"
    assert "Fleiss' kappa" in set(row["measure"])
    # The section may be closed: a measure without means is no error there, and the others have some.
    for measure in agreement.MEASURES:
        shown = agreement.on_groups(comparison, agreed[0], measure, "depth")
        if measure in ("pk", "window_diff"):
            assert "has no means of groups" in shown.iloc[0, 0]
        else:
            assert agreement.MEASURES[measure][0] in set(shown["measure"])
    with pytest.raises(gr.Error, match="pick one of depth"):
        agreement.on_groups(comparison, agreed[0], "f1", "colour")


@pytest.mark.parametrize(
    ("text", "names", "told"),
    [
        (
            TEXT,
            ["english_a", "ref:codons"],
            "B: The reference codons, frame 0 is made for DNA; this input looks like English.",
        ),
        (
            TEXT,
            ["english_a", "ref:python-tokens"],
            "B: The reference Python tokens is made for Python; this input looks like English.",
        ),
        (">a\n" + "ACGT" * 20, ["dna_a", "ref:words"], "is made for text; this input is DNA."),
        ("def f():\n    return 1\n", ["code_a", "ref:python-tokens"], None),
        (">a\n" + "ACGT" * 20, ["dna_a", "ref:codons"], None),
        (TEXT, ["english_a", "ref:words"], None),
    ],
)
def test_a_reference_for_another_kind_of_input_is_told(session, text, names, told):
    notes = run(session, text, names)[1]["alerts"]
    assert any(told in note for note in notes) if told else not any("is made for" in note for note in notes)


def test_a_list_and_the_picture_call_a_reference_alike(session):
    titles = {name: title for title, name in references.choices()}
    for name in ("ref:words", "ref:codons:1"):
        assert references.reference(name, []).title == titles[name]


def test_too_many_models_are_told_at_once():
    assert compare.on_models(["m"] * 12) == compare.on_models(None) == ""
    assert compare.on_models(["m"] * 13).startswith("13 are picked, at most 12")


def test_places_of_dna_count_from_one(session):
    done = run(session, ">one\n" + "ACGTTGCA" * 40, ["dna_a", "english_a"])[0]
    raw, shown = compare.windows(done), compare.shown_windows(done)
    assert list(shown)[:2] == ["first", "last"] and shown["first"].tolist() == (raw["start"] + 1).tolist()
    facts = dict(run(session, ">one\n" + "ACGTTGCA" * 40, ["dna_a", "english_a"])[1]["facts"])
    assert facts["bases"] == "320" and facts["A, stage 0"].endswith("bases a chunk")


def test_references_stand_beside_models(session):
    done, value, *_ = run(session, models=["english_a", "ref:spaces", "ref:byte-pairs", "ref:random:0.2"])
    starts = done.analyses[1].chunks_of("pasted text", 0)["start"].tolist()
    spaces = [at for at, char in enumerate(TEXT) if char == " "]
    assert starts == [0, *spaces]
    assert value["groups"][1]["name"] == "reference: white space"
    pairs = done.analyses[2].chunks_of("pasted text", 0)
    assert pairs["n_bytes"].sum() == len(TEXT) and pairs["n_bytes"].max() > 3


@pytest.mark.parametrize("name", ["ref:gold:/etc/passwd", "ref:bpe:300:/etc/passwd", "ref:nothing", "ref:"])
def test_only_listed_references_can_be_asked_for(session, name):
    with pytest.raises(InputError, match="no reference named"):
        references.reference(name, [Sequence("t", b"abc")])


def test_what_a_reference_refuses_is_one_sentence(session):
    with pytest.raises(gr.Error, match="Python"):
        run(session, text="def f(:\n  (", models=["english_a", "ref:python-tokens"])


def select(index, row=()):
    return gr.SelectData(None, {"index": index, "value": "", "row_value": list(row)})


def test_a_cell_shows_its_two_models_and_where_they_differ(comparison, agreed):
    order = agreed[2]
    row, column = order.index((1, 1)), order.index((0, 0)) + 1
    pair, value, update, place = compare.on_cell(comparison, order, select([row, column]))
    assert pair.pair == (0, 0, 1, 1) and [g["label"] for g in value["groups"]] == ["A", "B"]
    found = update["value"]
    a, b = (set(comparison.analyses[i].chunks_of("pasted text", s)["start"]) for i, s in ((0, 0), (1, 1)))
    first = found.iloc[0]
    assert first["differing"] == sum(first["start"] <= at < first["end"] for at in a ^ b)
    assert place == {"start": first["start"], "end": first["end"]}
    counts = np.bincount(np.array(sorted(a ^ b)) // 64)
    assert first["differing"] == counts.max()
    with pytest.raises(gr.Error, match="two different models"):
        compare.on_cell(comparison, order, select([row, order.index((1, 0)) + 1]))


def test_the_widest_disagreement_of_all_models_comes_first(comparison):
    starts = [set(each.chunks_of("pasted text", 0)["start"]) for each in comparison.analyses]
    apart = set.union(*starts) - set.intersection(*starts)
    table = compare.windows(comparison)
    assert table["differing"].iloc[0] == np.bincount(np.array(sorted(apart)) // 64).max()
    assert table["differing"].is_monotonic_decreasing


def save(session, comparison, whole, key, measure="f1", by="depth"):
    wish = Wish()
    on_wish(wish, key)
    return compare_files.on_file(session, wish, comparison, whole, measure, by, key)["value"]


def saved_files(session):
    return [path for path in Path(session._files.name).rglob("*") if path.is_file()]


@pytest.mark.parametrize("key", ["chunks.csv", "p.parquet", "p.bedgraph"])
@pytest.mark.parametrize("after", [0, 1])
def test_picking_another_file_stops_the_one_that_is_made(session, dna, monkeypatch, key, after):
    wish, named, written = Wish(), compare_files.files.named, []

    def name_and_pick_another(done, table):
        written.append(done.model.name)
        if len(written) == after:
            on_wish(wish, "")
        return named(done, table)

    monkeypatch.setattr(compare_files.files, "named", name_and_pick_another)
    before = saved_files(session)
    on_wish(wish, key if after else "groups.csv")
    made = compare_files.on_file(session, wish, *dna, "f1", "depth", key)
    assert made == gr.skip() and len(written) == after < len(dna[0].analyses)
    assert saved_files(session) == before


def test_a_file_that_is_there_too_late_is_not_offered():
    wish = Wish()
    on_wish(wish, "a.csv")
    assert wish.ready("a.csv", lambda: "path") == gr.update(value="path", interactive=True)
    assert wish.ready("a.csv", lambda: on_wish(wish, "b.csv") and "path") == gr.skip()


@pytest.fixture(scope="module")
def dna(session):
    done = run(session, ">one\nACGTACGTTTACGGAT\n>two\nGGGGCCCCAAAA\n", ["dna_a", "ref:codons"])[0]
    return done, agreement.on_agreement(Job(), done)[0]


def test_the_matrix_is_saved_as_plain_numbers(session, comparison, agreed):
    def saved(measure):
        wish = Wish()
        wish.key = "matrix.csv"
        made = compare_files.on_file(session, wish, comparison, agreed[0], measure, "depth", "matrix.csv")
        return pd.read_csv(made["value"])

    table, whole = saved("containment_ab"), agreed[0].table
    sides = [(comparison.analyses[i].model.name, stage) for i, stage in agreed[0].order]
    assert list(zip(table["model"], table["stage"], strict=True)) == sides
    assert list(table.columns[2:]) == ["measure", *(f"{name} stage {stage}" for name, stage in sides)]
    numbers = table.iloc[:, 3:]
    assert all(pd.api.types.is_float_dtype(kind) for kind in numbers.dtypes)
    for row in whole.itertuples():
        a, b = sides.index((row.model_a, row.stage_a)), sides.index((row.model_b, row.stage_b))
        assert numbers.iloc[a, b] == pytest.approx(row.containment_ab)
        assert numbers.iloc[b, a] == pytest.approx(row.containment_ba)
    assert saved("pk").iloc[:, 3:].notna().sum().sum() == len(whole)  # one side is the reference


def test_every_file_of_a_comparison(session, dna):
    done, whole = dna
    keys = [key for _, key in compare_files.choices(done)]
    assert {"chunks.bed", "chunks.gff3", "p.bedgraph", "consensus.bw", "groups.parquet"} <= set(keys)
    for key in keys:
        with open(save(session, done, whole, key), "rb") as file:
            content = file.read()
        assert content and (key.endswith((".csv", ".bw")) or b"weights_sha256" in content), key


def test_the_consensus_track_is_the_share_of_models(session, dna):
    shares = pd.read_csv(save(session, *dna, "consensus.csv"))
    with pyBigWig.open(save(session, *dna, "consensus.bw")) as track:
        assert track.chroms() == {"one": 16, "two": 12}
        for name, byte, share in shares[["sequence", "byte", "share"]].itertuples(index=False):
            assert track.values(name, byte, byte + 1) == [pytest.approx(share)]


def test_a_file_says_which_weights_made_it(session, models_dir, dna):
    with open(save(session, *dna, "provenance.json"), encoding="utf-8") as file:
        facts = json.load(file)
    want = file_hash(models_dir / "dna_a" / "model.safetensors")
    assert facts["models"]["dna_a"]["weights_sha256"] == want and facts["code_version"]
    assert facts["options"]["compared"] == ["dna_a, stage 0", "ref:codons, stage 0"]
    assert facts["input"]["bytes"] == 28


def test_files_of_a_text_have_no_tracks(session, comparison, agreed):
    assert not [key for _, key in compare_files.choices(comparison) if key.endswith((".bed", ".bw", ".gff3"))]
    chunks = pd.read_parquet(save(session, comparison, agreed[0], "chunks.parquet"))
    assert set(chunks["model"]) == set(MODELS)
    with pytest.raises(gr.Error, match="no such file"):
        save(session, comparison, agreed[0], "chunks.bed")
    with pytest.raises(gr.Error, match="no agreement"):
        save(session, comparison, None, "matrix.csv")


def test_a_stop_reaches_the_agreement(comparison):
    job = Job()
    job.stop()
    with pytest.raises(gr.Error, match="Stopped"):
        agreement.on_agreement(job, comparison)


def test_hostile_record_name_is_data(session):
    done = Comparison(
        tuple(session.analyse([Sequence("</script><b>", b"abc abc")], name) for name in MODELS[:2]),
        "</script><b>",
    )
    with open(save(session, done, None, "html"), encoding="utf-8") as file:
        assert "</script><b>" not in file.read()
