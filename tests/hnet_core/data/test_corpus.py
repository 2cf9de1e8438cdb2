"""The decoded corpus: the same content, found again, made anew when a file changes."""

import numpy as np
import pytest

from hnet_core.data import corpus as corpus_module
from hnet_core.data.corpus import open_corpus
from hnet_core.errors import InputError


def test_documents_end_to_end(tmp_path):
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "b.txt").write_text("second")
    corpus = open_corpus([tmp_path / "a.txt", tmp_path / "b.txt"], "english", tmp_path / "cache")
    assert corpus.data.tobytes() == b"firstsecond" and corpus.offsets.tolist() == [0, 5, 11]
    assert corpus.n_documents == 2 and isinstance(corpus.data, np.memmap)


def test_cache_is_used_until_the_data_changes(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("first")
    one = open_corpus([path], "english", tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr(corpus_module, "read_documents", lambda *a, **k: pytest.fail("decoded again"))
        assert open_corpus([path], "english", tmp_path / "cache").fingerprint == one.fingerprint
    path.write_text("changed")
    two = open_corpus([path], "english", tmp_path / "cache")
    assert two.data.tobytes() == b"changed" and two.fingerprint != one.fingerprint


def test_document_limits_are_part_of_the_fingerprint(tmp_path):
    for name, text in (("a", "ab"), ("b", "c"), ("c", "a"), ("d", "bc")):
        (tmp_path / f"{name}.txt").write_text(text)
    pairs = [[tmp_path / "a.txt", tmp_path / "b.txt"], [tmp_path / "c.txt", tmp_path / "d.txt"]]
    one, two = (open_corpus(pair, "english", tmp_path / "cache") for pair in pairs)
    assert one.data.tobytes() == two.data.tobytes() and one.fingerprint != two.fingerprint


def test_nothing_is_left_of_a_failed_decoding(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError):
        open_corpus([tmp_path / "a.txt"], "english", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
