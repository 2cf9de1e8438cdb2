"""Saved runs on the page: kept whole, opened as they were, compared, deleted; hostile names reach no other folder."""

from contextlib import nullcontext

import gradio as gr
import pandas as pd
import pytest

from analysis.inputs import Sequence
from analysis.runs import saved_runs
from app import saved
from app.session import Session
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
    _, value, stages, page, line = saved.on_open(keeping, name)
    assert value["link"] == {"tab": "runs", "run": name} and page == 1
    assert name in line["value"] and line["elem_classes"] == "said"
    assert value["about"]["models"]["english_b"]["weights_sha256"] == done.model.info["weights_sha256"]
    assert len(stages["choices"]) == 2


def test_no_two_runs_read_the_same_in_a_narrow_list(keeping):
    for _ in range(3):
        kept(keeping)
    labels = [label for label, _ in saved.on_list(keeping)[1]["choices"]]
    assert len({label[:20] for label in labels}) == 3
    assert all("English, 2 stages" in label and label.endswith("a <i>.txt") for label in labels)


def test_picking_a_run_takes_away_what_was_said(keeping):
    refused(saved.on_open(keeping, None), "no run is picked")
    assert saved.on_picked()["value"] == ""


def test_the_list_is_newest_first_and_deletion_needs_a_tick(keeping):
    assert saved.listed(keeping).empty
    names = [kept(keeping)[1], kept(keeping, "english_a")[1]]
    table, first, _ = saved.on_list(keeping)
    assert table["run"].tolist() == names[::-1] == [value for _, value in first["choices"]]
    assert table["input"][0] == "a <i>.txt" and table["bytes"][0] == len(TEXT)
    refused(saved.on_delete(keeping, names[0], False), "tick")
    saved.on_delete(keeping, names[0], True)
    assert [folder.name for folder, _ in saved_runs(keeping.runs_dir)] == names[1:]
    refused(saved.on_open(keeping, names[0]), "not there any more")


def test_two_runs_of_one_text_are_compared(keeping):
    one, other = kept(keeping)[1], kept(keeping, "english_a", name="the same under another name")[1]
    value, line = saved.on_compare(keeping, one, other)
    assert [group["label"] for group in value["groups"]] == ["A", "B"]
    assert "by chance" in line["value"] and value["link"] == {"tab": "runs", "run": one, "with": other}
    refused(saved.on_compare(keeping, one, one), "two different runs")
    another = kept(keeping, data=b"something else")[1]
    refused(saved.on_compare(keeping, one, another), "different inputs")
    for asked, fine in (({"run": one, "with": other}, True), ({"run": "20260101T000000Z-00000000"}, False)):
        with nullcontext() if fine else pytest.raises(InputError, match="not there any more"):
            saved.check_link(keeping, asked)


@pytest.mark.parametrize("name", ["..", "../runs", "/etc", "", ".x.deleted", "nope"])
def test_a_name_that_is_not_listed_reaches_no_folder(keeping, tmp_path, name):
    kept(keeping)
    for handler in (
        lambda: saved.on_open(keeping, name),
        lambda: saved.on_delete(keeping, name, True),
        lambda: saved.on_compare(keeping, name, "nope"),
    ):
        refused(handler(), "")
    assert len(saved_runs(tmp_path / "runs")) == 1


def test_without_a_folder_the_page_says_how_to_get_one(session):
    assert saved.listed(session).empty
    with pytest.raises(InputError, match="--runs DIR"):
        saved.reopen(session, "x")
    said = saved.on_save(session, None)
    assert "press Analyse" in said["value"] and said["elem_classes"] == "status"


def test_a_folder_that_cannot_hold_runs_is_refused_at_the_start(models_dir, tmp_path):
    with pytest.raises(InputError, match="make it first"):
        Session(models_dir, "cpu", tmp_path / "no" / "runs")
