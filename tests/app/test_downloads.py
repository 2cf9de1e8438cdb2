"""Every file of every tab, saved by clicks in a real browser, and read back by another library; a refusal is told."""

import json
import re
import tempfile
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import oxbow
import pandas as pd
import pytest

from analysis.boundaries.extract import Analysis
from analysis.inputs.reading import Sequence
from app.compare import files as compare_files
from app.evidence import files
from tests.app.conftest import running
from tests.app.test_browser import choose, download, paste, wait_loaded

pytestmark = pytest.mark.browser

BASES = "ACGTTGCAGGATTACAGGC" * 20
BED = ["chrom", "start", "end", "name", "score", "strand"]
WATCH = """tab => {
    // Off when a file is picked and on when it is there; it is off before the first one.
    const button = document.querySelector(`#${tab}-file`);
    window.off = { [tab]: button.disabled ? 1 : 0 };
    new MutationObserver(() => { window.off[tab] += button.disabled; }).observe(
        button, { attributeFilter: ["disabled"] });
}"""
"""Counts how often nothing could be saved from the list of files."""
TEXT = "It was the best of times, it was the worst of times. " * 3


def save_each(page, tab: str, choices: list[tuple[str, str]], folder: Path) -> dict[str, Path]:
    """Every entry of the list "other files" picked and saved: key -> the file as the browser received it.

    choices: (words, key), what the list has to offer, in order
    """
    button, options = page.locator(f"#{tab}-file"), page.locator(f"#{tab}-kind").get_by_role("option")
    page.evaluate(WATCH, tab)
    saved = {}
    for at, (_, key) in enumerate(choices, 1):
        page.locator(f"#{tab}-kind input").click()
        listed = [each.removeprefix("✓").strip() for each in options.all_inner_texts()]
        assert listed == ["other files", *(words for words, _ in choices)]
        options.nth(at).click()
        page.wait_for_function(
            "([tab, at]) => window.off[tab] >= at && !document.querySelector(`#${tab}-file`).disabled",
            arg=[tab, at],
        )
        with page.expect_download() as info:
            button.click()
        saved[key] = folder / info.value.suggested_filename
        info.value.save_as(saved[key])
    assert len(set(saved.values())) == len(choices)
    return saved


def has(table: pd.DataFrame, want: pd.DataFrame) -> None:
    """The table has the columns of `want`, with its values in its order; probabilities to the digits of a format."""
    for name in want:
        exact = want[name].dtype.kind != "f"
        given, values = table[name].to_numpy(), want[name].to_numpy()
        assert (given == values).all() if exact else np.allclose(given.astype(float), values, atol=1e-4), name


def check_tables(saved: dict[str, Path], done: Analysis) -> None:
    places = done.chunks[["stage", "start", "end"]].reset_index(drop=True)
    each = done.boundaries[["stage", "byte", "prob"]].reset_index(drop=True)
    for key in ("chunks.csv", "chunks.parquet"):
        has(read(saved[key]), places)
    for key in ("p.csv", "p.parquet"):
        has(read(saved[key]), each)


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def picture(browser, path: Path) -> str:
    """What the saved HTML file shows in its rows, top to bottom, opened from the disk."""
    page = browser.new_page()
    page.goto(f"file://{path}")
    rows = page.locator(".seg-row").evaluate_all(
        "rows => rows.map(row => [parseFloat(row.style.top), row.querySelector('.seg-text').textContent])"
    )
    page.close()
    return "".join(shown for _, shown in sorted(rows))


def test_every_file_of_a_text(page, session, browser, tmp_path):
    paste(page, TEXT)
    done = session.analyse([Sequence("pasted text", TEXT.encode())], "english_a")
    saved = save_each(page, "explore", files.choices(done), tmp_path)
    check_tables(saved, done)
    assert picture(browser, saved[files.HTML]) == TEXT
    facts = json.loads(saved[files.PROVENANCE].read_text())
    assert facts["input"]["bytes"] == len(TEXT) and list(facts["models"]) == ["english_a"]


def test_every_file_of_a_record(page, session, browser, tmp_path):
    page.get_by_role("tab", name="DNA", exact=True).click()
    choose(page, "dna", "Paste")
    page.locator("#dna-text textarea").fill(f">rec\n{BASES}\n")
    page.locator("#dna-text textarea").blur()
    page.wait_for_function("document.querySelector('#dna-record input').value.startsWith('rec')")
    page.click("#dna-run")
    wait_loaded(page, "dna")
    done = session.analyse([Sequence("rec", BASES.encode(), kind="dna")], "dna_a")
    saved = save_each(page, "dna", files.choices(done), tmp_path)
    check_tables(saved, done)
    check_intervals(saved, done.chunks)
    each = done.boundaries
    for stage in range(2):
        track = oxbow.from_bigwig(saved[f"p_stage{stage}.bw"]).pd()
        want = each[each["stage"] == stage]
        has(by_base(track), pd.DataFrame({"base": want["byte"], "value": want["prob"]}))
    assert picture(browser, saved[files.HTML]) == BASES


