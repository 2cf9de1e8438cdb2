"""Handlers as functions: values in, values out, failures as one escaped sentence."""

import shutil
from functools import partial

import gradio as gr
import pandas as pd
import pytest

from app.evidence.handlers import on_dictionary, on_everything, on_figures, on_page, on_whole_dictionary
from app.explore import handlers as explore
from app.models.cards import card, curves, model_cards
from app.server import session as limits
from app.server.session import Session
from app.source.stop import on_failure, on_over
from app.work.job import Job, Jobs
from app.work.told import of_run

TEXT = "It was the best of times, it was the worst of times."


def analyse(session, text=TEXT, domain="guess", model="auto", source="paste", upload=None, sample="english"):
    return explore.on_analyse(session, Job(), None, source, text, upload, sample, domain, model)[2:]


def test_text_in_analysis_out(session):
    done, value, stages, page = analyse(session)
    assert done.sequences[0].data == TEXT.encode() and done.model.name == "english_a"
    assert dict(value["facts"])["kind"] == "English (guessed)"
    assert stages["choices"] == [("stage 0", 0)] and page == 1


def test_chosen_model_and_domain_win(session):
    done, value, stages, _ = analyse(session, model="english_b", domain="code")
    assert done.model.name == "english_b" and dict(value["facts"])["kind"] == "source code"
    assert len(stages["choices"]) == 2


def test_pasted_fasta_record_is_read_as_dna(session):
    done, value, *_ = analyse(session, ">a\nACGTACGTACGT\n>b\nGGGGCCCC\n")
    assert done.model.name == "dna_a" and done.sequences[0].data == b"ACGTACGTACGT"
    assert value["bases"]["group"] == 10


@pytest.mark.parametrize(
    ("text", "domain", "bases"),
    [
        ("ACGT" * 25 + "ggg", "guess", b"ACGT" * 25 + b"GGG"),
        ("acgu\nACGURYKM\nACGTACGTACGTACGTACGTACGTACGTACGTACGT\n", "guess", b"ACGTACGTRYKM" + b"ACGT" * 9),
        ("        1 acgtacgtac gtacgtacgt\n       21 acgt\n", "guess", b"ACGTACGTACGTACGTACGTACGT"),
        ("ACG", "dna", b"ACG"),
        ("BANDANA HAM SAD MAD BAD HAD CASK", "guess", None),
        ("ACGT" * 4, "guess", None),
    ],
)
def test_pasted_bases_need_no_header(session, text, domain, bases):
    (record,) = analyse(session, text, domain)[0].sequences
    assert (record.kind, record.data) == (("dna", bases) if bases else ("text", text.encode()))
    assert record.name == ("pasted" if bases else "pasted text")


def test_lone_surrogate_from_the_browser_becomes_bytes(session):
    done, *_ = analyse(session, "a\ud800b")
    assert done.sequences[0].data == b"a\xed\xa0\x80b"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"text": ""}, "empty"),
        ({"text": "x" * (limits.MAX_PASTE + 1)}, "can be pasted"),
        ({"source": "upload"}, "no file has been uploaded"),
        ({"source": "sample", "sample": "nope"}, "no sample named"),
        ({"model": "nope"}, "no model named"),
    ],
)
def test_each_mistake_is_one_sentence(session, values, words):
    with pytest.raises(gr.Error, match=words) as raised:
        analyse(session, **values)
    assert "\n" not in raised.value.message
    analyse(session)


def test_messages_are_escaped_for_gradio(session, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)>.fa"
    path.write_bytes(b">r\nACGTACGTAC!\n")
    with pytest.raises(gr.Error) as raised:
        analyse(session, source="upload", upload=str(path))
    assert "<img" not in raised.value.message and "&lt;img" in raised.value.message


def test_a_defect_is_told_without_its_details(session, monkeypatch):
    monkeypatch.setattr(session, "analyse", lambda *_: 1 / 0)
    with pytest.raises(gr.Error, match="ZeroDivisionError") as raised:
        analyse(session)
    assert "division by zero" not in raised.value.message


def test_files_equal_what_is_shown(session):
    done, *_ = analyse(session, TEXT * 40, model="english_b")
    table, page, line, shown = on_page(session, done, 1, 1)
    assert page == 1 and line.startswith("rows 1 to ")
    read = pd.read_csv(shown["value"], keep_default_na=False)
    assert read["start"].tolist() == table["start"].tolist() and read["prob"].tolist() == table["p"].tolist()
    assert "".join(read["text"]) == "".join(table["text"]).replace("␣", " ").replace("↵", "\\n")
    ready, *plots = on_figures(done)
    assert ready == gr.update(interactive=True)
    read = pd.read_csv(on_everything(session, done), keep_default_na=False)
    assert len(read) == len(done.chunks) and read["end"].tolist() == done.chunks["end"].tolist()
    assert [len(plot.data) for plot in plots] == [2, 2, 2]


