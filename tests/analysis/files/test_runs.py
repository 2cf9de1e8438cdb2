"""Saved runs appear whole, say where they come from, and answer questions in SQL; the SQL reaches nothing else."""

import json
import os

import duckdb
import pandas as pd
import pytest

from analysis.commands import cli
from analysis.files.export import open_writer
from analysis.files.provenance import input_hash
from analysis.files.query import answer
from analysis.files.runs import open_run, saved_runs
from analysis.inputs.sources import Sequence
from analysis.references import models as models_by_name
from hnet_core.errors import InputError
from tests.analysis.commands.test_cli import refused
from tests.analysis.fake_model import FakeModel

MODELS = {
    "words": FakeModel("words", info={"domain": "english", "weights_sha256": "ab12", "seed": 3}),
    "commas": FakeModel("commas", cuts=(b" ,",)),
}


@pytest.fixture(autouse=True)
def models(monkeypatch):
    monkeypatch.setattr(models_by_name, "load_model", lambda name, *_: MODELS[name])


@pytest.fixture
def runs(tmp_path):
    """Two runs of the command: one text with one model, then with both."""
    (tmp_path / "text.txt").write_text("The cat sat. The dog, too. ")
    for given in (["words"], ["words", "commas"]):
        models = [part for name in given for part in ("--model", name)]
        arguments = ["boundaries", str(tmp_path / "text.txt"), *models, "--save-run", str(tmp_path / "runs")]
        assert cli.main(arguments) == 0
    return tmp_path / "runs"


def rows(sql, runs):
    with answer(sql, runs) as tables:
        return [tuple(row) for table in tables for row in table.itertuples(index=False)]


def test_a_run_is_a_folder_that_pandas_and_json_read(runs):
    (folder, about), (second, _) = saved_runs(runs)
    assert folder.name < second.name and sorted(p.name for p in folder.iterdir()) == [
        "bytes.parquet",
        "chunks.parquet",
        "manifest.json",
    ]
    assert json.loads((folder / "manifest.json").read_text()) == about
    text = Sequence("text.txt", b"The cat sat. The dog, too. ")
    assert about["input"] == {"sha256": input_hash([text]), "sequences": 1, "bytes": 27}
    assert about["models"]["words"] == {
        "name": "words",
        "weights_sha256": "ab12",
        "n_stages": 2,
        "domain": "english",
        "seed": 3,
        "data_seed": None,
    }
    chunks = pd.read_parquet(folder / "chunks.parquet")
    assert about["files"]["chunks.parquet"]["rows"] == len(chunks) == 8
    assert not os.access(folder / "manifest.json", os.W_OK) or os.geteuid() == 0
    assert (folder / "chunks.parquet").stat().st_mode & 0o222 == 0


def test_questions_across_runs(runs):
    first, second = (folder.name for folder, _ in saved_runs(runs))
    assert rows("SELECT run, model, stage, count(*) FROM chunks GROUP BY ALL ORDER BY ALL", runs) == [
        (first, "words", 0, 6),
        (first, "words", 1, 2),
        (second, "commas", 0, 7),
        (second, "words", 0, 6),
        (second, "words", 1, 2),
    ]
    assert rows("SELECT count(*) FROM boundaries WHERE stage = 0", runs) == [(27 * 3,)]
    assert rows("SELECT run, n_bytes, models ->> '$.words.weights_sha256' FROM runs ORDER BY run", runs) == [
        (first, 27, "ab12"),
        (second, 27, "ab12"),
    ]
    shared = "SELECT a.byte FROM boundaries a JOIN boundaries b USING (run, sequence, byte) WHERE a.model = 'words' "
    shared += "AND b.model = 'commas' AND a.stage = 0 AND a.is_boundary AND b.is_boundary ORDER BY 1"
    assert [byte for (byte,) in rows(shared, runs)] == [0, 4, 8, 13, 17, 22]


