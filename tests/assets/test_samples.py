"""The bundled samples: complete, readable, and each with its licence."""

import ast
import json
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "assets" / "samples"
INDEX = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
KEYS = {"name", "title", "domain", "file", "annotation", "source", "licence"}
FREE = ("public domain", "BSD-3-Clause", "MIT", "no restrictions")


def content(domain: str) -> list[bytes]:
    return [(SAMPLES / entry["file"]).read_bytes() for entry in INDEX if entry["domain"] == domain]


@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: entry["name"])
def test_entry_is_complete(entry):
    assert set(entry) == KEYS
    assert entry["domain"] in {"english", "chinese", "code", "dna"}
    assert entry["licence"].startswith(FREE)
    assert entry["title"]
    assert entry["source"]
    text = (SAMPLES / entry["file"]).read_bytes().decode("utf-8")
    assert 2_000 < len(text.encode()) < 110_000
    assert "\r" not in text
    assert "\0" not in text


def test_every_file_is_in_the_index():
    named = {"samples.json"}
    for entry in INDEX:
        named |= {entry["file"], *filter(None, [entry["annotation"]])}
        notice = entry["licence"].partition("(")[2].rstrip(")")
        named |= {notice} if notice.endswith(".txt") else set()
    assert named == {path.name for path in SAMPLES.iterdir()}


def test_every_domain_has_a_sample():
    assert {entry["domain"] for entry in INDEX} == {"english", "chinese", "code", "dna"}
    assert len({entry["name"] for entry in INDEX}) == len(INDEX)


def test_one_sample_is_long():
    assert max(map(len, content("english"))) > 95_000


def test_chinese_is_chinese():
    for data in content("chinese"):
        text = data.decode("utf-8")
        assert sum("\u4e00" <= char <= "\u9fff" for char in text) > 0.7 * len(text)


def test_code_parses():
    for data in content("code"):
        assert ast.parse(data).body


def test_licence_that_asks_for_its_notice_has_it():
    asks = [entry for entry in INDEX if entry["licence"].startswith(("BSD", "MIT"))]
    assert asks
    for entry in asks:
        notice = SAMPLES / entry["licence"].partition("(")[2].rstrip(")")
        assert "Redistribution and use" in notice.read_text(encoding="utf-8")


def test_annotation_fits_its_sequence():
    (entry,) = [entry for entry in INDEX if entry["annotation"]]
    header, *lines = (SAMPLES / entry["file"]).read_text(encoding="ascii").splitlines()
    sequence, name = "".join(lines), header[1:].split()[0]
    assert len(sequence) == 48_502
    assert set(sequence) == set("ACGT")
    rows = [
        line.split("\t")
        for line in (SAMPLES / entry["annotation"]).read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    assert {row[0] for row in rows} == {name}
    assert all(1 <= int(row[3]) <= int(row[4]) <= len(sequence) for row in rows)
    plus = [row for row in rows if row[2] == "CDS" and row[6] == "+"]
    starts = {sequence[int(row[3]) - 1 : int(row[3]) + 2] for row in plus}
    assert len(plus) > 30
    assert starts <= {"ATG", "GTG", "TTG"}
