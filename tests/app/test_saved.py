"""Saved runs on the page: kept whole, opened as they were, compared, deleted; hostile names reach no other folder."""

import gradio as gr
import pandas as pd
import pytest

from analysis.inputs import Sequence
from analysis.runs import saved_runs
from app import saved
from app.session import Session
from hnet_core.errors import InputError

TEXT = b"It was the best of times. \xff\xed\xa0\x80 <b>${1}</b>\n" * 8


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
    assert value["link"] == {"tab": "runs", "run": name} and page == 1 and name in line
    assert len(stages["choices"]) == 2


def test_the_list_is_newest_first_and_deletion_needs_a_tick(keeping):
    assert saved.listed(keeping).empty
    names = [kept(keeping)[1], kept(keeping, "english_a")[1]]
    table, first, _ = saved.on_list(keeping)
    assert table["run"].tolist() == names[::-1] == [value for _, value in first["choices"]]
    assert table["input"][0] == "a <i>.txt" and table["bytes"][0] == len(TEXT)
    with pytest.raises(gr.Error, match="tick"):
        saved.on_delete(keeping, names[0], False)
    saved.on_delete(keeping, names[0], True)
    assert [folder.name for folder, _ in saved_runs(keeping.runs_dir)] == names[1:]
    with pytest.raises(gr.Error, match="not there any more"):
        saved.on_open(keeping, names[0])


def test_two_runs_of_one_text_are_compared(keeping):
    one, other = kept(keeping)[1], kept(keeping, "english_a", name="the same under another name")[1]
    value, line = saved.on_compare(keeping, one, other)
    assert [group["label"] for group in value["groups"]] == ["A", "B"] and "by chance" in line
    with pytest.raises(gr.Error, match="two different runs"):
        saved.on_compare(keeping, one, one)
    with pytest.raises(gr.Error, match="different inputs"):
        saved.on_compare(keeping, one, kept(keeping, data=b"something else")[1])


@pytest.mark.parametrize("name", ["..", "../runs", "/etc", "", ".x.deleted", "nope"])
def test_a_name_that_is_not_listed_reaches_no_folder(keeping, tmp_path, name):
    kept(keeping)
    for handler in (
        lambda: saved.on_open(keeping, name),
        lambda: saved.on_delete(keeping, name, True),
        lambda: saved.on_compare(keeping, name, "nope"),
    ):
        with pytest.raises(gr.Error):
            handler()
    assert len(saved_runs(tmp_path / "runs")) == 1


def test_without_a_folder_the_page_says_how_to_get_one(session):
    assert saved.listed(session).empty
    with pytest.raises(InputError, match="--runs DIR"):
        saved.reopen(session, "x")
    with pytest.raises(gr.Error, match="press Analyse"):
        saved.on_save(session, None)


def test_a_folder_that_cannot_hold_runs_is_refused_at_the_start(models_dir, tmp_path):
    with pytest.raises(InputError, match="make it first"):
        Session(models_dir, "cpu", tmp_path / "no" / "runs")
