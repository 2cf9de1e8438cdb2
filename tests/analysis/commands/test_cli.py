"""python -m analysis: files, exit codes, one-line errors."""

import subprocess
import sys

import pandas as pd
import pytest

from analysis import schema
from analysis.boundaries import streaming
from analysis.commands import cli
from analysis.references import models as models_by_name
from hnet_core.errors import CheckpointError
from tests.analysis.fake_model import FakeModel

MODELS = {
    "words": FakeModel("words"),
    "commas": FakeModel("commas", cuts=(b" ,",)),
    "bases": FakeModel("bases", cuts=(b"A",), info={"domain": "dna"}),
}


@pytest.fixture(autouse=True)
def models(monkeypatch):
    def load(name, *_):
        if name not in MODELS:
            raise CheckpointError(f"no model named {name!r}: there are {', '.join(MODELS)}")
        return MODELS[name]

    monkeypatch.setattr(models_by_name, "load_model", load)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("The cat sat. The dog, too. ")
    return str(path)


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "x.fa"
    path.write_text(">r1\nTTATCATG\n>r2\nggaug\n")
    return str(path)


def refused(capsys, *arguments, code=2):
    """The one line on stderr of a call that fails."""
    try:
        got = cli.main([str(a) for a in arguments])
    except SystemExit as stop:
        got = stop.code
    captured = capsys.readouterr()
    assert got == code and captured.out == ""
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
    return captured.err


