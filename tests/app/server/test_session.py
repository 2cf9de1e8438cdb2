"""What the running app holds."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import pandas as pd
import pytest
import torch

from analysis.inputs.reading import Sequence
from app.compare import agreement
from app.compare import handlers as compare
from app.dna import handlers as dna
from app.dna import meaning
from app.dna.tracks import Opened, TrackFolder
from app.explore import handlers as explore
from app.explore import surprisal
from app.picture.comparison import about
from app.server import session as module
from app.server.session import Session
from app.source.reading import PROGRESS
from app.work.job import WAITING, Job, Stopped
from hnet_core.errors import CheckpointError, ConfigError, HNetError, InputError


def test_models_are_loaded_once(session):
    assert session.model("english_a") is session.model("english_a")


@pytest.mark.parametrize("name", ["nothing", "../../etc", "/tmp", ""])
def test_only_listed_models_can_be_asked_for(session, name):
    with pytest.raises(CheckpointError, match=r"there are .*english_a"):
        session.model(name)


def test_the_fitting_model_is_picked(session):
    assert session.model_for("dna") == "dna_a"
    assert session.model_for("code") == "code_a"
    assert session.model_for("chinese") == session.model_for("english") == "english_a"


def test_a_model_that_has_learned_goes_before_one_that_saw_more(session, monkeypatch):
    early = {"name": "early", "domain": "english", "learned": "early", "bytes_seen": 9_000_000}
    learned = {"name": "words", "domain": "english", "learned": "words", "bytes_seen": 1_000_000}
    monkeypatch.setattr(session, "cards", lambda: [early, learned])
    assert session.model_for("english") == "words"


def test_pair_stays_in_one_domain(session):
    assert set(session.pair()) == {"english_a", "english_b"}


def test_the_two_models_compared_at_first_have_learned_most(session, monkeypatch):
    found = [("a", "early", 50), ("b", "words", 10), ("c", "words", 20), ("d", "early", 60)]
    cards = [{"name": n, "domain": "english", "learned": how, "bytes_seen": seen} for n, how, seen in found]
    monkeypatch.setattr(session, "cards", lambda: [*cards, {"name": "e", "error": "broken"}])
    assert session.pair() == ("c", "b")


def test_no_models_is_said_in_one_sentence(tmp_path):
    empty = Session(tmp_path, "cpu")
    assert empty.choices() == [] and empty.pair() == (None, None)
    with pytest.raises(CheckpointError, match="no model to run"):
        empty.model_for("english")


def test_broken_model_is_listed_with_its_error(tmp_path, session, models_dir):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    (tmp_path / "broken" / "model.json").write_text("{")
    broken = Session(tmp_path, "cpu")
    assert "cannot be read" in broken.cards()[0]["error"] and broken.choices() == []


def test_samples_exist_and_can_be_read(session):
    names = {sample.name for sample in session.samples()}
    assert {"english", "chinese", "python", "lambda"} <= names
    for sample in session.samples():
        assert sample.path.is_file()
    assert session.sample("lambda").annotation.is_file()
    with pytest.raises(InputError, match="no sample named"):
        session.sample("../secret")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_without_a_device_is_refused(models_dir):
    with pytest.raises(ConfigError, match="no CUDA device"):
        Session(models_dir, "cuda")


def test_who_waits_is_told_so_and_can_stop(session):
    """The progress of a run that waits says that it does, and a stop ends the wait."""
    job, said = Job(), []
    report = job.report(lambda *values, **words: said.append((values, words["desc"])), "finding boundaries")
    with session.turn(), pytest.raises(Stopped), session.turn(lambda *done: (report(*done), job.stop())):
        pass
    assert said == [((0,), WAITING)]
    assert session.analyse([Sequence("t", b"abc")], "english_a").chunks.shape[0]


def test_downloads_have_unguessable_folders_and_go(models_dir, monkeypatch):
    monkeypatch.setattr(module, "_KEPT_FILES", 3)
    session = Session(models_dir, "cpu")
    paths = [Path(session.keep_file(b"%d" % i, "chunks.csv")) for i in range(6)]
    assert paths[-1].read_bytes() == b"5" and len({path.parent for path in paths}) == 6
    assert [path.exists() for path in paths] == [False] * 3 + [True] * 3


def test_downloads_of_many_requests_at_once(models_dir):
    session = Session(models_dir, "cpu")
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda i: Path(session.keep_file(b"%d" % i, "chunks.csv")), range(400)))
    assert sum(path.exists() for path in paths) == module._KEPT_FILES


@pytest.mark.parametrize("kind", ["cut off", "not weights", "billions of parameters"])
def test_a_broken_model_is_one_sentence_and_the_others_work(tmp_path, models_dir, kind):
    for name in ("english_a", "english_b"):
        shutil.copytree(models_dir / name, tmp_path / name)
    weights, config = (tmp_path / "english_a" / name for name in ("model.safetensors", "config.json"))
    if kind == "billions of parameters":
        facts = json.loads(config.read_text())
        config.write_text(json.dumps(facts | {"d_model": [2**17, 2**18]}))
    else:
        weights.write_bytes(weights.read_bytes()[:1000] if kind == "cut off" else b"<html>")
    session = Session(tmp_path, "cpu")
    for load in (session.model, session.whole_model):
        with pytest.raises(HNetError) as told:
            load("english_a")
        assert "english_a" in str(told.value) and "\n" not in str(told.value)
    assert session.analyse([Sequence("t", b"abc")], "english_b").chunks.shape[0]


def test_the_models_that_people_begin_with_are_loaded_and_run_ahead(models_dir, tmp_path, monkeypatch):
    shutil.copytree(models_dir, tmp_path, dirs_exist_ok=True)
    (tmp_path / "dna_a" / "model.safetensors").write_bytes(b"broken")
    session, ran = Session(tmp_path, "cpu"), []
    monkeypatch.setattr(module, "analyse", lambda sequences, model, progress: ran.append(model.name))
    session.warm_up()
    assert ran == ["english_a", "code_a", "english_b"] and set(session._models) == set(ran)


def test_a_session_without_models_starts_all_the_same(tmp_path):
    session = Session(tmp_path, "cpu")
    session.warm_up()
    assert session.choices() == [] and session.pair() == (None, None)


def test_a_copied_and_a_renamed_folder_are_models_of_their_own(tmp_path, models_dir):
    """What a folder is called is its name, whatever its model.json says."""
    for name in ("mine", "mine-finetuned"):
        shutil.copytree(models_dir / "english_b", tmp_path / name)
    shutil.copytree(models_dir / "dna_a", tmp_path / "dna")
    session, names = Session(tmp_path, "cpu"), ["mine", "mine-finetuned"]
    made = compare.on_compare(session, Job(), "paste", "It was the best of times. " * 9, None, "", names, 0)[
        0
    ]
    assert [surprisal.cannot(session, each.model.name) for each in made.analyses] == ["", ""]
    assert list(about(made)["models"]) == names
    agreed, _, order = agreement.on_agreement(Job(), made)
    assert sorted(order) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert agreement.matrix(made, agreed, "f1")[""].tolist() == [compare.label(*side) for side in order]
    bases = [Sequence("r", b"ACGTTGCA" * 30, kind="dna")]
    opened = Opened((session.analyse(bases, "dna"),), None, (), TrackFolder())
    shown, file = meaning.on_strands(session, Job(), opened)
    assert set(shown.data["model"]) == {"DNA, 2 stages"}
    assert set(pd.read_csv(file["value"])["model"]) == {"dna"}


def test_a_request_beyond_what_one_may_take_is_one_sentence(session, monkeypatch):
    monkeypatch.setattr(module, "MAX_POSITIONS", 300)
    session.check_size(100, ["english_b", "ref:words"])
    with pytest.raises(
        InputError, match=r"101 bytes under 3 stages of 2 models: 303 positions, .* takes 300"
    ):
        session.check_size(101, ["english_b", "ref:words"])
    for run in (
        lambda: compare.on_compare(
            session, Job(), "paste", "a" * 101, None, "", ["english_b", "ref:words"], 0
        ),
        lambda: explore.on_analyse(session, Job(), None, "paste", "a" * 151, None, "", "guess", "english_b"),
        lambda: dna.on_dna(
            session,
            Job(),
            PROGRESS,
            "paste",
            ">r\n" + "ACGT" * 40,
            None,
            "",
            None,
            None,
            "r",
            ["dna_a"],
            0,
            9,
            60,
            10,
        ),
    ):
        with pytest.raises(gr.Error, match="fewer models or a shorter input"):
            run()


def test_headers_are_read_once_until_a_file_changes(tmp_path, models_dir, monkeypatch):
    for name in ("english_a", "english_b"):
        shutil.copytree(models_dir / name, tmp_path / name)
    session, read, real = Session(tmp_path, "cpu"), [], module.stored_names
    monkeypatch.setattr(module, "stored_names", lambda path: read.append(path.parent.name) or real(path))
    for _ in range(3):
        assert len(session.choices(whole=True)) == 2
    assert sorted(read) == ["english_a", "english_b"]
    (tmp_path / "english_a" / "model.safetensors").write_bytes(b"<html>")
    assert [name for _, name in session.choices(whole=True)] == ["english_b"]


def test_the_whole_model_that_was_used_last_stays(models_dir, monkeypatch):
    monkeypatch.setattr(module, "_KEPT_WHOLE", 2)
    session = Session(models_dir, "cpu")
    first = session.whole_model("english_a")
    session.whole_model("english_b")
    assert session.whole_model("english_a") is first
    session.whole_model("dna_a")
    assert session.whole_model("english_a") is first