def check_intervals(saved: dict[str, Path], chunks: pd.DataFrame) -> None:
    """BED and GFF3 hold these chunks, each counting from where its format does."""
    wanted = chunks[["start", "end"]].reset_index(drop=True)
    has(pd.read_csv(saved["chunks.bed"], sep="\t", comment="#", names=BED), wanted)
    has(oxbow.from_gff(saved["chunks.gff3"]).pd(), wanted.assign(start=wanted["start"] + 1))


def by_base(track: pd.DataFrame) -> pd.DataFrame:
    """A row for every base of a track: intervals of equal values are told as one."""
    lengths = track["end"] - track["start"]
    bases = np.concatenate([np.arange(a, b) for a, b in zip(track["start"], track["end"], strict=True)])
    return pd.DataFrame({"base": bases, "value": np.repeat(track["value"].to_numpy(), lengths)})


def test_every_file_of_a_comparison_of_dna(page, session, browser, tmp_path):
    page.get_by_role("tab", name="Compare", exact=True).click()
    choose(page, "compare", "Paste")
    page.locator("#compare-text textarea").fill(f">rec\n{BASES}\n")
    page.locator("#compare-models input").click()
    page.get_by_role("option", name="DNA, 2 stages", exact=True).click()
    page.keyboard.press("Escape")
    page.click("#compare-run")
    wait_loaded(page, "compare")
    page.wait_for_selector("#compare-csv:not([disabled])")
    names = ["english_a", "english_b", "dna_a"]
    parts = [session.analyse([Sequence("rec", BASES.encode(), kind="dna")], name) for name in names]
    offered = [*compare_files._ANY, *compare_files._DNA, *compare_files._LAST]
    saved = save_each(page, "compare", offered, tmp_path)
    chunks = pd.concat([part.chunks.assign(model=part.model.name) for part in parts], ignore_index=True)
    p = pd.concat([part.boundaries.assign(model=part.model.name) for part in parts], ignore_index=True)
    for key in ("chunks.csv", "chunks.parquet"):
        has(read(saved[key]), chunks[["model", "stage", "start", "end"]])
    for key in ("p.csv", "p.parquet"):
        has(read(saved[key]), p[["model", "stage", "byte", "prob"]])
    check_intervals(saved, chunks)
    starts = chunks.loc[chunks["stage"] == 0, "start"]
    share = np.bincount(starts, minlength=len(BASES)) / len(parts)
    cut = np.flatnonzero(share[1:]) + 1  # the first byte begins a chunk of every model: no cut
    for key in ("consensus.csv", "consensus.parquet"):
        has(read(saved[key]), pd.DataFrame({"byte": cut, "share": share[cut]}))
    track = by_base(oxbow.from_bigwig(saved["consensus.bw"]).pd())
    has(track, pd.DataFrame({"base": cut, "value": share[cut]}))
    for key in ("agreement", "groups"):
        pd.testing.assert_frame_equal(
            read(saved[f"{key}.csv"]), read(saved[f"{key}.parquet"]), check_dtype=False
        )
    assert re.search(r"ACGTTGCAGG", picture(browser, saved[files.HTML]))
    assert json.loads(saved[files.PROVENANCE].read_text())["input"]["bytes"] == len(BASES)


def save_run(page) -> None:
    page.click("#explore-save")
    page.wait_for_selector("#explore-saved textarea")
    page.wait_for_function(
        "document.querySelector('#explore-saved textarea').value.startsWith('Saved as run')"
    )


def private(page) -> list[Path]:
    """Files of the server that the page asks for from now on, each of which lies where only this user can read."""
    seen = []

    def check(response) -> None:
        if "/gradio_api/file=" in response.url and response.request.method == "HEAD":
            path = Path(unquote(response.url.split("/gradio_api/file=")[1]))
            below = path.relative_to(Path(tempfile.gettempdir()).resolve())
            folder = Path(tempfile.gettempdir(), below.parts[0])
            seen.append((path, response.status, folder.stat().st_mode & 0o077))

    page.on("response", check)
    return seen


