"""Chunk dictionaries by hand: counts, neighbours, overlap, growth."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress

from analysis import schema
from analysis.boundaries.segmentations import Segmentation, cut
from analysis.inputs.reading import Sequence
from analysis.meaning.dictionary import (
    chunk_types,
    dictionary_table,
    growth_table,
    heaps_exponent,
    overlap_table,
    readable,
)
from analysis.references.names import segmenter
from hnet_core.errors import InputError
from tests.analysis.fake_model import FakeModel

TEXTS = [Sequence("s", b"a b a\n"), Sequence("t", b"a a ")]


@pytest.fixture
def words():
    """Cuts behind spaces: "a " "b " "a\\n" and "a " "a "."""
    return cut(TEXTS, FakeModel("words", cuts=(b" ",)))[0]


def test_by_hand(words):
    table = schema.check(dictionary_table(TEXTS, words), schema.DICTIONARY).set_index("chunk")
    assert table.index.tolist() == ["a ", "a\\n", "b "]
    assert table["count"].tolist() == [3, 1, 1] and table["share"].tolist() == [0.6, 0.2, 0.2]
    assert table["hex"].tolist() == ["6120", "610a", "6220"]
    # The first chunk of each text has probability 1, the others 0.9.
    assert table["mean_prob"].tolist() == pytest.approx([(1 + 1 + 0.9) / 3, 0.9, 0.9])
    # Before "a ": only "a "; behind it "b " and "a ". Nothing stands before the first or behind the last of a text.
    assert table["before"].tolist() == [1, 1, 1] and table["after"].tolist() == [2, 0, 1]
    assert table.loc["b ", ["sequence", "start", "example"]].tolist() == ["s", 2, "a [b ]a\\n"]


def test_overlap_by_hand(words):
    halves = chunk_types(TEXTS, cut(TEXTS, segmenter("ref:fixed:2"))[0])  # "a " "b " "a\n" "a " "a "
    single = chunk_types(TEXTS, cut(TEXTS, segmenter("ref:characters"))[0])
    table = overlap_table({"words": chunk_types(TEXTS, words), "halves": halves, "single": single})
    assert table[["a", "b"]].values.tolist() == [
        ["words", "halves"],
        ["words", "single"],
        ["halves", "single"],
    ]
    assert table.loc[0, ["jaccard", "tokens_a_in_b", "tokens_b_in_a"]].tolist() == [1, 1, 1]
    assert table.loc[1, ["types_a", "types_b", "types_shared", "jaccard"]].tolist() == [3, 4, 0, 0]
    assert table.loc[1, "tokens_a_in_b"] == 0


def test_growth_by_hand(words):
    table = growth_table(chunk_types(TEXTS, words), 9)
    assert table.values.tolist() == [[1, 1], [2, 2], [3, 3], [4, 3], [5, 3]]
    assert math.isnan(heaps_exponent(table[:1]))
    table["types"] = 2 * table["tokens"] ** 0.5
    assert heaps_exponent(table) == pytest.approx(0.5)
    with pytest.raises(InputError, match="points=1"):
        growth_table(chunk_types(TEXTS, words), 1)


def test_growth_equals_that_of_pandas_and_its_exponent_that_of_scipy():
    letters = np.random.default_rng(0).zipf(1.5, 3000).clip(max=255).astype(np.uint8)
    text = [Sequence("s", letters.tobytes())]
    types = chunk_types(text, cut(text, segmenter("ref:fixed:2"))[0])
    table = growth_table(types, 30)
    new = ~pd.Series([types.contents[code] for code in types.code]).duplicated()
    assert table["types"].tolist() == new.cumsum().iloc[table["tokens"] - 1].tolist()
    slope = linregress(np.log(table["tokens"]), np.log(table["types"])).slope
    assert heaps_exponent(table) == pytest.approx(slope) and 0.3 < slope < 0.9


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=3), st.integers(0, 9))
def test_the_dictionary_holds_every_chunk_of_any_input(data, seed):
    rng = np.random.default_rng(seed)
    sequences = [Sequence(f"s{i}", each) for i, each in enumerate(data)]
    starts = tuple(np.flatnonzero(rng.random(len(d) - 1) < 0.4) + 1 for d in data)
    seen = tuple(np.arange(1, len(d)) for d in data)
    prob = tuple(rng.random(len(d) - 1).astype(np.float32) for d in data)
    segments = Segmentation("x", 0, tuple(map(len, data)), starts, seen, prob)
    types = chunk_types(sequences, segments)
    assert b"".join(types.contents[code] for code in types.code) == b"".join(data)
    assert len(set(types.contents)) == len(types.contents)
    assert types.counts.sum() == sum(map(len, starts)) + len(data)
    assert dictionary_table(sequences, segments)["count"].sum() == types.counts.sum()


def test_readable_shows_everything():
    assert readable("é\n\t你".encode() + b"\xff\x00") == "é\\n\\t你\\xff\\x00"