def test_nothing_listed_before_the_first_analysis(session):
    assert on_page(session, None, 0, 1) == (gr.skip(),) * 4


def test_a_stopped_run_gives_its_place_back(session):
    jobs, run = Jobs(), of_run(partial(explore.on_analyse, session))
    asked = (None, "paste", TEXT, None, "english", "guess", "auto")
    old = jobs.begin()
    jobs.current.stop()
    with pytest.raises(gr.Error, match="Stopped before it began"):
        run(jobs, old, *asked)
    new = jobs.begin()
    with pytest.raises(gr.Error, match="Another run was asked for"):
        run(jobs, old, *asked)
    assert jobs.current.failure == ""
    assert len(run(jobs, new, *asked)[2].chunks)


@pytest.mark.parametrize("late", ["stop", "another"])
def test_a_run_that_ends_after_its_stop_or_another_request_shows_nothing(late):
    """However late: the work itself has not noticed."""
    jobs = Jobs()
    number = jobs.begin()
    with pytest.raises(gr.Error, match=r"Stopped;|Another run"):
        of_run(lambda job: job.stop() if late == "stop" else jobs.begin())(jobs, number)

    def writes(job):
        yield 1
        jobs.begin()
        yield 2

    shown = of_run(writes)(jobs, jobs.begin())
    assert next(shown) == 1
    with pytest.raises(gr.Error, match="Another run"):
        next(shown)


def test_dictionary_counts_every_chunk(session):
    done, *_ = analyse(session, TEXT * 40, model="english_b")
    shown, line, ready = on_dictionary(done, 1)
    assert ready == gr.update(interactive=True)
    read = pd.read_csv(on_whole_dictionary(session, done, 1), keep_default_na=False)
    chunks = done.chunks_of(done.sequences[0].name, 1)
    assert read["count"].sum() == len(chunks) and f"{len(read):,} different" in line
    assert list(shown) == ["text", "hex", "bytes", "count", "share", "mean p"]
    data = done.sequences[0].data
    first = bytes.fromhex(read["hex"][0])
    mine = [data[a:b] == first for a, b in zip(chunks["start"], chunks["end"], strict=True)]
    assert sum(mine) == read["count"][0] == shown["count"][0] == read["count"].max()
    assert read["mean_prob"][0] == pytest.approx(chunks["prob"][mine].mean(), rel=1e-5)


def test_model_cards_show_every_model(session):
    cards = model_cards(session)["cards"]
    assert [card["title"] for card in cards] == [card(c, {})["title"] for c in session.cards()]
    assert all(card["early"] for card in cards)
    assert all(card["curves"] == [] and card["goal"] is None for card in cards)


def test_a_card_says_whether_its_goal_is_met_with_figures():
    goal = {"goal": "at least 60% of words", "reached": "46% at a rate of 16%", "met": False}
    tests = [{"name": "novels", "bits_per_byte": 2.1}, {"name": "letters", "bits_per_byte": 2.3}]
    shown = card({"name": "m", "goal": goal, "bits_per_byte": 2.1, "tests": tests}, {})
    assert shown["goal"] == {"words": goal["goal"], "reached": goal["reached"], "met": False}
    assert dict(shown["facts"])["bits per byte, letters"] == "2.3"


def test_curves_are_those_of_training_csv(tmp_path, models_dir):
    shutil.copytree(models_dir / "english_a", tmp_path / "m")
    rows = "".join(f"{i},{1000 * i},{8 - i / 100},{4 + i / 50},{'' if i % 2 else 7}\n" for i in range(1, 301))
    (tmp_path / "m" / "training.csv").write_text("step,bytes,bpb,bytes_per_chunk_0,valid_bpb\n" + rows)
    found = {each["name"]: each["points"] for each in curves(Session(tmp_path, "cpu"), "m")}
    assert list(found) == ["bits per byte, training", "bits per byte, held out", "bytes per chunk 0"]
    assert all(1 < len(points) <= 120 for points in found.values())
    assert found["bits per byte, training"][1] == pytest.approx([4000, 8 - 0.04])
    assert found["bits per byte, training"][-1] == pytest.approx([300_000, 5])  # the end is never left out
    assert {y for _, y in found["bits per byte, held out"]} == {7.0}
    (tmp_path / "m" / "training.csv").write_text("not,a,curve\n")
    assert curves(Session(tmp_path, "cpu"), "m") == []


def test_the_end_of_a_run_leaves_the_stop_of_the_next_one_on():
    """The browser hears of an end a moment later; by then another run may have begun."""
    jobs = Jobs()
    of_run(lambda job: None)(jobs, jobs.begin())
    assert on_over(jobs) == gr.update(interactive=False)
    jobs.begin()
    assert on_over(jobs) == gr.skip()
    assert on_failure(jobs) == (gr.skip(), gr.skip())
