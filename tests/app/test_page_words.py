"""What the page says at odd moments: number fields, too many models, old problems, text from right to left."""

import re

import pytest

from tests.app.test_browser import choose, paste, problem

pytestmark = pytest.mark.browser

PARTS = """() => {
    const line = window.hnet.viewers['explore-viewer'].inspector.node.lastElementChild.querySelector('code');
    const range = document.createRange();
    return [...line.childNodes].map((node) => {
        range.selectNodeContents(node);
        return [node.nodeName, node.textContent, range.getBoundingClientRect().left];
    });
}"""
"""Of the chunk at the caret in the inspector: each piece's kind, text and left edge."""
OVERLAPPING = """() => {
    const viewer = window.hnet.viewers['explore-viewer'], drawn = [], { prototype } = CanvasRenderingContext2D;
    const stage = {
        prob: btoa('\\0'.repeat(540)), bits: btoa('\\0'.repeat(34)),
        lead: { start: 90, prob: 0.7, index: 40 }, tail: 400,
    };
    const gaps = Array.from({ length: 34 }, (_, i) => [0b10010010, 0b01001001, 0b00100100][i % 3]);
    const gene = (start, end, strand, name) => ({ start, end, strand, name, kind: 'gene' });
    const draw = prototype.fillText;
    prototype.fillText = function (text, x, ...rest) {
        drawn.push([text, x, this.measureText(text).width]);
        return draw.call(this, text, x, ...rest);
    };
    viewer.load({
        bytes: btoa('ACG'.repeat(90)), origin: 100, groups: [{ label: '', name: 'm', stages: [stage] }],
        bases: { perRow: 90, group: 3, gaps: btoa(String.fromCharCode(...gaps)) },
        features: [gene(0, 200, '+', 'lambdap51'), gene(2, 250, '-', 'cI')],
    });
    viewer.moveTo(0);
    prototype.fillText = draw;
    const { scroller, segments, inspector } = viewer;
    return [drawn, scroller.scrollWidth <= scroller.clientWidth, segments.perRow, inspector.node.innerText];
}"""
"""The viewer over a region inside a chunk, with two overlapping genes and 90 bases a row in codons.

The names drawn with x and width, whether the rows fit, bases a row, and what the inspector says of the first base."""


def test_a_bad_number_is_told_beside_the_button_again_and_again(page):
    page.get_by_role("tab", name="Generate", exact=True).click()
    told = "document.querySelector('#generate-status textarea').value"
    for field, value, words in (
        ("length", "0", "Length in bytes: 0 was given; give a whole number from 1 to 4,000"),
        ("length", "1.5", "Length in bytes: 1.5 was given"),
        ("length", "99999999", "Length in bytes: 99,999,999 was given"),
        ("length", "", "Length in bytes: the field is empty"),
        ("seed", "-1", "Seed: -1 was given"),
    ):
        box = page.locator(f"#generate-{field} input")
        good = box.input_value()
        box.fill(value)
        page.click("#generate-run")
        page.wait_for_function(f"words => {told}.startsWith(words)", arg=words)
        box.fill(good if field == "seed" else "3")
    page.click("#generate-run")
    page.wait_for_function(
        "document.querySelector('#generate-viewer .seg-facts').innerText.includes('3 bytes')"
    )
    page.wait_for_function(f"!{told}")
    assert page.locator("[data-testid=toast-body]").count() == 0
    page.wait_for_selector("#generate-table .virtual-row")
    page.locator("#generate-page input").fill("-5")
    page.locator("#generate-page input").blur()
    page.wait_for_function("document.querySelector('#generate-page input').value === '1'")
    assert page.locator("[data-testid=toast-body]").count() == 0
    page.locator("#generate-viewer .seg-scroll").focus()
    page.keyboard.press("End")
    inspector = page.locator("#generate-viewer .seg-inspector").inner_text().replace("\n", " ")
    assert "part written by the model p" in inspector and "gene" not in inspector


