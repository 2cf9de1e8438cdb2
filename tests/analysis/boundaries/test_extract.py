"""Models over sequences: the Analysis and what it refuses."""

import dataclasses
import json

import numpy as np
import pytest

from analysis.boundaries import extract
from analysis.boundaries.extract import analyse
from analysis.inputs.reading import Sequence
from hnet_core.errors import ConfigError, InputError
from tests.analysis.fake_model import FakeModel, FakeTrack

TEXT = Sequence("text", b"The cat sat. The dog ran. ", ("a warning",))


def test_an_analysis_holds_input_model_tables_and_summary():
    result = analyse([TEXT, Sequence("other", b"one")], FakeModel())
    assert [s.name for s in result.sequences] == ["text", "other"]
    assert (result.model.title, result.model.n_stages) == ("Fake", 2)
    words, sentences = result.chunks_of("text", 0), result.chunks_of("text", 1)
    assert [TEXT.data[a:b] for a, b in zip(words["start"], words["end"], strict=True)] == [
        b"The ",
        b"cat ",
        b"sat. ",
        b"The ",
        b"dog ",
        b"ran. ",
    ]
    assert sentences["start"].tolist() == [0, 13]
    assert result.summary["n_chunks"].tolist() == [7, 3]
    assert result.warnings == ("a warning",)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.summary = None


@pytest.mark.parametrize(
    ("domain", "kind", "n"), [("dna", "text", 1), ("english", "dna", 1), ("dna", "dna", 0)]
)
def test_a_model_of_another_domain_is_said(domain, kind, n):
    result = analyse([Sequence("x", b"ACGT", kind=kind)], FakeModel(info={"domain": domain}))
    assert sum("was trained on" in warning for warning in result.warnings) == n


def test_progress_rises_to_the_total():
    seen = []
    analyse([TEXT, Sequence("b", b"xyz")], FakeModel(), lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1] == (len(TEXT.data) + 3,) * 2


@pytest.mark.parametrize(
    ("sequences", "message"),
    [([], "no sequence"), ([Sequence("a", b"")], "a: the sequence is empty"), ([TEXT, TEXT], "'text'")],
)
def test_bad_sequences_are_refused(sequences, message):
    with pytest.raises(InputError, match=message):
        analyse(sequences, FakeModel())


def test_a_model_without_stages_is_refused():
    with pytest.raises(ConfigError, match="no routing stage"):
        analyse([TEXT], FakeModel(cuts=()))


def test_a_real_model_from_its_folder(golden, tmp_path):
    """Random weights of the real thing, two stages: tables equal its own tracks."""
    from hnet_core.boundaries import load_boundary_model
    from hnet_core.checkpoint import save_model
    from hnet_core.config import HNetConfig
    from hnet_core.model import HNetForCausalLM
    from kernels import backend

    config = HNetConfig.from_dict(json.loads((golden / "b_2stage" / "config.json").read_text()))
    model = HNetForCausalLM(config)
    model.init_weights(0)
    save_model(tmp_path / "tiny", model, {"name": "tiny", "domain": "english"})
    loaded = load_boundary_model(tmp_path / "tiny")
    data = bytes(range(256)) * 3
    with backend.using("reference"):  # nothing to compile
        result = analyse([Sequence("all", data), Sequence("one", b"a")], loaded)
        tracks = loaded.boundaries(data)
    assert result.model.n_stages == config.n_stages == 2
    for stage, track in enumerate(tracks):
        table = result.boundaries_of("all", stage)
        np.testing.assert_array_equal(table["byte"], track.byte)
        np.testing.assert_array_equal(table["is_boundary"], track.is_boundary)
        # Packed with another sequence: equal up to the order of sums.
        np.testing.assert_allclose(table["prob"], track.prob, rtol=1e-6)
        chunks = result.chunks_of("all", stage)
        assert chunks["n_bytes"].sum() == len(data)
        assert result.chunks_of("one", stage)["end"].tolist() == [1]


def test_what_a_run_leaves_free_goes_back_to_the_system(monkeypatch):
    given_back = []
    monkeypatch.setattr(extract, "return_free_memory", lambda: given_back.append(True))
    analyse([TEXT], FakeModel())
    assert given_back == [True, True], "once behind the model, once when its pieces are one"


class Still:
    """A model that cuts nowhere, piece by piece."""

    name, n_stages, info = "still", 1, {}

    def open(self):
        return self

    def feed_all(self, pieces):
        at = 0
        for piece in pieces:
            byte = np.arange(at, at + len(piece))
            yield (FakeTrack(byte, np.zeros(len(piece), np.float32), byte == 0),)
            at += len(piece)


@pytest.mark.parametrize("piece", [extract.PIECE, extract.MARKS_PIECE])
def test_free_memory_goes_back_to_the_system_along_a_long_input(monkeypatch, piece):
    given_back = []
    monkeypatch.setattr(extract, "return_free_memory", lambda: given_back.append(len(read)))
    read = []
    for part in extract.track_pieces([b"a" * (2 * extract.TRIM + 1)], Still(), piece=piece):
        read.append(part)
    pieces = extract.TRIM // piece
    assert len(read) == 2 * pieces + 1 and given_back == [pieces, 2 * pieces, len(read)]  # and at the end
    assert extract.TRIM <= 2**20  # between two times memory grows by what a MB of input leaves
