"""JSON lines: a text a line, with the line where it is none."""

import gzip
import json

import pytest

from analysis.inputs.files import read_sequences
from analysis.inputs.json_lines import read_json_lines
from hnet_core.errors import InputError


def test_texts_by_line():
    lines = [
        json.dumps({"text": "é", "title": 1}),
        "",
        json.dumps({"text": ""}),
        json.dumps({"text": "b\nc"}),
    ]
    found = read_json_lines("\n".join(lines).encode(), "x.jsonl")
    assert [(s.name, s.data, s.kind) for s in found] == [
        ("x.jsonl:1", "é".encode(), "text"),
        ("x.jsonl:4", b"b\nc", "text"),
    ]


@pytest.mark.parametrize("line", ["[1]", "{}", "{", '{"text": 3}', '"text"', "[" * 100_000])
def test_a_line_without_text_is_refused(line):
    with pytest.raises(InputError, match="x, line 2: "):
        read_json_lines(b'{"text": "a"}\n' + line.encode(), "x")


def test_nothing_to_read_is_refused():
    with pytest.raises(InputError, match="holds no text"):
        read_json_lines(b"\n\n")


def test_commands_read_them_and_treebanks(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n{"text": "b"}\n'))
    assert [s.data for s in read_sequences([str(path)], "auto", 1000)] == [b"a", b"b"]
    assert len(read_sequences([str(path)], "text", 1000)) == 1
    bank = tmp_path / "x.conllu"
    bank.write_text("\t".join(["1", "word", *"________"]) + "\n")
    assert [s.data for s in read_sequences([str(bank)], "auto", 1000)] == [b"word"]
