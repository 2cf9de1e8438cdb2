"""Saved runs on the page: kept whole, opened as they were, compared, deleted; hostile names reach no other folder."""

import json
from contextlib import nullcontext
from pathlib import Path

import gradio as gr
import pandas as pd
import pytest

from analysis.commands import cli
from analysis.files import runs
from analysis.files.runs import saved_runs
from analysis.inputs.reading import Sequence
from app.runs.handlers import check_link, on_compare, on_delete, on_list, on_open
from app.saved import store as saved
from app.saved.button import on_save
from app.server.session import Session
from hnet_core.errors import InputError

TEXT = b"It was the best of times. \xff\xed\xa0\x80 <b>${1}</b>\n" * 8


def refused(outputs, words: str) -> None:
    """One sentence in the line, in the colour of warnings; everything else stays as it was."""
    *others, line = outputs
    assert others == [gr.skip()] * len(others)
    assert words in line["value"] and line["elem_classes"] == "status" and "\n" not in line["value"]


@pytest.fixture
def keeping(models_dir, tmp_path):
    return Session(models_dir, "cpu", tmp_path / "runs")


def kept(keeping, model="english_b", data=TEXT, name="a <i>.txt"):
    done = keeping.analyse([Sequence(name, data, ("odd",))], model)
    return done, saved.save(keeping, done)


def test_a_run_opens_as_it_was_saved(keeping):
    done, name = kept(keeping)
    again = saved.reopen(keeping, name)
    assert again.sequences == done.sequences and again.warnings == done.warnings
    assert (again.model.name, again.model.title, again.model.n_stages) == (
        "english_b",
        "English, 2 stages",
        2,
    )
    for part in ("boundaries", "chunks", "summary"):
        pd.testing.assert_frame_equal(getattr(again, part), getattr(done, part))
    _, value, stages, page, line = on_open(keeping, name)
    assert value["link"] == {"tab": "runs", "run": name} and page == 1
    assert name in line["value"] and line["elem_classes"] == "said"
    assert value["about"]["models"]["english_b"]["weights_sha256"] == done.model.info["weights_sha256"]
    assert len(stages["choices"]) == 2


def test_no_two_runs_read_the_same_in_a_narrow_list(keeping):
    for _ in range(3):
        kept(keeping)
    labels = [label for label, _ in on_list(keeping)[1]["choices"]]
    assert len({label[:20] for label in labels}) == 3
    assert all("English, 2 stages" in label and label.endswith("a <i>.txt") for label in labels)


def test_a_run_of_other_code_says_so(keeping):
    names = [kept(keeping)[1] for _ in range(2)]
    assert "other code" not in on_open(keeping, names[0])[-1]["value"]
    manifest = keeping.runs_dir / names[0] / "manifest.json"
    about = json.loads(manifest.read_text()) | {"code_sha256": "0f" * 32}
    manifest.chmod(0o644)
    manifest.write_text(json.dumps(about))
    for words in (on_open(keeping, names[0]), on_compare(keeping, *names)):
        assert words[-1]["value"].count("was saved by other code (0f0f0f0f0f0f, this is") == 1


def test_the_list_is_newest_first_and_deletion_needs_a_tick(keeping):
    assert saved.listed(keeping).empty
    names = [kept(keeping)[1], kept(keeping, "english_a")[1]]
    table, first, _, left_out = on_list(keeping)
    assert table["run"].tolist() == names[::-1] == [value for _, value in first["choices"]]
    assert left_out["value"] == "" and not left_out["visible"]
    assert table["input"][0] == "a <i>.txt" and table["bytes"][0] == len(TEXT)
    refused(on_delete(keeping, names[0], False), "tick")
    on_delete(keeping, names[0], True)
    assert [folder.name for folder, _ in saved_runs(keeping.runs_dir)] == names[1:]
    refused(on_open(keeping, names[0]), "not there any more")


def test_two_runs_of_one_text_are_compared(keeping):
    one, other = kept(keeping)[1], kept(keeping, "english_a", name="the same under another name")[1]
    value, line = on_compare(keeping, one, other)
    assert [group["label"] for group in value["groups"]] == ["A", "B"]
    assert "by chance" in line["value"] and value["link"] == {"tab": "runs", "run": one, "with": other}
    refused(on_compare(keeping, one, one), "two different runs")
    another = kept(keeping, data=b"something else")[1]
    refused(on_compare(keeping, one, another), "different inputs")
    for asked, fine in (({"run": one, "with": other}, True), ({"run": "20260101T000000Z-00000000"}, False)):
        with nullcontext() if fine else pytest.raises(InputError, match="not there any more"):
            check_link(keeping, asked)


