"""The tracks of the genome view: files that hold exactly what the analyses say, and who may read them."""

import gc
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.inputs.annotations import fit_features, read_features
from analysis.inputs.sources import Sequence
from app.dna.tracks import (
    NOTHING,
    STEP,
    STRIDE,
    Opened,
    TrackFolder,
    genes_of,
    odd_chunks,
    pyramid,
    write_tracks,
)

GFF = b"""##gff-version 3
r\t.\tregion\t1\t3000\t.\t+\t.\tID=whole
r\t.\tgene\t101\t400\t.\t+\t.\tName=<b>x</b>
r\t.\tCDS\t101\t400\t.\t+\t0\tName=p
r\t.\ttRNA\t501\t560\t.\t-\t.\tName=t
"""
DATA = (b"ACGTTGCAGGATTACA" * 200)[:3000]


def levels(data: bytes, n: int) -> list[np.ndarray]:
    """A pyramid's levels, read as the page reads them."""
    out, at = [], 0
    while True:
        out.append(np.frombuffer(data[at : at + n], np.uint8))
        at += n
        if n <= 1024:
            assert at == len(data)
            return out
        n = -(-n // STEP)


@pytest.fixture(scope="module")
def opened(session):
    record = Sequence("r", DATA, (), "dna")
    features, notes = fit_features(read_features(GFF, "x.gff3"), [record])
    analyses = tuple(session.analyse([record], name) for name in ("dna_a", "english_a"))
    return Opened(analyses, features, notes, TrackFolder())


@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 4097, 20001])
def test_a_pyramid_averages_what_has_a_value(n):
    rng = np.random.default_rng(n)
    value = rng.random(n).astype(np.float32)
    value[rng.random(n) < 0.4] = np.nan
    value[n // 3 : n // 2] = np.nan
    for k, level in enumerate(levels(pyramid(value), n)):
        size = STEP**k
        parts = [value[i : i + size] for i in range(0, n, size)]
        means = [np.nan if np.isnan(part).all() else np.nanmean(part.astype(float)) for part in parts]
        assert [byte == NOTHING for byte in level] == np.isnan(means).tolist()
        known = ~np.isnan(means)
        assert np.abs(level[known] / 254 - np.array(means)[known]).max(initial=0) <= 0.5 / 254 + 1e-6


def test_tracks_hold_the_analyses(opened):
    value = write_tracks(opened)
    folder = Path(value["folder"])
    kinds = [track["kind"] for track in value["tracks"]]
    assert kinds == ["genes", "features", "consensus", *["p", "chunks"] * 3]
    assert value["length"] == 3000 and value["models"] == ["DNA, 2 stages", "English, 1 stage"]
    assert (folder / "bases.fa").read_bytes() == b">record\n" + DATA + b"\n"
    name, length, at, width, line = (folder / "bases.fa.fai").read_text().split()
    assert (name, int(length), int(at), int(width), int(line)) == ("record", 3000, 8, 3000, 3001)
    pairs = iter(track for track in value["tracks"] if track["kind"] == "chunks")
    for analysis in opened.analyses:
        for stage in range(analysis.model.n_stages):
            track = next(pairs)
            bits = np.unpackbits(np.frombuffer((folder / track["file"]).read_bytes(), np.uint8))[:3000]
            assert np.flatnonzero(bits).tolist() == analysis.chunks_of("r", stage)["start"].tolist()
            table = analysis.boundaries_of("r", stage)
            first = levels((folder / track["prob"]).read_bytes(), 3000)[0]
            assert np.flatnonzero(first != NOTHING).tolist() == table["byte"].tolist()
            assert np.abs(first[table["byte"]] / 254 - table["prob"]).max() < 0.0021


def test_consensus_is_the_share_of_models_that_cut(opened):
    value = write_tracks(opened)
    data = (Path(value["folder"]) / "consensus").read_bytes()
    cuts = [set(each.chunks_of("r", 0)["start"]) for each in opened.analyses]
    first = levels(data, 3000)[0]
    assert set(np.flatnonzero(first == 254)) == cuts[0] & cuts[1]
    assert set(np.flatnonzero(first == 127)) == cuts[0] ^ cuts[1]
    assert set(np.flatnonzero(first == NOTHING)) == set(range(3000)) - cuts[0] - cuts[1]


def test_annotation_travels_as_data(opened):
    folder = Path(write_tracks(opened)["folder"])
    assert json.loads((folder / "genes.json").read_text()) == [[100, 400, "+", "<b>x</b>", "gene"]]
    others = json.loads((folder / "features.json").read_text())
    assert [row[4] for row in others] == ["CDS", "tRNA"]  # the region that spans the record is the record
    assert genes_of(opened, 300, 350)["name"].tolist() == ["<b>x</b>"] and genes_of(opened, 400, 500).empty


def test_a_folder_is_unguessable_and_goes_with_its_owner():
    one, other = TrackFolder(), TrackFolder()
    path = one.path
    assert path != other.path and len(path.name) == 32 and path.stat().st_mode & 0o077 == 0
    (path / "x").write_text("x")
    del one
    gc.collect()
    assert not path.exists() and other.path.exists()


def test_no_annotation_no_annotation_tracks(session):
    record = Sequence("r", DATA[:100], (), "dna")
    opened = Opened((session.analyse([record], "dna_a"),), None, (), TrackFolder())
    assert [track["kind"] for track in write_tracks(opened)["tracks"]] == ["p", "chunks"] * 2
    assert opened.codons is None and isinstance(genes_of(opened, 0, 9), pd.DataFrame)


@pytest.mark.parametrize("n", [1, 5000, 20_000])
def test_whether_a_chunk_is_odd_is_its_number_in_the_record(n):
    marks = np.random.default_rng(n).random(n) < 0.3
    marks[0] = True
    odd = np.unpackbits(odd_chunks(marks))
    for at in range(0, n, STRIDE):
        assert odd[at // STRIDE] == (marks[: at + 1].sum() - 1) % 2
