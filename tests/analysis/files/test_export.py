"""Files hold what the tables hold, appear whole or not at all, and run nothing in a spreadsheet."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import schema
from analysis.boundaries.extract import analyse
from analysis.files import tracks
from analysis.files.export import csv_bytes, open_writer, write_csv, write_parquet, write_table
from analysis.inputs.reading import Sequence
from hnet_core.errors import InputError
from tests.analysis.fake_model import FakeModel


@pytest.fixture
def result():
    sequences = [Sequence("one", b"a b. c d. e"), Sequence('näme, "q"\n2', b"x y")]
    return analyse(sequences, FakeModel())


@pytest.mark.parametrize("table", ["boundaries", "chunks", "summary"])
def test_csv_comes_back_equal(result, table, tmp_path):
    table = getattr(result, table)
    write_csv(table, tmp_path / "t.csv")
    dtypes = {name: kind for name, kind in table.dtypes.items() if kind != "category"}
    back = pd.read_csv(tmp_path / "t.csv", dtype=dtypes)
    pd.testing.assert_frame_equal(
        back, table.astype({c: back[c].dtype for c in table.columns}), check_exact=True
    )
    assert (tmp_path / "t.csv").read_bytes() == csv_bytes(table)


def test_parquet_comes_back_equal_with_its_types(result, tmp_path):
    write_parquet(result.boundaries, tmp_path / "t.parquet")
    back = pd.read_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(back, result.boundaries)
    schema.check(back, schema.BOUNDARIES)


def test_probabilities_are_written_exactly(tmp_path):
    prob = np.random.default_rng(0).random(10_000).astype(np.float32)
    write_csv(pd.DataFrame({"prob": prob}), tmp_path / "p.csv")
    np.testing.assert_array_equal(pd.read_csv(tmp_path / "p.csv", dtype={"prob": "float32"})["prob"], prob)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize("dtype", ["category", "str"])
def test_a_text_that_a_spreadsheet_would_run_is_quoted(start, dtype):
    table = pd.DataFrame({"sequence": [f"{start}cmd|' /C calc'!A0", "fine=1"], "value": [-1, -2.5]})
    text = csv_bytes(table.astype({"sequence": dtype})).decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == ["sequence", "value"]
    assert rows == [[f"'{start}cmd|' /C calc'!A0", "-1"], ["fine=1", "-2.5"]]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=5))
def test_no_cell_starts_like_a_formula(names):
    text = csv_bytes(pd.DataFrame({"sequence": names})).decode()
    cells = [row[0] for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    assert cells[0] == "sequence" and len(cells) == len(names) + 1
    assert not any(cell[:1] in set("=+-@\t\r\n") and cell not in {"+", "-"} for cell in cells)
    assert [c.removeprefix("'") for c in cells[1:]] == [n.removeprefix("'") for n in names]


def test_strands_stay_as_they_are():
    table = pd.DataFrame({"strand": ["+", "-", ".", "+1", "--", "-\n"]})
    rows = [row[0] for row in csv.reader(io.StringIO(csv_bytes(table).decode(), newline=""))]
    assert rows == ["strand", "+", "-", ".", "'+1", "'--", "'-\n"]


def test_several_tables_make_one_file(result, tmp_path):
    for suffix, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        other = analyse([Sequence("two", b"q r")], FakeModel())
        with open_writer(tmp_path / f"t{suffix}") as writer:
            writer.write(result.chunks)
            writer.write(other.chunks)
        back = read(tmp_path / f"t{suffix}")
        assert back["sequence"].tolist() == [*result.chunks["sequence"], *other.chunks["sequence"]]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "bed", "bedgraph", "gff3"])
def test_a_failure_leaves_nothing_and_keeps_what_was_there(result, tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="midway"), open_writer(path) as writer:
        writer.write(result.chunks)
        raise RuntimeError("midway")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_of_the_old_file_keeps_it(result, tmp_path):
    (tmp_path / "t.csv").write_text("old")
    with open(tmp_path / "t.csv") as reader:
        write_csv(result.chunks, tmp_path / "t.csv")
        assert reader.read() == "old"
    assert (tmp_path / "t.csv").read_text() != "old"


def test_a_file_has_the_usual_permissions(result, tmp_path):
    write_csv(result.chunks, tmp_path / "t.csv")
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "t.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_places_that_cannot_be_written_are_refused(result, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    cases = {
        "missing/t.csv": "does not exist",
        "folder.csv": "this is a folder",
        "t.xlsx": "the suffix '.xlsx' names no format; write to one of .csv, .parquet, .bed, .bedgraph, .gff3",
        "t": "no suffix names no format",
    }
    for name, message in cases.items():
        with pytest.raises(InputError) as caught:
            write_table(result.chunks, tmp_path / name)
        assert message in str(caught.value)
    with pytest.raises(InputError, match=r"this writes \.csv files"):
        write_csv(result.chunks, tmp_path / "t.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


@pytest.mark.parametrize("suffix", ["csv", "bed", "gff3"])
def test_large_tables_are_written_some_rows_at_a_time(result, tmp_path, monkeypatch, suffix):
    write_table(result.chunks, tmp_path / f"whole.{suffix}")
    monkeypatch.setattr(tracks, "ROWS", 3)
    write_table(result.chunks, tmp_path / f"parts.{suffix}")
    assert (tmp_path / f"parts.{suffix}").read_text() == (tmp_path / f"whole.{suffix}").read_text()
    assert len(result.chunks) > 3


def test_an_empty_table_has_its_header(result):
    assert csv_bytes(result.chunks[:0]) == b"sequence,stage,start,end,n_bytes,prob\n"
