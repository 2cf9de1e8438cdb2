"""The DNA tab over a genome of bacterial size: first tracks after the extraction, pan and zoom in the tracks."""

import gzip
import time
from pathlib import Path

from playwright.sync_api import Page

from app.server.session import Session

SAMPLES = Path(__file__).resolve().parents[2] / "assets" / "samples"
LENGTH = 4_641_652
"""Bases of Escherichia coli K-12 MG1655."""
KEYS = [
    "Home",
    *["+"] * 9,
    "ArrowRight",
    "ArrowRight",
    "ArrowLeft",
    "PageDown",
    *["-"] * 6,
    "ArrowRight",
    "PageUp",
]


def genome(folder: Path) -> tuple[Path, Path]:
    """FASTA and GFF3 of as many bases as E. coli has: phage lambda and its annotation, one after the other."""
    lines = (SAMPLES / "lambda.fa").read_text(encoding="utf-8").splitlines()
    bases = "".join(lines[1:])
    copies = LENGTH // len(bases) + 1
    fasta, gff = folder / "genome.fa.gz", folder / "genome.gff3"
    fasta.write_bytes(gzip.compress(b">genome\n" + (bases * copies)[:LENGTH].encode(), 1))
    rows = [line.split("\t") for line in (SAMPLES / "lambda.gff3").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if len(row) == 9 and row[2] in ("gene", "CDS")]
    with gff.open("w", encoding="utf-8") as file:
        for copy in range(copies):
            for row in rows:
                start, end = (int(row[k]) + copy * len(bases) for k in (3, 4))
                if end <= LENGTH:
                    about = row[8].replace("ID=", f"ID={copy}-").replace("Parent=", f"Parent={copy}-")
                    print("genome", *row[1:3], start, end, *row[5:8], about, sep="\t", file=file)
    return fasta, gff


def measure(page: Page, session: Session, folder: Path) -> list[list[str]]:
    """Rows of the table: what, measured, goal."""
    fasta, gff = genome(folder)
    page.get_by_role("tab", name="DNA", exact=True).click()
    began = page.evaluate("performance.now()")
    page.click("#dna-run")  # the sample first: kernels compile and igv.js is parsed at their first use
    page.wait_for_selector("#dna-genome .genome[data-loads='1']")
    sample = (page.evaluate("performance.now()") - began) / 1000
    page.locator("#dna-source").get_by_text("Upload", exact=True).click()
    page.locator("#dna-upload input[type=file]").set_input_files(fasta)
    page.locator("#dna-annotation input[type=file]").set_input_files(gff)
    page.wait_for_function(
        "document.querySelector('#dna-record input').value.startsWith('genome')", timeout=300_000
    )
    extracted = watch(session)
    page.click("#dna-run")
    page.wait_for_selector("#dna-genome .genome[data-loads='2']", timeout=600_000)
    first = time.monotonic() - extracted[0]
    page.wait_for_selector("#dna-csv-all:not([disabled])", timeout=600_000)
    moves = []
    for number, key in enumerate(KEYS, 1):
        page.locator("#dna-genome .genome-stage").focus()
        page.keyboard.press(key)
        page.wait_for_selector(f"#dna-genome .genome[data-moves='{number}']")
        moves.append(float(page.locator("#dna-genome .genome").get_attribute("data-move-ms")))
        page.wait_for_timeout(1200)  # a person looks; the bases below follow
    moves.sort()
    worst, middle, late = moves[-1], moves[len(moves) // 2], moves[int(0.95 * len(moves))]
    what = f"{LENGTH:,} bases"
    return [
        ["phage lambda, 48,502 bases, the first run: click to tracks", f"{sample:.2f} s", ""],
        [f"{what}: first tracks after the extraction", f"{first:.1f} s", "3 s"],
        [
            f"{what}, pan and zoom: median / 95 % / worst of {len(moves)}",
            f"{middle:.0f} / {late:.0f} / {worst:.0f} ms",
            "200 ms",
        ],
    ]


def watch(session: Session) -> list[float]:
    """A list that gets the time at which the next analysis returned."""
    times, analyse = [], session.analyse

    def timed(*args, **kwargs):
        done = analyse(*args, **kwargs)
        times.append(time.monotonic())
        return done

    session.analyse = timed
    return times