def test_an_answer_as_a_file_and_on_the_screen(runs, tmp_path, capsys):
    sql = "SELECT model, count(*) AS n FROM chunks WHERE stage = 0 GROUP BY model ORDER BY model"
    out = tmp_path / "answer.csv"
    capsys.readouterr()
    assert cli.main(["query", sql, "--runs", str(runs), "--out", str(out)]) == 0
    assert pd.read_csv(out).values.tolist() == [["commas", 7], ["words", 12]]
    assert cli.main(["query", sql, "--runs", str(runs)]) == 0
    assert "commas  7" in capsys.readouterr().out
    assert cli.main(["query", "SELECT 1 AS x WHERE false", "--runs", str(runs), "--out", str(out)]) == 0
    assert out.read_text() == "x\n"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("", "one SELECT"),
        ("COPY (SELECT 1) TO '{out}'", "one SELECT"),
        ("ATTACH '{out}'", "one SELECT"),
        ("CREATE TABLE t AS SELECT 1", "one SELECT"),
        ("SET enable_external_access = true", "one SELECT"),
        ("DELETE FROM runs", "one SELECT"),
        ("INSTALL httpfs", "one SELECT"),
        ("PRAGMA database_list", "one SELECT"),
        ("SELECT * FROM read_csv('{file}')", "disabled"),
        ("SELECT * FROM read_text('{file}')", "disabled"),
        ("SELECT * FROM '{file}'", "disabled"),
        ("SELECT * FROM glob('{folder}/*')", "disabled"),
        ("SELECT * FROM found", "does not exist"),
        ("SELECT nothing FROM runs", "nothing"),
        ("SELECT getenv('HOME')", "getenv"),
    ],
)
def test_sql_reads_the_runs_and_nothing_else(runs, tmp_path, capsys, sql, message):
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    names = {"out": tmp_path / "made", "file": tmp_path / "secret.csv", "folder": tmp_path}
    capsys.readouterr()
    error = refused(capsys, "query", sql.format(**names), "--runs", runs)
    assert message in error
    assert not (tmp_path / "made").exists()


def test_queries_that_cannot_be_asked(tmp_path, capsys):
    assert "no such folder" in refused(capsys, "query", "SELECT 1", "--runs", tmp_path / "none")
    assert "holds no run" in refused(capsys, "query", "SELECT 1", "--runs", tmp_path)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "manifest.json").write_text("{}")
    assert "is no manifest" in refused(capsys, "query", "SELECT 1", "--runs", tmp_path)
    (tmp_path / "x" / "manifest.json").write_text('{"files": {"chunks.parquet": {}}}')
    assert "chunks.parquet is missing" in refused(capsys, "query", "SELECT 1", "--runs", tmp_path)
    (tmp_path / "x" / "manifest.json").write_text(f'{{"files": {{"{"y" * 300}": {{}}}}}}')
    assert "is missing" in refused(capsys, "query", "SELECT 1", "--runs", tmp_path)


def test_a_run_that_fails_leaves_nothing(tmp_path, capsys, monkeypatch):
    about = {"date": "2026-01-02T03:04:05+00:00"}
    with pytest.raises(RuntimeError), open_run(tmp_path / "runs", about):
        raise RuntimeError
    assert list((tmp_path / "runs").iterdir()) == []
    (tmp_path / "t.txt").write_text("a b")
    (tmp_path / "file").write_text("")
    message = refused(
        capsys, "boundaries", tmp_path / "t.txt", "--model", "words", "--save-run", tmp_path / "file"
    )
    assert "runs are saved in a folder" in message
    assert "nothing to write" in refused(capsys, "boundaries", tmp_path / "t.txt", "--model", "words")
    with pytest.raises(InputError, match="make it first"), open_run(tmp_path / "a" / "b", about):
        pass


def test_names_of_folders_do_not_become_sql(runs):
    strange = runs.parent / "it's; DROP"
    runs.rename(strange)
    assert len(rows("SELECT * FROM runs", strange)) == 2


def test_another_library_reads_csv_and_parquet_of_the_command(runs, tmp_path):
    """Written by pyarrow, read by DuckDB; the provenance is in the file or beside it."""
    table = pd.DataFrame({"sequence": ["a", "b"], "prob": [0.25, 1e-30]})
    about = {"models": {"m": "1f"}, "options": {"x": 1}}
    for suffix in ("csv", "parquet"):
        with open_writer(tmp_path / f"t.{suffix}", about) as writer:
            writer.write(table)
        back = duckdb.connect().execute(f"SELECT * FROM '{tmp_path}/t.{suffix}'").df()
        pd.testing.assert_frame_equal(back, table, check_dtype=False)
    assert json.loads((tmp_path / "t.csv.json").read_text()) == about
    [(value,)] = (
        duckdb.connect()
        .execute(
            f"SELECT decode(value) FROM parquet_kv_metadata('{tmp_path}/t.parquet') WHERE decode(key) = 'hnet_chunks'"
        )
        .fetchall()
    )
    assert json.loads(value) == about
