"""Byte-level BPE: lossless for every byte string, and what it is scored by is a byte of the original text."""

import json
from itertools import pairwise
from math import log, log2

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hnet_core import evaluate as evaluation
from hnet_core.boundaries import load_boundary_model
from hnet_core.checkpoint import load_model, read_info, save_model
from hnet_core.data.corpus import open_corpus
from hnet_core.data.documents import Document
from hnet_core.data.packing import PackedRows
from hnet_core.data.tokens import BpeTokenizer, byte_letters, open_tokenizer
from hnet_core.encoding import encode
from hnet_core.errors import CheckpointError, ConfigError
from hnet_core.evaluate import evaluate, score
from hnet_core.evaluate.__main__ import main
from hnet_core.generate import main as generate
from hnet_core.losses import next_byte_nll
from hnet_core.model_info import TOKENIZER
from hnet_core.training.__main__ import main as train
from tests.hnet_core.training.recipes import WORDS, tiny_recipe, write_text
from tests.tiny import tiny_model

TEXT = WORDS * 3 + "zwölf Äpfel, 12 apples\n\n  and  more"
BPE = BpeTokenizer.train([TEXT], 290)


@given(st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_every_byte_string_round_trips(data):
    ids = BPE.encode(data)
    assert BPE.decode(ids) == data and BPE.lengths[ids].sum() == len(data)


def test_all_byte_values_and_awkward_places():
    for data in (bytes(range(256)), b"\xc3", b"a\xc3", "ö".encode() + b"\xff", b"\xed\xa0\x80x", b""):
        assert BPE.decode(BPE.encode(data)) == data


def test_bytes_keep_their_values_and_merges_follow_in_order():
    # Of "abababab": first the pair ab, then abab from it.
    bpe = BpeTokenizer.train(["abababab"] * 3, 258)
    assert bpe.vocab_size == 258
    assert bpe.decode([256]) == b"ab" and bpe.decode([257]) == b"abab" and bpe.decode([98]) == b"b"
    assert bpe.encode(b"ababab").tolist() == [257, 256]
    assert bpe.encode(b"b\xfe\xff").tolist() == [98, 254, 255], "markers are tokens of their own"


def test_alphabet_is_that_of_gpt2():
    letters = byte_letters()
    assert letters[ord("a")] == "a" and letters[ord(" ")] == "Ġ" and letters[ord("\n")] == "Ċ"
    assert len(set(letters)) == 256


def test_file_survives_and_others_are_refused(tmp_path):
    BPE.save(tmp_path / "m" / TOKENIZER)
    assert (
        BpeTokenizer.load(tmp_path / "m" / TOKENIZER).encode(b"the cat").tolist()
        == BPE.encode(b"the cat").tolist()
    )
    for text in ("{", "{}", json.dumps({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(CheckpointError, match=r"bad\.json"):
            BpeTokenizer.load(tmp_path / "bad.json")


def test_packed_rows_keep_their_limits():
    rows = [encode(b"the cat sat", eos=True), encode("Äpfel".encode(), bos=False), encode(b"")]
    limits = np.cumsum([0, *map(len, rows)])
    packs, ids_per_byte = BPE.rows([PackedRows(np.concatenate(rows), limits)])
    (pack,) = packs
    parts = [BPE.decode(pack.input_ids[a:b]) for a, b in pairwise(pack.cu_seqlens)]
    assert parts == [row.tobytes() for row in rows]
    # Predicted is all but the first token of each row: all bytes of the first row, all but that token's of the second.
    first = BPE.lengths[BPE.encode("Äpfel".encode())[0]]
    assert ids_per_byte == pytest.approx((len(pack.input_ids) - 3) / (12 + 6 - first))


def bpe_model(vocab_size: int = 290):
    return tiny_model(0, vocab_size=vocab_size)


def test_uniform_logits_cost_the_tokens_over_the_bytes():
    model = bpe_model()
    with torch.no_grad():
        model.lm_head.weight.zero_()
    data = TEXT.encode()
    document = Document("x", 0, np.frombuffer(data, dtype=np.uint8))
    result = evaluate(model, [document], tokenizer=BPE, context=64)
    n_tokens = len(BPE.encode(data))
    assert n_tokens < 0.7 * len(data)
    assert result.bits_per_byte == pytest.approx(n_tokens * log2(290) / len(data), rel=1e-5)
    assert result.bytes_per_chunk == (pytest.approx(len(data) / n_tokens),)
    assert result.shares[0]["all"] == pytest.approx(n_tokens / len(data))


def test_a_document_within_the_context_is_one_forward():
    model, data = bpe_model(), b"the cat sat on the red mat"
    ids = torch.from_numpy(BPE.encode(encode(data).tobytes())).long()
    limits = torch.tensor([0, len(ids)])
    want = next_byte_nll(model(ids, cu_seqlens=limits).logits, ids, limits).sum().item()
    nll, boundaries = score(model, data, context=100, tokenizer=BPE)
    assert nll == pytest.approx(want, rel=1e-5)
    starts = np.cumsum([0, *BPE.lengths[BPE.encode(data)]])[:-1]
    assert boundaries.shape == (1, len(data)) and np.flatnonzero(boundaries[0]).tolist() == starts.tolist()


def test_context_is_counted_in_bytes(monkeypatch):
    seen = []
    monkeypatch.setattr(evaluation, "windows", lambda ids, context: seen.append(context) or iter([]))
    data = TEXT.encode()
    with pytest.raises(ValueError):
        score(bpe_model(), data, context=100, tokenizer=BPE)
    n_ids = len(BPE.encode(data)) + 1
    assert seen == [round(100 * n_ids / (len(data) + 1))]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A BPE model from the training command, 3 steps long."""
    folder = tmp_path_factory.mktemp("bpe")
    raw = tiny_recipe(bytes=1500, target=[], log_steps=1, decay=0)
    raw["tokenizer"] = "bpe"
    raw["model"] |= {"arch_layout": ["T1"], "d_model": [32], "d_intermediate": [64], "vocab_size": 280}
    raw["model"]["attn_cfg"] = {"num_heads": [1], "rotary_emb_dim": [8], "window_size": [-1]}
    (folder / "recipe.json").write_text(json.dumps(raw))
    text = write_text(folder)
    call = ["--config", str(folder / "recipe.json"), "--data", str(text), "--out", str(folder / "out")]
    assert train([*call, "--valid", str(text)]) == 0
    return folder, call


def test_training_keeps_its_vocabulary_with_the_model(trained):
    folder, call = trained
    model = folder / "out" / "model"
    assert BpeTokenizer.load(model / TOKENIZER).vocab_size == 280
    info = read_info(model)
    assert info["tokenizer"] == "bpe" and info["bytes_per_chunk"][0] > 1.5 and info["n_stages"] == 0
    lines = (model / "training.csv").read_text().splitlines()
    first = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    # Before it has learned, a token costs about log2(280) bits, whatever its length.
    assert float(first["bpb"]) == pytest.approx(
        float(first["loss"]) / log(2) / info["bytes_per_chunk"][0], rel=0.1
    )
    before = (model / TOKENIZER).read_bytes()
    assert train([*call, "--resume", "--bytes", "2500"]) == 0
    assert (model / TOKENIZER).read_bytes() == before


def test_evaluate_serves_it_and_everything_else_refuses_in_one_line(trained, capsys):
    folder, _ = trained
    call = ["--model", str(folder / "out" / "model")]
    capsys.readouterr()
    assert main([*call, "--data", str(folder / "text.jsonl"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert 1 < figures["bits_per_byte"] < 8 and figures["bytes_per_chunk"][0] > 1.5
    assert generate_code([*call, "--prompt", "x"], capsys) == (2, "reads BPE tokens")
    with pytest.raises(ConfigError, match="no router and so no boundaries"):
        load_boundary_model(folder / "out" / "model")


def generate_code(call, capsys):
    from hnet_core.commands import run

    code, error = run(generate, call), capsys.readouterr().err
    assert error.count("\n") == 1
    return code, "reads BPE tokens" if "reads BPE tokens" in error else error


def test_a_vocabulary_that_does_not_belong_is_refused(tmp_path, capsys):
    save_model(tmp_path / "m", bpe_model(280), {"name": "m", "tokenizer": "bpe"})
    (tmp_path / "a.txt").write_text("the cat")
    call = ["--model", str(tmp_path / "m"), "--data", str(tmp_path / "a.txt")]
    assert main(call) == 2 and "tokenizer.json" in capsys.readouterr().err
    BPE.save(tmp_path / "m" / TOKENIZER)
    assert main(call) == 2 and "290 tokens" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match="reads BPE tokens"):
        load_model(tmp_path / "m")


def test_vocabulary_is_learned_once_for_the_same_data(tmp_path):
    corpus = open_corpus([write_text(tmp_path)], "english", tmp_path / "corpus")
    first = open_tokenizer("bpe", 270, corpus, tmp_path / "corpus")
    (kept,) = (tmp_path / "corpus").glob("bpe-270-*.json")
    stamp = kept.stat().st_mtime_ns
    again = open_tokenizer("bpe", 270, corpus, tmp_path / "corpus")
    assert (
        kept.stat().st_mtime_ns == stamp
        and again.encode(b"the dog").tolist() == first.encode(b"the dog").tolist()
    )


def test_a_file_on_which_the_library_panics_is_refused(tmp_path):
    """A prefix longer than any token: Rust indexes past the end, and what comes is no Exception."""
    path = tmp_path / "tokenizer.json"
    BpeTokenizer.train(["the cat the cat"] * 3, 260).save(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["model"]["continuing_subword_prefix"] = "#" * 50
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(CheckpointError, match="cannot be read as a byte-level BPE tokenizer"):
        BpeTokenizer.load(path)
