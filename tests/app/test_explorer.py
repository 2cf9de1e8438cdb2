"""The segment viewer as a person uses it: search, what-if thresholds, least sure boundaries, selection, keys.

It is drawn on a bare page, without the server: what it does, it does in the browser alone.
"""

import re

import numpy as np
import pytest

from analysis.inputs.reading import Sequence
from app.picture import value as view
from app.picture.viewer import STATIC, SegmentViewer, viewer_value

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
    assert search(page, "text", "nowhere", "no match; case counts") == "no match; case counts"


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
    from app.picture.viewer import Group

    start = int(done.chunks_of("t", 0).query("n_bytes > 1")["start"].iloc[5]) + 1
    page = bare(
        viewer_value(TEXT[start:300], [Group("", "m", view.tracks(done, "t", start, 300))], origin=start)
    )
    slide(page, 0, 0.99)
    assert page.evaluate(STAGES)[0][0] == 0


def test_syntax_colours_lie_under_the_ribbons(bare, session):
    code = b"def area(x):\n    return 'a b' + x  # why\n"
    page = bare(view.text_value(session.analyse([Sequence("x.py", code)], "code_a"), ""))
    shown = page.locator(".seg-text i").evaluate_all("nodes => nodes.map(n => [n.className, n.textContent])")
    marks = {}
    for name, text in shown:
        marks[name] = marks.get(name, "") + text
    assert marks == {
        "seg-syntax-keyword": "defreturn",
        "seg-syntax-name": "area",
        "seg-syntax-string": "'a b'",
        "seg-syntax-comment": "# why",
    }
    assert "".join(page.locator(".seg-text").all_inner_texts()) == code.decode().replace("\n", "↵")


def test_moved_cuts_are_walked_through(bare, session):
    before = session.analyse([Sequence("t", TEXT)], "english_b")
    edited = session.analyse([Sequence("t", TEXT[:500] + b"xyzzy " + TEXT[500:])], "english_b")
    value = view.text_value(edited, "", before=before)
    places = sorted({at for stage in value["moved"] for at in stage["added"] + stage["removed"]})
    assert places
    page = bare(value)
    assert "moved since the last run" in text_of(page, ".seg-legend")
    page.locator(".seg-unsure select").select_option("moved")
    page.get_by_role("button", name="next least sure boundary").click()
    assert page.evaluate("viewer.caret") == places[0]
    added = any(places[0] in stage["added"] for stage in value["moved"])
    assert text_of(page, ".seg-unsure").endswith(f"1 of {len(places)}, {'added' if added else 'gone'}")


def test_places_from_a_plot_are_walked_through_like_matches(bare, done):
    page = bare(view.text_value(done, ""))
    page.evaluate("viewer.search.take(Int32Array.from([5, 6, 40, 44]), 'stage 0, p high')")
    assert selected(page) == [5, 6] and text_of(page, ".seg-search").endswith("1 of 2: stage 0, p high")
    page.locator(".seg-scroll").focus()
    page.keyboard.press("m")
    assert selected(page) == [40, 44]
    page.keyboard.press("Home")
    assert search(page, "text", "worst", "1 of") == f"1 of {TEXT.count(b'worst')}"


COUNT_MADE = """made = 0; element = viewer.rows.element.bind(viewer.rows);
viewer.rows.element = () => { made++; return element(); }"""
SCROLL_TO = "share => { viewer.scroller.scrollTop = share * viewer.scroller.scrollHeight; viewer.render(); }"
ON_SCREEN = """() => {
    const rows = [...viewer.rows].sort((a, b) => a.index - b.index);
    return [rows[0].start, rows.map(row => row.line.textContent).join('')];
}"""


def test_rows_are_reused_and_hold_what_they_show(bare, session):
    page = bare(view.text_value(session.analyse([Sequence("long", TEXT * 30)], "english_a"), ""))
    page.evaluate(COUNT_MADE)
    whole = (TEXT * 30).decode().replace("\n", "↵")
    for share in (0.3, 0.7, 1, 0.2):
        page.evaluate(SCROLL_TO, share)
        first, text = page.evaluate(ON_SCREEN)
        assert whole[first:].startswith(text) and len(text) > 300
    assert page.evaluate("made") <= 4
