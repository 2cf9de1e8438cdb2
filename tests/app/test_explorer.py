"""The segment viewer as a person uses it: search, what-if thresholds, least sure boundaries, selection, keys.

It is drawn on a bare page, without the server: what it does, it does in the browser alone.
"""

import re

import numpy as np
import pytest

from analysis.inputs import Sequence
from app import view
from app.viewer import STATIC, SegmentViewer, viewer_value

pytestmark = pytest.mark.browser

TEXT = ("It was the best of times, it was the worst of times.\n" * 30).encode()
WIDE = "caf\u00e9 \u4e2d\u6587 \U0001f600 <b>x</b> ${1} ".encode() * 20 + b"\xff\x00"


@pytest.fixture(scope="module")
def bare(browser):
    """load(value) draws it and gives the page; no script may have failed."""
    page, errors = browser.new_page(viewport={"width": 1100, "height": 800}), []
    page.set_default_timeout(30_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    css, scripts = (STATIC / "viewer.css").read_text(), SegmentViewer().head
    page.set_content(f"<!doctype html><style>{css}</style><body></body>{scripts}")
    page.evaluate("window.viewer = new window.hnet.Viewer(document.body)")

    def load(value):
        page.evaluate("value => viewer.load(value)", value)
        return page

    yield load
    page.close()
    assert errors == []


@pytest.fixture(scope="module")
def done(session):
    return session.analyse([Sequence("t", TEXT)], "english_b")


def text_of(page, selector: str) -> str:
    return page.locator(selector).inner_text().replace("\n", " ")


def search(page, kind: str, query: str, want: str) -> str:
    """What the search says, once that matches."""
    page.locator(".seg-search select").select_option(kind)
    page.locator(".seg-search input").fill(query)
    page.locator(".seg-search input").press("Enter")
    told = page.locator(".seg-search .seg-told")
    page.wait_for_function("want => new RegExp(want).test(viewer.search.told.textContent)", arg=want)
    return told.inner_text()


def selected(page) -> list[int]:
    return page.evaluate("viewer.range")


def test_search_finds_bytes_by_text_regex_and_hex(bare, session):
    page = bare(view.text_value(session.analyse([Sequence("w", WIDE)], "english_a"), ""))
    text, size = WIDE.decode("utf-8", "surrogateescape"), len(WIDE) // 20
    found = search(page, "text", "\u6587", "1 of")
    assert found == f"1 of {text.count(chr(0x6587))}"
    at = WIDE.index("\u6587".encode())
    assert selected(page) == [at, at + 3]
    page.locator(".seg-scroll").focus()
    page.keyboard.press("m")
    assert selected(page) == [at + size, at + size + 3]
    page.keyboard.press("M")
    assert selected(page) == [at, at + 3]
    search(page, "regex", r"\u{1f600}\s<b>(.)", "1 of 20")
    start = WIDE.index("\U0001f600".encode())
    assert selected(page) == [start, start + len("\U0001f600 <b>x".encode())]
    search(page, "hex", "FF 00", "1 of 1")
    assert selected(page) == [len(WIDE) - 2, len(WIDE)]
    assert search(page, "text", "nowhere", "no match") == "no match"


@pytest.mark.parametrize(
    ("kind", "query", "want"),
    [
        ("regex", "(", "not a regular expression"),
        ("hex", "ABC", "not hex"),
        ("regex", "(a+)+$", "stopped after 1 s"),
    ],
)
def test_a_bad_search_is_one_sentence_and_the_next_one_works(bare, session, kind, query, want):
    data = b"a" * 60 + b"b"
    page = bare(view.text_value(session.analyse([Sequence("a", data)], "english_a"), ""))
    assert want in search(page, kind, query, want)
    assert page.locator(".seg-search .seg-wrong").count() == 1
    assert search(page, "text", "b", "1 of 1") == "1 of 1"


STAGES = "viewer.segments.groups[0].stages.map(stage => [...stage.starts])"


def slide(page, stage: int, threshold: float) -> None:
    slider = page.locator(".seg-what-if input").nth(stage)
    slider.evaluate(
        "(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", str(threshold)
    )
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.mark.parametrize(("outer", "inner"), [(0.6, 0.5), (0.3, 0.7), (0.5, 0.4)])
def test_what_if_cuts_where_p_is_above_it(bare, done, outer, inner):
    page = bare(view.text_value(done, ""))
    slide(page, 0, outer)
    slide(page, 1, inner)
    tables = [done.boundaries_of("t", stage) for stage in (0, 1)]
    prob = [table["prob"].to_numpy() for table in tables]
    assert min(np.abs(p - t).min() for p, t in zip(prob, (outer, inner), strict=True)) > 1 / 65535
    first, second = (
        t["byte"][(p > at) | (t["byte"] == 0)] for t, p, at in zip(tables, prob, (outer, inner), strict=True)
    )
    assert page.evaluate(STAGES) == [first.tolist(), second[second.isin(first)].tolist()]
    told = text_of(page, ".seg-what-if")
    assert "not the trained rule" in told and "outer router, as trained" in told
    assert f"stage 0: {tables[0]['is_boundary'].sum():,} \u2192 {len(first):,}" in told
    page.get_by_role("button", name="trained rule").click()
    page.wait_for_function("!viewer.segments.whatIf")
    assert page.evaluate(STAGES) == [t["byte"][t["is_boundary"]].tolist() for t in tables]
    assert "not the trained rule" not in text_of(page, ".seg-what-if")


def test_least_sure_boundaries_come_in_order(bare, done):
    page = bare(view.text_value(done, ""))
    chunks = done.chunks_of("t", 0).iloc[1:]
    rank = np.lexsort((chunks["start"], np.rint(chunks["prob"].astype(float) * 65535)))
    starts = chunks["start"].to_numpy()[rank].tolist()
    page.locator(".seg-scroll").focus()
    for start in starts[:3]:
        page.keyboard.press("u")
        assert page.evaluate("viewer.caret") == start
    assert f"3 of {len(starts):,}, p {chunks['prob'].to_numpy()[rank][2]:.4f}" in text_of(page, ".seg-unsure")
    page.keyboard.press("Shift+U")
    assert page.evaluate("viewer.caret") == starts[1]


def test_keys_help_select_and_move_the_threshold(bare, done):
    page = bare(view.text_value(done, ""))
    page.locator(".seg-scroll").focus()
    page.keyboard.press("?")
    help_text = text_of(page, ".seg-help")
    assert "next least sure boundary" in help_text and "what-if threshold" in help_text
    page.keyboard.press("Escape")
    assert not page.locator(".seg-help").is_visible()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    cuts = done.chunks_of("t", 0)["start"].between(1, 3).sum() + 1
    told = text_of(page, ".seg-inspector")
    assert re.search(rf"selected \[0, 4\)  ?4 bytes  ?{cuts} / ", told)
    page.keyboard.press("Escape")
    assert "selected" not in text_of(page, ".seg-inspector")
    page.keyboard.press("]")
    page.wait_for_function("viewer.segments.whatIf")
    assert page.evaluate("viewer.segments.thresholds") == [0.51, None]
    page.keyboard.press("0")
    page.wait_for_function("!viewer.segments.whatIf")


def test_minimap_window_is_dragged(bare, session):
    page = bare(view.text_value(session.analyse([Sequence("long", TEXT * 30)], "english_a"), ""))
    box = page.locator(".seg-map").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, y, steps=3)
    page.mouse.up()
    page.wait_for_function("viewer.firstRow > 0")
    middle = page.evaluate("viewer.rowStarts[viewer.firstRow] / viewer.segments.data.length")
    assert 0.4 < middle < 0.52


def test_a_region_that_begins_inside_a_chunk_keeps_it_at_any_threshold(bare, done):
    from app.viewer import Group

    start = int(done.chunks_of("t", 0).query("n_bytes > 1")["start"].iloc[5]) + 1
    page = bare(
        viewer_value(TEXT[start:300], [Group("", "m", view.tracks(done, "t", start, 300))], origin=start)
    )
    slide(page, 0, 0.99)
    assert page.evaluate(STAGES)[0][0] == 0
