"""The main jobs by clicks in a real browser: text, FASTA, comparison, hostile input, errors, downloads."""

import csv
import re

import pytest

from analysis.chance.p_values import shown
from app.server.session import MAX_TEXT_BYTES

pytestmark = pytest.mark.browser

TEXT = "It was the best of times, it was the worst of times.\nIt was the age of wisdom.\n"
BASES = "ACGTTGCAGGAT" * 30
HOSTILE = (
    (
        b"<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'> ${window.hacked = 3} "
        b"{{window.hacked = 4}} {{{value}}} `${value}`\n"
    )
    + b"\xed\xa0\x80 \x00 \xff "
    + "\u202eabc\u202c \u200b \u4e2d\n".encode()
)


def choose(page, tab: str, source: str) -> None:
    page.locator(f"#{tab}-source").get_by_text(source, exact=True).click()


def wait_loaded(page, tab: str, loads: int = 1) -> None:
    """Until the viewer has drawn its n-th value."""
    page.wait_for_selector(f"#{tab}-viewer .seg[data-loads='{loads}']")


def paste(page, text: str, loads: int = 1) -> None:
    choose(page, "explore", "Paste")
    page.locator("#explore-text textarea").fill(text)
    page.click("#explore-run")
    wait_loaded(page, "explore", loads)


def upload(page, tab: str, path) -> None:
    choose(page, tab, "Upload")
    page.locator(f"#{tab}-upload input[type=file]").set_input_files(path)
    page.wait_for_selector(f"#{tab}-upload .file-preview")


def shown_text(page, tab: str) -> str:
    """The text of the rows in the document, top to bottom."""
    rows = page.locator(f"#{tab}-viewer .seg-row").evaluate_all(
        "rows => rows.map(row => [parseFloat(row.style.top), row.querySelector('.seg-text').textContent])"
    )
    return "".join(text for _, text in sorted(rows))


def table_rows(page, tab: str) -> list[list[str]]:
    """The table as a person reads it: the rows that Gradio has drawn, from the first."""
    read = f"""() => [...document.querySelectorAll('#{tab}-table .virtual-row')]
        .sort((a, b) => a.dataset.index - b.dataset.index)
        .map(row => [...row.querySelectorAll('[role=gridcell]')].map(cell => cell.innerText.trim()))"""
    page.wait_for_function(f"({read})().length > 0")
    return page.evaluate(read)


