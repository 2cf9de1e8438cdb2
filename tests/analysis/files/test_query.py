"""Answers of every type as CSV and Parquet, with every name; rows in the order asked for."""

import csv
import datetime
import json

import duckdb
import pandas as pd
import pyarrow.parquet
import pytest

from analysis.commands import cli

TEXT = "The cat sat. The dog, too. "


@pytest.fixture
def runs(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    folder = tmp_path / "runs"
    arguments = ["boundaries", str(tmp_path / "text.txt"), "--model", "ref:words", "--save-run", str(folder)]
    assert cli.main(arguments) == 0
    return folder


@pytest.fixture
def ask(runs, tmp_path, capsys):
    """Rows of the CSV that a query writes, header first."""

    def ask(sql, suffix="csv"):
        out = tmp_path / f"answer.{suffix}"
        assert cli.main(["query", sql, "--runs", str(runs), "--out", str(out)]) == 0, capsys.readouterr().err
        if suffix == "parquet":
            return pyarrow.parquet.read_table(out)
        with open(out, newline="") as file:
            return list(csv.reader(file, strict=True))

    return ask


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("round(prob, 2)", "round(prob, 2)"),
        ("quantile_cont(n_bytes, 0.5)", "quantile_cont(n_bytes, 0.5)"),
        ('1 AS "a ""quoted"", name"', 'a "quoted", name'),
        ('1 AS "two\nlines"', "two\nlines"),
        ('1 AS "=cmd()"', "'=cmd()"),
    ],
)
def test_a_name_with_signs_of_csv_comes_back(ask, expression, name):
    header, *rows = ask(f"SELECT model, {expression} FROM chunks GROUP BY ALL")
    assert header == ["model", name] and {len(row) for row in rows} == {2}


def test_plain_names_stand_without_quotes(ask, tmp_path):
    ask("SELECT model, stage FROM chunks")
    assert (tmp_path / "answer.csv").read_text().startswith("model,stage\n")


def test_columns_of_one_name_are_told_apart(ask):
    sql = "SELECT a.model, b.model, 1 AS model_1, 2 AS model FROM chunks a JOIN chunks b USING (run) LIMIT 1"
    header, row = ask(sql)
    assert header == ["model", "model_2", "model_1", "model_3"]
    assert row == ["ref:words", "ref:words", "1", "2"]
    every = ask("SELECT * FROM chunks a JOIN chunks b USING (run, start)", "parquet")
    assert len(set(every.column_names)) == every.num_columns == 16 and every.num_rows == 15


VALUES = {
    "[1, NULL]": "[1,null]",
    "{'a': 1, 'b': 'x'}": '{"a":1,"b":"x"}',
    "map {'k': 2}": '{"k":2}',
    "union_value(k := 3)": '{"k":3}',
    "INTERVAL 1 DAY": "1 day",
    "DATE '2026-01-02'": "2026-01-02",
    "TIMESTAMP '2026-01-02 03:04:05'": "2026-01-02 03:04:05",
    "'a\\xFF'::BLOB": "a\\xFF",
    "12::HUGEINT": "12",
    "(SELECT sum(n_bytes) FROM chunks)": str(len(TEXT)),
    "-5": "-5",
    "1.50": "1.50",
    "true": "true",
    "NULL": "",
    "'=1+1'": "'=1+1",
}


def test_values_of_every_kind_by_hand(ask):
    _, row = ask(f"SELECT {', '.join(VALUES)}")
    assert row == list(VALUES.values())


def test_every_type_of_duckdb_can_be_written(ask):
    kinds = duckdb.sql("SELECT * FROM test_all_types()").columns
    for suffix in ("csv", "parquet"):
        rows = ask("SELECT * FROM test_all_types() LIMIT 0", suffix)
        assert (rows[0] if suffix == "csv" else rows.column_names) == kinds
        # Both values of a type and NULL; whole numbers beyond 38 digits are refused in words below.
        rows = ask("SELECT * EXCLUDE (hugeint, uhugeint) FROM test_all_types()", suffix)
        assert (len(rows) - 1 if suffix == "csv" else rows.num_rows) == 3
    written = dict(zip(*ask("SELECT * EXCLUDE (hugeint, uhugeint) FROM test_all_types()")[:2], strict=True))
    assert written["bigint"] == str(-(2**63)) and written["dec_9_4"] == "-99999.9999"
    assert json.loads(written["nested_int_array"]) == [] and written["interval"] == "00:00:00"


