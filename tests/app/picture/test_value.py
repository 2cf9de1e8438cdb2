"""Analyses as what the page shows."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.inputs.reading import Sequence
from app.evidence.table import PAGE, all_chunks, chunk_page, chunks, shown_chunks
from app.models.cards import card
from app.picture import value as view
from app.wording import readable

TEXT = b"It was the best of times, it was the worst of times. " * 8


@pytest.fixture(scope="module")
def done(session):
    return session.analyse([Sequence("t", TEXT)], "english_b")


@pytest.fixture(scope="module")
def long(session):
    return session.analyse([Sequence("long", TEXT * 6)], "english_b")


def test_regions_cut_the_same_tracks(done):
    whole = view.tracks(done, "t", 0, len(TEXT))
    start, end = 101, 250
    for stage, part in enumerate(view.tracks(done, "t", start, end)):
        table = done.boundaries_of("t", stage)
        inside = table[(table["byte"] >= start) & (table["byte"] < end)]
        assert part.prob.tolist() == inside["prob"].tolist()
        assert part.is_boundary.tolist() == inside["is_boundary"].tolist()
        chunk = done.chunks_of("t", stage).iloc[part.lead_index]
        assert chunk["start"] == part.lead_start <= start < chunk["end"]
        assert part.lead_prob == pytest.approx(chunk["prob"])
        assert part.tail_end in done.chunks_of("t", stage)["end"].tolist() and part.tail_end >= end
    assert whole[0].lead_start == 0 and whole[0].tail_end == len(TEXT)


def test_value_tells_what_was_learned_and_what_is_odd(session):
    done = session.analyse([Sequence("t", b"\xffabc", ("is not UTF-8",))], "english_a")
    value = view.text_value(done, "English (guessed)")
    assert value["notes"] == ["Early model. Random weights: it has learned nothing."]
    assert value["alerts"] == ["Is not UTF-8."]
    done.model.info.update(tests=[{"name": "held-out novels"}], note="Follows words: at 90 % of the spaces.")
    try:
        assert view.learned(done)[0].endswith(
            "Measured on held-out novels: follows words: at 90 % of the spaces."
        )
    finally:
        done.model.info.pop("tests")
        done.model.info["note"] = "Random weights: it has learned nothing."
    facts = dict(value["facts"])
    assert facts["model"] == "English, 1 stage" and facts["bytes"] == "4" and "chunks" in facts["stage 0"]


def test_pages_tile_the_table(long):
    table = chunks(long, 0)
    assert len(table) > PAGE
    pages = -(-len(table) // PAGE)
    parts = [chunk_page(long, 0, page)[0] for page in range(1, pages + 1)]
    starts = np.concatenate([part["start"].to_numpy() for part in parts])
    assert starts.tolist() == table["start"].tolist()
    assert chunk_page(long, 0, 10_000)[1] == pages and chunk_page(long, 0, 0)[1] == 1
    assert b"".join(map(read_back, all_chunks(long)["text"][: len(table)])) == (TEXT * 6)
    page = chunk_page(long, 0, 1)[0]
    shown = shown_chunks(long, page)
    assert list(shown) == ["stage", "start", "end", "bytes", "p", "text"]
    assert shown["start"].tolist() == page["start"].tolist() and "␣" in "".join(shown["text"])
    for odd in (-5, 1.5, None, 0.2):
        assert chunk_page(long, 0, odd)[1] == 1


def read_back(text: str) -> bytes:
    """The bytes of what readable.cell wrote, by the rule in its own words."""

    def one(match) -> bytes:
        kind, digits = match[1][0], match[1][1:]
        if kind == "x":
            return bytes([int(digits, 16)])
        return (
            chr(int(digits, 16)).encode() if digits else {"n": b"\n", "t": b"\t", "r": b"\r"}.get(kind, b"\\")
        )

    parts = re.split(r"(\\(?:x..|u....|U........|.))", text)
    return b"".join(
        one(re.fullmatch(r"\\(.+)", part)) if i % 2 else part.encode() for i, part in enumerate(parts)
    )


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=20) | st.text(max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\xe2\x90\xa3 \n")
@example("␣ ↵ ‹U+0041› \\x41 =1+2 \u202e\u00a0\U000e0041".encode())
@example(b"=cmd()")
@example(b"-1")
def test_text_of_a_file_gives_its_bytes_back(data):
    for text in (readable.exact(data), readable.cell(data)):
        assert read_back(text) == data
        assert text.isprintable() or not text
    assert readable.cell(data)[:1] not in tuple("=+-@＝＋－＠")


def test_bases_of_a_table_count_from_one_on_the_page(session):
    done = session.analyse([Sequence("r", b"ACGT" * 40, (), "dna")], "dna_a")
    page = chunk_page(done, 0, 1)[0]
    shown = shown_chunks(done, page)
    assert list(shown) == ["stage", "first", "last", "bases", "p", "text"]
    assert shown["first"].tolist() == (page["start"] + 1).tolist()
    assert shown["last"].tolist() == page["end"].tolist()


def test_a_sentence_of_several_models_names_those_it_is_of():
    assert view.lettered({"A": ["one", "two"], "B": ["two"], "C": ["two", "three"]}) == [
        "A: one",
        "two",
        "C: three",
    ]
    assert view.lettered({"A": ["one"], "B": ["one"], "C": []}) == ["A, B: one"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a b\t\n", "a␣b⇥↵"),
        (b"\x00\x1b", "‹U+0000›‹U+001B›"),
        (b"\xed\xa0\x80\xff", "‹ED›‹A0›‹80›‹FF›"),
        ("\u202eabc\u200b".encode(), "‹U+202E›abc‹U+200B›"),
        ("中\U0001f600é".encode(), "中\U0001f600é"),
        ("中".encode()[:2], "‹E4›‹B8›"),
    ],
)
def test_visible_leaves_a_trace_of_every_byte(data, text):
    assert readable.visible(data) == text
    text.encode("utf-8")


def test_card_of_a_broken_model_shows_the_reason():
    shown = card({"name": "m", "error": "model.json: cannot be read"}, {})
    assert shown["title"] == "m" and shown["note"] == "model.json: cannot be read"


def test_card_reads_model_json():
    info = {
        "name": "m",
        "title": "M",
        "learned": "words",
        "bytes_seen": 52_000_000,
        "boundary_shares": {"stage0_word_start": 0.61},
    }
    shown = card(info, {})
    facts, cuts = dict(shown["facts"]), dict(shown["sections"][0]["facts"])
    assert (
        facts["bytes seen"] == "52,000,000"
        and cuts["stage 0 word start"] == "61.0%"
        and "licence" not in facts
    )
