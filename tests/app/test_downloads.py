"""Every file in the lists of files, picked and saved by clicks in a real browser, and read back by another library."""

import json
import re
from pathlib import Path

import numpy as np
import oxbow
import pandas as pd
import pytest

from analysis.extract import Analysis
from analysis.inputs import Sequence
from app import compare_files, files
from tests.app.test_browser import choose, paste, wait_loaded

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