def test_one_model_too_many_and_a_problem_that_is_no_more(page):
    page.get_by_role("tab", name="Compare", exact=True).click()
    field = page.locator("#compare-models input").first
    for name in (
        "words, spaces",
        "white space",
        "sentences",
        "characters",
        "codons, frame 0",
        "codons, frame 1",
    ):
        field.click()
        page.get_by_role("option", name=f"reference: {name}").click()
    note = "document.querySelector('#compare-models-note textarea').value"
    assert page.evaluate(note) == ""
    for name in ("codons, frame 2", "every 5 bytes", "random places", "words of 6", "Python tokens"):
        field.click()
        page.get_by_role("option", name=f"reference: {name}").click()
    page.wait_for_function(f"{note}.startsWith('13 are picked, at most 12')")
    page.locator("#compare-models button[aria-label^='Remove'], #compare-models .token-remove").last.click()
    page.get_by_role("tab", name="Explore", exact=True).click()
    choose(page, "explore", "Upload")
    page.click("#explore-run")
    assert "no file has been uploaded" in problem(page, "explore")
    choose(page, "explore", "Paste")
    page.wait_for_function("!document.querySelector('#explore-status textarea').value")


def test_picking_a_run_takes_away_that_none_was_picked(page):
    paste(page, "It was the best of times. ")
    page.click("#explore-save")
    page.wait_for_selector("#explore-saved textarea, #explore-saved input")
    page.get_by_role("tab", name="Runs", exact=True).click()
    page.click("#runs-open")
    said = "document.querySelector('#runs-line-said textarea').value"
    page.wait_for_function(f"{said}.includes('no run is picked')")
    page.locator("#runs-list .virtual-row").first.locator("[role=gridcell]").first.click()
    page.wait_for_function(f"{said} === ''")


def test_text_from_right_to_left_moves_nothing_beside_it(page):
    paste(page, "\u0627\u0644\u0643 2 \u062a\u0627\u0628 " * 4)
    parts = page.evaluate(PARTS)
    assert [name for name, *_ in parts] == ["#text", "BDI", "#text"]
    assert parts[0][1] == "\u201c" and re.fullmatch(r"\u201d  \d+ bytes?  \[0, \d+\)", parts[2][1])
    assert parts[0][2] < parts[1][2] < parts[2][2]  # as they are read: the place stays behind the quotation


def test_wide_rows_fit_and_names_of_genes_stand_apart(page):
    """A value of the viewer with two overlapping genes and 90 bases a row in codons."""
    paste(page, "It was the best of times. " * 9)
    drawn, fits, per_row, first = page.evaluate(OVERLAPPING)
    places = {text: (x, x + width) for text, x, width in drawn}
    assert places["lambdap51"][1] < places["cI"][0]
    assert fits and per_row % 3 == 0
    # The chunk that covers the first base begins before what is shown and ends behind it.
    words = re.sub(r"\s+", " ", first)
    assert "position 101 base A gene lambdap51 (+)" in words and "310 bases 91-400" in words
    assert "\u201c\u2026ACG" in words and re.search("[ACG]\u2026\u201d", words)


def test_a_chunk_that_goes_on_beyond_what_is_shown_says_so(page):
    paste(page, "It was the best of times. ")
    told = page.evaluate(
        """() => {
            const viewer = window.hnet.viewers['explore-viewer'];
            const lead = { start: 7, prob: 1, index: 2 };
            const stage = { prob: btoa('\\0'.repeat(18)), bits: btoa('\\x08\\0'), lead, tail: 30 };
            const value = { bytes: btoa('ACGACGTTT'), origin: 10, bases: { perRow: 30, group: 10 } };
            viewer.load({ ...value, groups: [{ label: '', name: 'm', stages: [stage] }] });
            return [0, 8].map((at) => { viewer.moveTo(at); return viewer.inspector.node.innerText; });
        }"""
    )
    first, last = (re.sub(r"\s+", " ", each) for each in told)
    assert "\u201c\u2026ACGA\u201d 7 bases 8-14" in first
    assert "\u201cCGTTT\u2026\u201d 16 bases 15-30" in last
