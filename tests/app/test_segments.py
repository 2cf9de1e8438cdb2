"""What the browser reads out of the viewer's value equals what went in: chunks, regions, differences, rows."""

import numpy as np
import pytest

from analysis.inputs.reading import Sequence
from app.evidence.table import chunks
from app.picture import value as view
from app.picture.comparison import Comparison, value_of
from app.picture.viewer import Group, viewer_value

pytestmark = pytest.mark.browser

READ = """value => {
    const s = new window.hnet.Segments(value);
    const stages = s.groups.map(group => group.stages.map(stage => ({
        starts: [...stage.starts], ends: [...stage.starts].map((_, i) => stage.endOf(i)), prob: [...stage.prob],
        at: [...stage.prob].map((_, i) => stage.positionAt(i)),
    })));
    const rows = [...s.layOut(20)];
    const cells = rows.map((start, i) => s.cells(start, i + 1 < rows.length ? rows[i + 1] : s.data.length));
    return {stages, rows, cells, differs: s.differs && [...s.differs]};
}"""
DATA = b"one two\tthree\r\n\n\xe4\xb8\xad\xe6\x96\x87 \xff\xfe \xed\xa0\x80 e\xcc\x81 \xf0\x9f\x98\x80 " * 12


@pytest.fixture(scope="module")
def page(browser, server):
    """One page for all of these: they only call its scripts."""
    page = browser.new_page()
    page.goto(server)
    page.wait_for_selector("#explore-viewer .seg", timeout=60_000)
    yield page
    page.close()


@pytest.fixture(scope="module")
def done(session):
    return session.analyse([Sequence("t", DATA)], "english_b")


def test_stages_arrive_as_they_are(page, done):
    value = view.text_value(done, "")
    for stage, read in enumerate(page.evaluate(READ, value)["stages"][0]):
        table, chunks = done.boundaries_of("t", stage), done.chunks_of("t", stage)
        assert read["at"] == table["byte"].tolist()
        assert np.abs(np.array(read["prob"]) / 65535 - table["prob"]).max() < 1e-5
        assert (read["starts"], read["ends"]) == (chunks["start"].tolist(), chunks["end"].tolist())


@pytest.mark.parametrize(("start", "end"), [(0, 30), (41, 42), (97, 333), (len(DATA) - 3, len(DATA))])
def test_a_region_keeps_its_chunks(page, done, start, end):
    value = viewer_value(DATA[start:end], [Group("", "m", view.tracks(done, "t", start, end))], origin=start)
    for stage, read in enumerate(page.evaluate(READ, value)["stages"][0]):
        wanted = chunks(done, stage, start, end)
        assert read["starts"] == (wanted["start"].clip(start) - start).tolist()
        assert read["ends"] == (wanted["end"].clip(upper=end) - start).tolist()


@pytest.mark.parametrize("stages", [(0, 0), (0, 1)])
def test_differences_are_bytes_that_one_of_both_cuts(page, session, done, stages):
    other = session.analyse([Sequence("t", DATA)], "english_a")
    both = Comparison((other, done), "t", pair=(0, stages[0], 1, stages[1]))
    read = page.evaluate(READ, value_of(both))
    a = set(other.chunks_of("t", stages[0])["start"])
    b = set(done.chunks_of("t", stages[1])["start"])
    assert {i for i, differs in enumerate(read["differs"]) if differs} == a ^ b and a & b and a ^ b


def test_rows_hold_every_byte_once_and_fit(page, done):
    read = page.evaluate(READ, view.text_value(done, ""))
    cells = [cell for row in read["cells"] for cell in row]
    ends = [cell["at"] + cell["length"] for cell in cells]
    assert [cell["at"] for cell in cells] == [0, *ends[:-1]] and ends[-1] == len(DATA)
    starts = set(done.chunks_of("t", 0)["start"])
    for cell in cells:
        inside = range(cell["at"] + 1, cell["at"] + cell["length"])
        assert not starts & set(inside), "a character that a boundary splits must show its bytes"
        if cell["kind"] in ("glyph", "text", "space"):
            shown = cell["text"].removeprefix("\u25cc")
            assert shown.encode() == DATA[cell["at"] : cell["at"] + cell["length"]]
    for row in read["cells"]:
        used = row[-1]["column"] + row[-1]["width"]
        assert used <= 20 or all(cell["text"] == "↵" for cell in row if cell["column"] >= 20)