def test_a_number_of_more_digits_than_a_table_holds_is_one_sentence(runs, tmp_path, capsys):
    out = tmp_path / "answer.csv"
    sql = "SELECT hugeint FROM test_all_types()"
    capsys.readouterr()
    assert cli.main(["query", sql, "--runs", str(runs), "--out", str(out)]) == 2
    assert capsys.readouterr().err.startswith("error: the query cannot be answered")
    assert not out.exists()


def test_parquet_keeps_what_it_has_types_for(ask):
    row = ask(
        "SELECT [1, 2] AS l, {'a': [DATE '2026-01-02']} AS s, INTERVAL 1 DAY AS i, NULL::BIGINT AS n",
        "parquet",
    )
    assert row.to_pylist() == [
        {"l": [1, 2], "s": {"a": [datetime.date(2026, 1, 2)]}, "i": "1 day", "n": None}
    ]


def test_rows_stand_in_the_order_asked_for(ask):
    header, *rows = ask("SELECT x, x FROM range(250_000) t(x) ORDER BY hash(x)")
    order = duckdb.sql("SELECT x FROM range(250_000) t(x) ORDER BY hash(x)").fetchnumpy()["x"]
    assert header == ["x", "x_1"] and [int(row[0]) for row in rows] == order.tolist()


def test_the_screen_shows_the_same(runs, capsys):
    capsys.readouterr()
    assert (
        cli.main(
            [
                "query",
                "SELECT a.model, b.model, [1, 2] AS l FROM chunks a, chunks b LIMIT 1",
                "--runs",
                str(runs),
            ]
        )
        == 0
    )
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["model", "model_1", "l"] and row.split() == ["ref:words", "ref:words", "[1,2]"]


def test_a_missing_whole_number_leaves_the_others_whole(ask, tmp_path):
    big = 2**53 + 1
    assert ask(f"SELECT * FROM (VALUES ({big}), (NULL)) t(x)") == [["x"], [str(big)], []]
    assert pd.read_csv(tmp_path / "answer.csv", dtype="Int64", skip_blank_lines=False)["x"].tolist()[0] == big


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A folder of tables, one with a name that SQL must quote, and beside them what is no table."""
    folder = tmp_path / "my [1] tables'"
    folder.mkdir()
    pd.DataFrame({"model": ["a", "b"], "f1": [0.25, 0.5]}).to_parquet(folder / "pairs.parquet")
    pd.DataFrame({"model": ["a"], "domain": ["dna"]}).to_parquet(folder / "of models.parquet")
    (folder / "pairs.csv").write_text("model,f1\nz,9\n")
    monkeypatch.chdir(tmp_path)
    return folder.name


def test_every_parquet_file_of_a_folder_is_a_view(tables, capsys):
    sql = 'SELECT m.domain, p.f1 FROM pairs p JOIN "of models" m USING (model)'
    assert cli.main(["query", sql, "--tables", tables, "--out", "answer.csv"]) == 0, capsys.readouterr().err
    with open("answer.csv", newline="") as file:
        assert list(csv.reader(file)) == [["domain", "f1"], ["dna", "0.25"]]
    with open("answer.csv.json") as file:
        assert json.load(file) == {"command": "query", "sql": sql, "tables": tables}


def test_nothing_beside_the_tables_is_read(tables, capsys):
    for sql in (
        f"SELECT * FROM read_csv('{tables.replace(chr(39), chr(39) * 2)}/pairs.csv')",
        "DROP VIEW pairs",
    ):
        assert cli.main(["query", sql, "--tables", tables]) == 2
    said = capsys.readouterr().err.splitlines()
    assert "Permission Error" in said[0]
    assert said[1] == "error: a query is one SELECT over the views of models and pairs"


def test_a_folder_without_tables_is_refused(tmp_path, tables, runs, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "pairs.parquet").write_bytes(b"PAR1")
    for folder, word in (("none", "no such folder"), ("empty", "no Parquet file"), ("broken", "cut off")):
        assert cli.main(["query", "SELECT 1", "--tables", folder]) == 2
        said = capsys.readouterr().err
        assert word in said and folder in said and said.count("\n") == 1
    for given in ([], ["--runs", str(runs), "--tables", tables]):
        with pytest.raises(SystemExit) as end:
            cli.main(["query", "SELECT 1", *given])
        assert end.value.code == 2 and "--tables" in capsys.readouterr().err