def download(page, selector: str) -> list[list[str]]:
    page.wait_for_selector(f"{selector}:not([disabled])")
    with page.expect_download() as info:
        page.click(selector)
    with open(info.value.path(), encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def toast(page) -> str:
    """The text of the one message on the page, which is closed and gone afterwards.

    Gradio fades a closed message out: without the wait, the next call would read the old one.
    """
    body = page.locator("[data-testid=toast-body]")
    body.first.wait_for()
    assert body.count() == 1, body.all_inner_texts()
    text = body.inner_text()
    page.locator(".toast-close").click()
    body.wait_for(state="detached")
    return text


def problem(page, tab: str) -> str:
    """The sentence beside the buttons of a tab, once there is one; it is said nowhere else."""
    field = f"document.querySelector('#{tab}-status textarea')"
    page.wait_for_function(f"{field}.value")
    assert page.locator("[data-testid=toast-body]").count() == 0
    return page.evaluate(f"{field}.value")


def test_text_by_clicks(page, session):
    paste(page, TEXT)
    assert shown_text(page, "explore") == TEXT.replace("\n", "↵")
    facts = page.locator("#explore-viewer .seg-facts").inner_text()
    assert "English, 1 stage" in facts and "English (guessed)" in facts and f"{len(TEXT)}" in facts
    assert "Early model." in page.locator("#explore-viewer .seg-note").inner_text()
    want = session.analyse(session_text(TEXT), "english_a").chunks
    page.wait_for_function("document.querySelector('#explore-line textarea, #explore-line input').value")
    shown = download(page, "#explore-csv-shown")
    assert [int(row[1]) for row in shown[1:]] == want["start"].tolist()
    rows = table_rows(page, "explore")
    assert len(rows) >= 5
    for seen, saved in zip(rows, shown[1:], strict=False):
        assert [float(x) for x in seen[:5]] == pytest.approx([float(x) for x in saved[:5]])
        assert seen[5].replace("␣", " ").replace("↵", "\\n") == saved[5]
    page.locator("#explore-table .virtual-row").nth(2).locator("[role=gridcell]").nth(1).click()
    chosen = f"[{want['start'][2]}, {want['end'][2]})"
    page.wait_for_function(
        "text => document.querySelector('#explore-viewer .seg-inspector').textContent.includes(text)",
        arg=chosen,
    )
    everything = download(page, "#explore-csv-all")
    assert everything[0] == ["sequence", "stage", "start", "end", "n_bytes", "prob", "text"]
    assert "".join(row[6] for row in everything[1:]) == TEXT.replace("\n", "\\n")
    page.locator("#explore-kind input").click()
    page.get_by_role("option", name=re.compile("the picture")).click()
    page.wait_for_selector("#explore-file:not([disabled])")
    with page.expect_download() as info:
        page.click("#explore-file")
    assert info.value.suggested_filename == "segmentation.html"
    page.locator("#explore-dictionary button").first.click()
    word = page.locator("#explore-words .virtual-row").first.locator("[role=gridcell]").nth(0)
    word.click()
    page.wait_for_function(
        "/^[0-9]+ of [0-9]+$/.test(document.querySelector('#explore-viewer .seg-told').textContent)"
    )


def session_text(text: str):
    from analysis.inputs.reading import read_text

    return read_text(text.encode(), "pasted text")


def test_generation_is_drawn_as_it_forms_and_stops(page):
    page.get_by_role("tab", name="Generate").click()
    page.locator("#generate-length input").fill("4000")
    page.click("#generate-run")
    # Pressed by the page itself, in the moment in which there is something to see: a small model is soon at its end.
    page.wait_for_function(
        """() => {
            const drawn = document.querySelector('#generate-viewer .seg').dataset.loads > 1;
            const stop = document.querySelector('#generate-stop:not([disabled])');
            if (drawn && stop) stop.click();
            return drawn && stop;
        }"""
    )
    page.get_by_text(", stopped").wait_for()
    facts = page.locator("#generate-viewer .seg-facts").inner_text()
    assert "steps a byte inside stage 0" in facts
    assert page.evaluate("hnet.viewers['generate-viewer'].segments.data.length") < 4000
    first = shown_text(page, "generate")
    page.locator("#generate-viewer .seg-scroll").focus()
    page.keyboard.press("Home")
    assert first and page.locator("#generate-viewer .seg-text").first.inner_text().startswith(
        "It was a dark and"
    )
    assert "".join(row[6] for row in download(page, "#generate-csv-all")[1:]).startswith("It")


def test_hover_and_keys_tell_about_a_byte(page, session):
    paste(page, TEXT)
    tracks = session.analyse(session_text(TEXT), "english_a").boundaries
    starts = tracks[tracks["is_boundary"]]["byte"].tolist()
    inspector = page.locator("#explore-viewer .seg-inspector")
    box = page.locator("#explore-viewer .seg-text").first.bounding_box()
    cell = (
        page.locator("#explore-viewer .seg-probe").evaluate("probe => probe.getBoundingClientRect().width")
        / 100
    )
    page.mouse.move(box["x"] + 7.5 * cell, box["y"] + box["height"] / 2)
    told = inspector.inner_text().replace("\n", " ")
    assert re.search(r"byte 7 .*t +U\+0074.* hex 74 ", told)
    assert f"{tracks['prob'][7]:.4f}" in told
    page.locator("#explore-viewer .seg-scroll").focus()
    page.keyboard.press("n")
    assert f"byte {starts[1]} " in inspector.inner_text().replace("\n", " ")
    page.keyboard.press("End")
    assert f"byte {len(TEXT) - 1} " in inspector.inner_text().replace("\n", " ")
    page.keyboard.press("p")
    assert f"byte {max(b for b in starts if b < len(TEXT) - 1)} " in inspector.inner_text().replace("\n", " ")
    assert (
        f"byte {max(b for b in starts if b < len(TEXT) - 1)}"
        in page.locator("#explore-viewer .seg-spoken").inner_text()
    )


def test_models_over_one_text(page):
    page.get_by_role("tab", name="Compare").click()
    page.click("#compare-run")
    wait_loaded(page, "compare")
    assert page.locator("#compare-viewer .seg-legend b").all_inner_texts() == [
        "A: English, 1 stage",
        "B: English, 2 stages",
    ]
    assert page.locator("#compare-viewer .seg-row").first.locator(".seg-label").all_inner_texts() == [
        "A",
        "B",
    ]
    rows = table_rows(page, "compare")
    saved = download(page, "#compare-csv")
    assert len(rows) == len(saved) - 1 == 2
    f1 = saved[0].index("f1")
    assert [row[:2] for row in rows] == [["A0", "B0"], ["A0", "B1"]]
    assert [float(row[2]) for row in rows] == pytest.approx([float(row[f1]) for row in saved[1:]], abs=1e-4)
    # p and q stand last: written out on the page, whole in the file.
    for name, column in (("p_value", -2), ("q_value", -1)):
        values = [float(row[saved[0].index(name)]) for row in saved[1:]]
        assert [row[column].removeprefix("≤ ") for row in rows] == [shown(value) for value in values]
    selected = "document.querySelector('#compare-viewer .seg-inspector').textContent.includes('selected')"
    page.locator("#compare-windows .virtual-row").first.locator("[role=gridcell]").first.click()
    page.wait_for_function(selected)
    # Rows and columns of the matrix follow the clustering: a filled cell in the row of B1 is of B1 and A0.
    row = page.locator("#compare-matrix .virtual-row", has=page.get_by_text("B1", exact=True))
    row.locator("[role=gridcell]", has_text=re.compile(r"0\.\d+ \(")).first.click()
    wait_loaded(page, "compare", 2)
    assert "B, stage 1" in page.locator("#compare-viewer .seg-facts").inner_text()
    page.wait_for_function(selected)
    page.locator("#compare-grouped button").first.click()
    page.locator("#compare-groups [role=gridcell]", has_text="depth 1, stage 0").first.wait_for()


def test_models_beside_references_and_saved_figures(page):
    """References are picked from the same list; the figures under an analysis are saved with what made them."""
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-models input").first.click()
    page.get_by_role("option", name=re.compile("reference: words, spaces")).click()
    page.keyboard.press("Escape")
    page.click("#compare-run")
    wait_loaded(page, "compare")
    assert (
        "C: reference: words, spaces and signs (Unicode)"
        in page.locator("#compare-viewer .seg-legend").inner_text()
    )
    page.get_by_role("tab", name="Explore").click()
    paste(page, TEXT)
    for kind, first in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as info:
            page.get_by_role("button", name=f"Save as {kind}: Chunk lengths").click()
        assert info.value.suggested_filename == f"chunk-lengths.{kind.lower()}"
        with open(info.value.path(), "rb") as file:
            content = file.read()
        assert content.startswith(first) and b"weights_sha256" in content


def test_hostile_text_stays_text(page, tmp_path):
    path = tmp_path / "<img src=x onerror='window.hacked = 5'>.txt"
    path.write_bytes(HOSTILE)
    upload(page, "explore", path)
    page.click("#explore-run")
    wait_loaded(page, "explore")
    text = shown_text(page, "explore")
    first = HOSTILE.split(b"\n")[0].decode()
    assert text.startswith(first)
    rest = text[len(first) :]
    # A boundary inside a character shows its bytes; either way the character itself never reaches the page.
    assert re.fullmatch("↵EDA080 00 FF (202E|E280AE)abc(202C|E280AC) (200B|E2808B) (\u4e2d|E4B8AD)↵", rest)
    page.locator("#explore-viewer .seg-scroll").focus()
    for _ in range(8):
        page.keyboard.press("n")
    table_rows(page, "explore")
    download(page, "#explore-csv-all")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#explore-viewer img, #explore-viewer script").count() == 0
    assert "not UTF-8" in page.locator("#explore-viewer .seg-note").inner_text()


def test_hostile_record_name_stays_text(page, tmp_path):
    path = tmp_path / "r.fa"
    path.write_text(
        f"><img/src=x/onerror=window.hacked=6> x\n{BASES}\n>bad${{window.hacked=7}}\nACGTACGTAC!GT\n"
    )
    page.get_by_role("tab", name="DNA").click()
    upload(page, "dna", path)
    # Beside the input, as text; nothing pops up.
    page.wait_for_function(
        "document.querySelector('#dna-panel-note textarea').value.includes('bad${window.hacked=7}')"
    )
    path.write_text(f"><img/src=x/onerror=window.hacked=6> x\n{BASES}\n")
    choose(page, "dna", "Paste")
    page.locator("#dna-text textarea").fill(path.read_text())
    page.click("#dna-run")
    wait_loaded(page, "dna")
    assert "<img/src=x/onerror=window.hacked=6>" in page.locator("#dna-viewer .seg-facts").inner_text()
    assert page.evaluate("window.hacked") is None


def test_an_error_is_one_sentence_and_the_next_request_works(page, tmp_path):
    choose(page, "explore", "Paste")
    page.click("#explore-run")
    told = problem(page, "explore")
    assert "the text field is empty" in told and "Traceback" not in told
    path = tmp_path / "cut.txt.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00garbage")
    upload(page, "explore", path)
    page.click("#explore-run")
    page.wait_for_function("document.querySelector('#explore-status textarea').value.includes('cut.txt.gz')")
    assert problem(page, "explore").count("cut.txt.gz") == 1
    choose(page, "explore", "Paste")
    page.locator("#explore-text textarea").fill(TEXT)
    page.click("#explore-run")
    wait_loaded(page, "explore")
    assert shown_text(page, "explore") == TEXT.replace("\n", "↵")