@pytest.mark.parametrize("name", ["..", "../runs", "/etc", "", ".x.deleted", "nope"])
def test_a_name_that_is_not_listed_reaches_no_folder(keeping, tmp_path, name):
    kept(keeping)
    for handler in (
        lambda: on_open(keeping, name),
        lambda: on_delete(keeping, name, True),
        lambda: on_compare(keeping, name, "nope"),
    ):
        refused(handler(), "")
    assert len(saved_runs(tmp_path / "runs")) == 1


def test_without_a_folder_the_page_says_how_to_get_one(session):
    assert saved.listed(session).empty
    with pytest.raises(InputError, match="--runs DIR"):
        saved.reopen(session, "x")
    said = on_save(session, None)
    assert "press Analyse" in said["value"] and said["elem_classes"] == "status"


def test_a_folder_that_cannot_hold_runs_is_refused_at_the_start(models_dir, tmp_path):
    with pytest.raises(InputError, match="make it first"):
        Session(models_dir, "cpu", tmp_path / "no" / "runs")


@pytest.mark.parametrize(
    ("folder", "files", "words"),
    [
        ("webapp", {"manifest.json": b'{"name": "a web page"}'}, "webapp/manifest.json: is no manifest"),
        ("list", {"manifest.json": b"[]"}, "list/manifest.json: is no manifest"),
        ("deep", {"manifest.json": b"[" * 100_000}, "deep/manifest.json: is no manifest"),
        ("cut", {"manifest.json": b'{"run": "cut", "fi'}, "cut/manifest.json: is no manifest"),
        ("bare", {"manifest.json": b'{"files": {}}'}, "bare: bytes.parquet is missing"),
        ("models", {"manifest.json": b'{"files": {}, "models": []}'}, "models/manifest.json: is no manifest"),
        (
            "torn",
            {"manifest.json": b'{"files": {}}', "bytes.parquet": b"PAR1"},
            "torn/bytes.parquet: is cut off",
        ),
    ],
)
def test_a_damaged_or_foreign_folder_hides_no_run_and_is_named(keeping, capsys, folder, files, words):
    (_, one), (_, other) = kept(keeping), kept(keeping, "english_a")
    place = Path(keeping.runs_dir) / folder
    place.mkdir()
    for name, content in files.items():
        (place / name).write_bytes(content)
    table, picked, _, left_out = on_list(keeping)
    assert set(table["run"]) == {one, other} == {value for _, value in picked["choices"]}
    assert left_out["visible"] and left_out["value"].startswith(f"Left out: {words}")
    assert str(keeping.runs_dir) not in left_out["value"]
    assert on_open(keeping, one)[0].sequences[0].data == TEXT
    on_delete(keeping, one, True)
    refused(on_delete(keeping, folder, True), words)
    assert place.is_dir()
    assert cli.main(["query", "SELECT run FROM runs", "--runs", str(keeping.runs_dir)]) == 0
    told = capsys.readouterr()
    assert other in told.out and one not in told.out and f"left out: {place.parent}/{words}" in told.err


def test_a_run_that_somebody_deletes_meanwhile_hides_no_other(keeping, monkeypatch):
    (_, one), (_, other) = kept(keeping), kept(keeping, "english_a")
    real = runs._manifest

    def late(path):
        if path.parent.name == one and path.exists():  # found a moment ago, read now
            monkeypatch.setattr(runs, "_manifest", real)
            saved.remove(keeping, one)
        return real(path)

    monkeypatch.setattr(runs, "_manifest", late)
    table, _, _, left_out = on_list(keeping)
    assert table["run"].tolist() == [other] and left_out["value"] == ""


def test_a_run_that_is_not_what_was_saved_is_not_shown(keeping):
    _, name = kept(keeping)
    table = Path(keeping.runs_dir) / name / "bytes.parquet"
    shown = pd.read_parquet(table)
    table.chmod(0o644)
    shown.assign(prob=0.25).to_parquet(table, index=False)
    refused(on_open(keeping, name), f"{name}/bytes.parquet: was changed since it was saved")


def test_two_runs_of_one_model_both_stand_in_the_provenance(keeping):
    (_, one), (_, other) = kept(keeping), kept(keeping)
    value, _ = on_compare(keeping, one, other)
    assert list(value["about"]["models"]) == ["A: english_b", "B: english_b"]
