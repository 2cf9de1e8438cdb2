"""Which files hold many texts: the same by a command and by the page."""

import gzip
import json

import pandas as pd
import pytest

from analysis.commands import cli
from analysis.inputs.files import read_file
from app.server.session import Session
from app.source.reading import read_source

LINES = "\ufeff" + "".join(json.dumps({"text": text}) + "\n" for text in ("one two", "three four"))
TREEBANK = "\t".join(["1", "a", *"________"]) + "\n\n# newdoc\n" + "\t".join(["1", "b", *"________"]) + "\n"


@pytest.fixture(scope="module")
def session():
    return Session(None, "cpu", None)


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("in.jsonl", LINES, [b"one two", b"three four"]),
        ("in.JSONL", LINES, [b"one two", b"three four"]),
        ("in.ndjson", LINES, [b"one two", b"three four"]),
        ("In.NDJson.GZ", LINES, [b"one two", b"three four"]),
        ("in.ConLLU", TREEBANK, [b"a", b"b"]),
        ("in.jsonl.txt", LINES, [LINES.encode()]),
        ("in.json", LINES, [LINES.encode()]),
        ("genome.TXT", ">a\nACGT\n", [b"ACGT"]),
    ],
)
def test_texts_of_a_file_by_command_and_page(name, content, texts, session, tmp_path):
    data = content.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("GZ") else data)
    assert [each.data for each in read_file(tmp_path / name)] == texts
    assert [each.data for each in read_source(session, "upload", "", str(tmp_path / name), "")] == texts
    out = tmp_path / "o.parquet"
    assert cli.main(["boundaries", str(tmp_path / name), "--model", "ref:fixed:1000", "--out", str(out)]) == 0
    assert pd.read_parquet(out)["n_bytes"].tolist() == list(map(len, texts))


def test_json_lines_may_be_read_as_they_are(session, tmp_path):
    (tmp_path / "in.jsonl").write_text(LINES)
    path = str(tmp_path / "in.jsonl")
    assert [each.data for each in read_source(session, "upload", "", path, "", "text")] == [LINES.encode()]
    out = tmp_path / "o.parquet"
    call = ["boundaries", path, "--type", "text", "--model", "ref:fixed:1000", "--out", str(out)]
    assert cli.main(call) == 0 and pd.read_parquet(out)["n_bytes"].tolist() == [len(LINES.encode())]
