"""Files to take away: each format holds the analysis, and the picture is one HTML file that needs nothing else."""

import json
import re

import numpy as np
import pandas as pd
import pyBigWig
import pytest

from analysis.inputs.reading import Sequence
from app.evidence import files
from app.picture import value as view
from app.picture.origin import where_from
from app.picture.standalone import standalone
from hnet_core.errors import InputError

BASES = b"ACGTTGCAGGAT" * 8


@pytest.fixture(scope="module")
def dna(session):
    return session.analyse([Sequence("r1", BASES, kind="dna")], "dna_a")


@pytest.fixture(scope="module")
def text(session):
    return session.analyse([Sequence("</script><script>x", b"<b>${1}</b> \xff")], "english_a")


def make(session, done, key):
    return files.make(session, done, key, lambda: view.text_value(done, ""))


def test_every_format_holds_the_analysis(session, dna):
    for _, key in files.choices(dna):
        path = make(session, dna, key)
        with open(path, "rb") as file:
            assert key.endswith((".csv", ".bw")) or b"weights_sha256" in file.read(), key
        if key.endswith(".bw"):
            p = dna.boundaries_of("r1", int(re.fullmatch(r"p_stage(\d+)\.bw", key).group(1)))
            with pyBigWig.open(path) as track:
                assert track.chroms() == {"r1": len(BASES)}
                assert np.array(track.values("r1", 0, len(BASES)))[p["byte"]] == pytest.approx(p["prob"])
        if key.endswith("parquet"):
            assert len(pd.read_parquet(path)) == len(
                dna.chunks if key.startswith("chunks") else dna.boundaries
            )
        if key.endswith((".bed", ".gff3")):
            with open(path, encoding="utf-8") as file:
                rows = [line.split("\t") for line in file if not line.startswith("#")]
            shift = 1 if key.endswith("gff3") else 0
            at = 3 if shift else 1
            assert [int(row[at]) - shift for row in rows] == dna.chunks["start"].tolist()


def test_tracks_of_browsers_are_for_dna(session, text):
    assert not any(key.endswith(("bed", "bedgraph", "gff3", "bw")) for _, key in files.choices(text))
    with pytest.raises(InputError, match="no file"):
        make(session, text, "chunks.bed")
    assert files.choices(None) == []


def test_html_carries_the_value_and_no_markup_of_the_input(session, text):
    value = view.text_value(text, text.sequences[0].name)
    page = standalone(value, where_from("page", text, option="</script><script>x")).decode()
    data = re.search(r'id="value">(.*?)</script>', page).group(1)
    assert json.loads(data) == json.loads(json.dumps(value))
    assert "<script>x" not in page and "<b>${1}" not in page
    code = page.replace("http://www.w3.org/2000/svg", "")  # a namespace: a name, nothing that is fetched
    assert not re.search(r"(src|href)\s*=\s*[\"']|@import|https?://", code)


@pytest.mark.browser
def test_html_opens_without_a_server(browser, session, dna):
    page, errors, requests = browser.new_page(), [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    path = make(session, dna, files.HTML)
    page.goto(f"file://{path}")
    rows = page.locator(".seg-row").evaluate_all(
        "rows => rows.map(row => [parseFloat(row.style.top), row.querySelector('.seg-text').textContent])"
    )
    assert "".join(shown for _, shown in sorted(rows)) == BASES.decode()
    page.locator(".seg-search input").fill("GGAT")
    page.locator(".seg-search input").press("Enter")
    page.get_by_text("1 of 8", exact=True).wait_for()
    assert errors == [] and {url.split(":")[0] for url in requests} <= {"file", "blob"}
    page.close()