def test_chunks_of_two_models(text, tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert cli.main(["boundaries", text, "--model", "words", "--model", "commas", "--out", str(out)]) == 0
    table = pd.read_csv(out)
    assert list(table.columns) == ["file", "model", *schema.CHUNKS]
    assert set(zip(table["model"], table["stage"], strict=True)) == {
        ("words", 0),
        ("words", 1),
        ("commas", 0),
    }
    assert table.groupby(["model", "stage"])["n_bytes"].sum().unique().tolist() == [27]
    captured = capsys.readouterr()
    assert "words stage 0: 27 bytes, 6 chunks, 4.50 bytes a chunk, rate 0.222\n" in captured.out
    assert captured.err == ""


def test_bytes_as_parquet(text, tmp_path):
    out = tmp_path / "out.parquet"
    assert cli.main(["boundaries", text, "--model", "words", "--out", str(out), "--table", "bytes"]) == 0
    table = pd.read_parquet(out)
    schema.check(table, {"file": "category", "model": "category", **schema.BOUNDARIES})
    assert (table["stage"] == 0).sum() == 27


def test_dna_as_bed_with_its_warnings(fasta, tmp_path, capsys):
    out = tmp_path / "out.bed"
    assert cli.main(["boundaries", fasta, "--model", "bases", "--out", str(out)]) == 0
    comment, *lines = [line.split("\t") for line in out.read_text().splitlines()]
    assert comment[0].startswith("# hnet_chunks {")
    assert [line[:4] for line in lines[:2]] == [
        ["r1", "0", "3", "bases:stage0"],
        ["r1", "3", "6", "bases:stage0"],
    ]
    err = capsys.readouterr().err
    assert "warning: lower-case bases are read as upper case\n" in err and "warning: U is read as T\n" in err


def test_batches_make_the_same_file(fasta, tmp_path, monkeypatch):
    for suffix in ("csv", "parquet", "bedgraph"):
        files = []
        for size in (1, 10**6):
            monkeypatch.setattr(streaming, "ROWS", size)
            files.append(tmp_path / f"{size}.{suffix}")
            assert cli.main(["boundaries", fasta, "--model", "bases", "--out", str(files[-1])]) == 0
        if suffix == "parquet":
            pd.testing.assert_frame_equal(*map(pd.read_parquet, files))
        else:
            small, large = (path.read_text().splitlines() for path in files)
            assert [row for row in small if row[0] != "#"] == [row for row in large if row[0] != "#"]


def test_texts_of_one_name_are_told_apart(tmp_path):
    paths = [tmp_path / folder / "same.txt" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("x y")
    out = tmp_path / "out.csv"
    assert cli.main(["boundaries", *map(str, paths), "--model", "words", "--out", str(out)]) == 0
    assert set(pd.read_csv(out)["sequence"]) == set(map(str, paths))


def test_compare_writes_every_pair(text, tmp_path, capsys):
    out = tmp_path / "out.csv"
    arguments = ["compare", text, "--model", "words", "--model", "commas", "--out", str(out)]
    assert cli.main(arguments) == 0
    table = pd.read_csv(out)
    assert list(table.columns) == ["file", *schema.AGREEMENT]
    assert table[["model_a", "stage_a", "model_b", "stage_b", "n_both"]].values.tolist() == [
        ["words", 0, "commas", 0, 5],
        ["words", 1, "commas", 0, 1],
    ]
    assert "words stage 0, commas stage 0: F1 0.909" in capsys.readouterr().out


def test_compare_a_model_with_itself(text, tmp_path, capsys):
    out = tmp_path / "out.csv"
    twice = refused(capsys, "compare", text, "--model", "commas", "--model", "commas", "--out", out)
    assert "--model commas is given twice; name each model once" in twice and not out.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--model": "nobody"}, "no model named 'nobody': there are words, commas, bases"),
        ({"--out": "out.xlsx"}, "write to one of .csv, .parquet, .bed, .bedgraph, .gff3"),
        ({"--out": "missing/out.csv"}, "does not exist"),
        ({"--out": "out.bed"}, ".bed, .bedgraph, .gff3, .bw are for DNA"),
        ({"--type": "dna"}, "comes before any header"),
        ({"--type": "protein"}, "invalid choice: 'protein'"),
        ({"--max-mb": "0"}, "must be a whole number of MB"),
        ({"--table": "words"}, "invalid choice"),
        ({"INPUT": "missing.txt"}, "missing.txt: cannot be read (No such file or directory)"),
    ],
)
def test_wrong_calls_say_so_in_one_line(change, message, text, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"INPUT": text, "--model": "words", "--out": "out.csv"} | change
    arguments = ["boundaries", options.pop("INPUT")] + [part for pair in options.items() for part in pair]
    assert message in refused(capsys, *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def test_more_wrong_calls(text, fasta, tmp_path, capsys):
    out = str(tmp_path / "out.csv")
    assert "metavar" not in refused(capsys, "dance")
    assert "required" in refused(capsys, "boundaries", text, "--out", out)
    assert "at least two models" in refused(capsys, "compare", text, "--model", "words", "--out", out)
    two = ["--model", "words", "--model", "words"]
    assert "given twice" in refused(capsys, "boundaries", text, *two, "--out", out)
    bed = str(tmp_path / "out.bed")
    assert "has no positions" in refused(capsys, "compare", fasta, *two, "--out", bed)
    assert "give every input once" in refused(
        capsys, "boundaries", fasta, fasta, "--model", "bases", "--out", out
    )
    (tmp_path / "in.csv").write_text("a,b")
    same = str(tmp_path / "in.csv")
    assert "is an input" in refused(capsys, "boundaries", same, "--model", "words", "--out", same)
    assert (tmp_path / "in.csv").read_text() == "a,b"
    assert "limit of 1 MiB" in refused(capsys, *big(tmp_path), "--out", out)


def big(tmp_path):
    path = tmp_path / "big.txt"
    path.write_bytes(b"a" * (2**20 + 1))
    return "boundaries", str(path), "--model", "words", "--max-mb", "1"


def test_work_that_fails_exits_with_1_and_leaves_nothing(text, tmp_path, capsys, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(MODELS["words"], "boundaries", fail, raising=False)
    arguments = ("boundaries", text, "--model", "words", "--out", tmp_path / "out.csv")
    assert "the work failed: RuntimeError: out of memory" in refused(capsys, *arguments, code=1)
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def test_the_command_itself(root):
    """In a process of its own: the exit code, and --help without loading torch."""
    run = [sys.executable, "-X", "importtime", "-m", "analysis"]
    done = subprocess.run(
        [*run, "boundaries", "--help"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "--table" in done.stdout and " torch\n" not in done.stderr
    done = subprocess.run(
        [*run[:1], *run[3:], "boundaries"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
