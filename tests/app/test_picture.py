"""The figure of the rows as SVG and PNG: what is on screen or selected, byte-true, with where it comes from inside."""

import json
import struct
import xml.etree.ElementTree as ET

import pytest

from analysis.inputs.reading import Sequence
from app.picture import value as view
from app.picture.standalone import standalone

pytestmark = pytest.mark.browser

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    b"<script>window.hacked = 1</script>]]><!-- &amp; </text> "
    + "${1} caf\u00e9 \u4e2d\u6587 \u202eabc \u05d0\u05d1 e\u0301 \U0001f600 \ufffe\n".encode()
    + b"\x00\x01\xff\xed\xa0\x80 end\n"
) * 60
DRAWN = {"rect", "path", "text", "g", "defs", "clipPath", "metadata"}


@pytest.fixture(scope="module")
def sheet(browser, session, tmp_path_factory):
    """The standalone page, whose policy is the strictest, over hostile bytes; no script may have failed."""
    done = session.analyse([Sequence("</text>", HOSTILE)], "english_b")
    value = view.text_value(done, "")
    path = tmp_path_factory.mktemp("sheet") / "segmentation.html"
    path.write_bytes(standalone(value, value["about"]))
    page, errors = browser.new_page(viewport={"width": 1000, "height": 800}), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(60_000)
    page.goto(path.as_uri())
    page.wait_for_selector(".seg-row")
    page.evaluate("viewer.scroller.scrollTop = 0")
    yield page, value
    page.close()
    assert errors == []


def saved(page, kind: str) -> tuple[bytes, str]:
    with page.expect_download() as info:
        page.get_by_role("button", name=f"save the rows selected, else those on screen, as {kind}").click()
    with open(info.value.path(), "rb") as file:
        return file.read(), info.value.suggested_filename


def rows_of(tree: ET.Element) -> list[str]:
    """The text of every row; the first text of its group is the ruler."""
    rows = [each for each in tree.findall(f"{SVG}g")]
    return ["".join(text.text or "" for text in row.find(f"{SVG}g").iter(f"{SVG}text")) for row in rows]


def test_svg_holds_the_rows_as_text_and_where_they_come_from(sheet):
    page, value = sheet
    page.evaluate("viewer.select(0, 700)")
    content, name = saved(page, "SVG")
    assert name == "segmentation.svg"
    tree = ET.fromstring(content)
    assert {each.tag.removeprefix(SVG) for each in tree.iter()} == {"svg", *DRAWN} - {"clipPath"}
    count = page.evaluate("1 + viewer.rowStarts.findLastIndex(start => start < viewer.range[1])")
    starts = page.evaluate("[...viewer.rowStarts]")
    rows = rows_of(tree)
    assert len(rows) == count > 5
    shown = page.evaluate(
        "count => Array.from({length: count}, (_, i) => viewer.segments.cells(viewer.rowStarts[i], "
        "viewer.rowStarts[i + 1]).map(cell => cell.text).join(''))",
        count,
    )
    assert rows == shown and rows[0].startswith("<script>window.hacked = 1</script>]]>")
    about = json.loads(tree.find(f"{SVG}metadata").text)
    assert about["figure"] == {"bytes": [0, starts[count]], "thresholds": []}
    assert about["models"] == value["about"]["models"] and about["input"]["bytes"] == len(HOSTILE)


def test_what_if_is_said_in_the_figure_and_its_cuts_are_drawn(sheet):
    page, _ = sheet
    before = ET.fromstring(saved(page, "SVG")[0])
    page.evaluate("viewer.whatIf.set([0.9, null])")
    after = ET.fromstring(saved(page, "SVG")[0])
    page.evaluate("viewer.whatIf.set([null, null])")
    assert "not the trained rule" in " ".join(after.itertext())
    assert "not the trained rule" not in " ".join(before.itertext())
    assert len(list(after.iter(f"{SVG}rect"))) < len(list(before.iter(f"{SVG}rect")))
    assert json.loads(after.find(f"{SVG}metadata").text)["figure"]["thresholds"] == [0.9, None]


def test_png_is_a_picture_with_its_origin(sheet):
    page, value = sheet
    page.evaluate("viewer.moveTo(0)")
    content, name = saved(page, "PNG")
    assert name == "segmentation.png" and content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    assert width > 1000 and height > 500
    at = content.index(b"iTXthnet_chunks\0\0\0\0\0")
    size = struct.unpack(">I", content[at - 4 : at])[0]
    about = json.loads(content[at + 4 : at + 4 + size].split(b"\0" * 5)[1])
    weights = value["about"]["models"]["english_b"]["weights_sha256"]
    assert weights and about["models"]["english_b"]["weights_sha256"] == weights


def test_a_long_selection_ends_with_a_word(sheet):
    page, _ = sheet
    page.set_viewport_size({"width": 320, "height": 600})
    page.evaluate("viewer.onResize(true)")
    assert page.evaluate("viewer.rowStarts.length") > 300
    page.evaluate("viewer.select(0, viewer.segments.data.length)")
    assert len(rows_of(ET.fromstring(saved(page, "SVG")[0]))) == 300
    assert page.locator(".seg-picture .seg-told").inner_text() == "the first 300 rows of the selection"