def test_a_text_over_the_limit_is_told_and_the_picture_stays(page, tmp_path):
    paste(page, TEXT)
    page.locator("#explore-text textarea").fill("something else")
    path = tmp_path / "long.txt"
    path.write_bytes(b"a" * (MAX_TEXT_BYTES + 1))
    upload(page, "explore", path)
    page.click("#explore-run")
    page.wait_for_function("document.querySelector('#explore-status textarea').value.includes('long.txt')")
    assert "limit" in problem(page, "explore")
    assert shown_text(page, "explore") == TEXT.replace("\n", "↵")
    choose(page, "explore", "Paste")
    page.click("#explore-run")
    wait_loaded(page, "explore", 2)
    assert shown_text(page, "explore") == "something else"


def test_a_megabyte_stays_quick(page, tmp_path):
    path = tmp_path / "big.txt"
    path.write_bytes((b"It was the best of times, it was the worst of times. " * 20 + b"\n") * 950)
    upload(page, "explore", path)
    page.click("#explore-run")
    wait_loaded(page, "explore")
    viewer = page.locator("#explore-viewer .seg")
    assert float(viewer.get_attribute("data-open-ms")) < 2000
    scroller = page.locator("#explore-viewer .seg-scroll")
    scroller.evaluate("node => { node.scrollTop = node.scrollHeight / 2; }")
    page.wait_for_function("document.querySelector('#explore-viewer .seg-ruler').textContent > '300000'")
    assert page.locator("#explore-viewer .seg-row").count() < 60
    assert page.locator("#explore-viewer .seg *").count() < 1500


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    paste(page, TEXT)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_theme_redraws(page):
    paste(page, TEXT)
    read = "document.querySelector('#explore-viewer .seg-row canvas').toDataURL()"
    before = page.evaluate(read)
    page.click("#theme")
    page.wait_for_function(f"{read} !== {before!r}")
    assert page.evaluate("document.body.classList.contains('dark')")