def test_the_buttons_of_every_tab_save_files_that_only_this_user_can_read(page, tmp_path):
    seen, saved = private(page), {}

    def save(*names: str) -> None:
        for name in names:
            saved[name] = download(page, f"#{name}")

    paste(page, TEXT)
    page.locator("#explore-dictionary button").first.click()
    save("explore-csv-shown", "explore-csv-all", "explore-csv-words")
    save_run(page)
    page.get_by_role("tab", name="Compare", exact=True).click()
    page.click("#compare-run")
    save("compare-csv")
    page.get_by_role("tab", name="Generate", exact=True).click()
    page.locator("#generate-length input").fill("40")
    page.click("#generate-run")
    page.locator("#generate-dictionary button").first.click()
    save("generate-csv-all", "generate-csv-shown", "generate-csv-words")
    page.get_by_role("tab", name="Runs", exact=True).click()
    page.locator("#runs-list .virtual-row").first.locator("[role=gridcell]").first.click()
    page.click("#runs-open")
    page.locator("#runs-dictionary button").first.click()
    save("runs-csv-all", "runs-csv-shown", "runs-csv-words")
    assert saved["runs-csv-all"] == saved["explore-csv-all"]
    page.get_by_role("tab", name="DNA", exact=True).click()
    page.wait_for_function("document.querySelector('#dna-record input').value")
    page.click("#dna-run")
    wait_loaded(page, "dna")
    save("dna-csv-region", "dna-csv-shown", "dna-csv-all")
    for section in ("motif", "genes", "strands"):
        page.locator(f"#dna-{section}-section button").first.click()
    page.locator("#dna-motif textarea, #dna-motif input").fill("TTGACA")
    page.keyboard.press("Enter")
    save("dna-motif-shown", "dna-motif-all")
    page.click("#dna-genes-run")
    page.click("#dna-strands-run")
    save("dna-genes-shown", "dna-genes-all", "dna-genes-profiles", "dna-strands-all")
    assert all(len(rows) > 1 and all(len(row) == len(rows[0]) for row in rows) for rows in saved.values())
    assert len(seen) == len(saved) and {(status, mode) for _, status, mode in seen} == {(200, 0)}


@pytest.mark.parametrize("tab", ["generate", "runs"])
def test_every_file_of_the_other_tabs(page, tab, browser, tmp_path):
    paste(page, TEXT)
    save_run(page)
    page.get_by_role("tab", name=tab.capitalize(), exact=True).click()
    if tab == "generate":
        page.locator("#generate-length input").fill("40")
        page.click("#generate-run")
    else:
        page.locator("#runs-list .virtual-row").first.locator("[role=gridcell]").first.click()
        page.click("#runs-open")
    everything = download(page, f"#{tab}-csv-all")
    offered = [(words, key) for key, (words, _, needs) in files._TABLES.items() if not needs]
    last = [("the picture: one HTML file, works without network", files.HTML)]
    last.append(("where all this comes from: JSON", files.PROVENANCE))
    saved = save_each(page, tab, [*offered, *last], tmp_path)
    starts = [int(row[2]) for row in everything[1:]]
    for key in ("chunks.csv", "chunks.parquet"):
        assert read(saved[key])["start"].tolist() == starts
    for key in ("p.csv", "p.parquet"):
        assert read(saved[key])["is_boundary"].sum() == len(starts)
    facts = json.loads(saved[files.PROVENANCE].read_text())
    assert len(picture(browser, saved[files.HTML])) >= 40 and facts["input"]["bytes"] >= 40


def test_a_file_that_the_server_refuses_is_told_beside_its_button(page):
    paste(page, TEXT)
    seen = private(page)
    before = download(page, "#explore-csv-shown")
    seen[0][0].unlink()
    refused = page.locator(".files:has(#explore-csv-shown) .refused")
    assert refused.count() == 0
    page.click("#explore-csv-shown")
    refused.wait_for()
    assert re.fullmatch(
        r"Not saved: the server does not give this file any more \(40[34]\)\. .+", refused.inner_text()
    )
    page.click("#explore-run")
    wait_loaded(page, "explore", 2)
    page.wait_for_function("document.querySelector('#explore-csv-all:not([disabled])')")
    assert download(page, "#explore-csv-shown") == before and refused.count() == 0


def test_a_server_that_is_gone_is_told_beside_the_button(browser, models_dir):
    page = browser.new_page()  # what else of the page misses its server is not looked at
    with running(models_dir) as url:
        page.goto(url)
        paste(page, TEXT)
        page.wait_for_selector("#explore-csv-shown:not([disabled])")
    page.click("#explore-csv-shown")
    page.get_by_text("Not saved: the server does not answer.").wait_for()
    page.close()
