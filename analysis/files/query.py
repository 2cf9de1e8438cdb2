"""Questions in SQL to saved runs or a folder of tables, answered by DuckDB from Parquet; nothing else can be read."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import duckdb
import pandas as pd
from duckdb.sqltypes import DuckDBPyType
from pyarrow import ArrowException, parquet

from analysis.files.runs import TABLES, saved_runs
from hnet_core.errors import InputError

ROWS = 100_000
"""Rows of an answer at a time."""
_NUMBERS = {
    "boolean",
    "tinyint",
    "smallint",
    "integer",
    "bigint",
    "utinyint",
    "usmallint",
    "uinteger",
    "ubigint",
}
_NUMBERS |= {"float", "double", "decimal"}
_IN_PARQUET = {"varchar", "date", "time", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "blob"}
_IN_PARQUET |= {"timestamp with time zone"}
_CONTAINERS = {"list", "array", "struct", "map", "union", "tuple", "variant"}
VIEWS = {"bytes": "boundaries", "chunks": "chunks"}


@contextmanager
def answer(
    sql: str,
    runs: str | Path | None = None,
    nested: bool = False,
    left_out: Callable[[str], None] | None = None,
    tables: str | Path | None = None,
) -> Iterator[Iterator[pd.DataFrame]]:
    """The answer to one SELECT, some rows at a time; at least one table, which may be empty.

    Numbers, truth values and text are columns of their type, all else is text: lists, maps and other containers
    JSON, the rest (dates, intervals ...) as DuckDB writes it. Of columns of one name the second gets _1 behind it.

    runs      a folder of saved runs; or
    tables    a folder of Parquet files
    nested    dates, bytes and containers keep their types as far as Parquet has them
    left_out  told a sentence on each folder in `runs` that is no whole run and takes no part

    Views of `tables`: each file under its name without the suffix. Views of `runs`:
    boundaries, chunks  the tables of all runs, with the column run
    runs                a row a run: run, date, command, code_version, code_sha256, input_sha256, n_sequences,
                        n_bytes, and models and options as JSON
    Raises InputError for what is no single SELECT, and with DuckDB's words for what it cannot answer.
    """
    found = saved_runs(runs, left_out) if tables is None else []
    files = _table_files(tables) if tables is not None else _run_files(found)
    with tempfile.TemporaryDirectory(prefix="hnet-query-") as spill:
        connection = duckdb.connect(":memory:")
        try:
            if tables is None:
                _views(connection, found)
            else:
                _views_of_files(connection, files)
            _lock(connection, [str(file) for file in files], spill)
            _refuse_other_than_select(
                sql, ["boundaries", "chunks", "runs"] if tables is None else [f.stem for f in files]
            )
            yield _rows(connection, sql, nested)
        except duckdb.Error as err:
            raise InputError(f"the query cannot be answered: {_one_line(err)}") from err
        finally:
            connection.close()


def _run_files(found: list[tuple[Path, dict]]) -> list[Path]:
    return [folder / f"{kind}.parquet" for folder, _ in found for kind in TABLES]


def _table_files(folder: str | Path) -> list[Path]:
    """The Parquet files of a folder, by name; InputError where there is none, or one that cannot be read."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"{folder}: there is no such folder; give one with Parquet files, such as docs/findings"
        )
    files = sorted(
        path for path in folder.glob("*.parquet") if path.is_file() and not path.name.startswith(".")
    )
    if not files:
        raise InputError(f"{folder}: holds no Parquet file; give a folder with some, such as docs/findings")
    for file in files:
        try:
            parquet.read_schema(file)
        except (OSError, ArrowException) as err:
            raise InputError(f"{file}: is cut off or no Parquet file; move it away") from err
    return files


def _views_of_files(connection: duckdb.DuckDBPyConnection, files: list[Path]) -> None:
    """One view a file, of its name."""
    for file in files:
        path = str(file).replace("'", "''")
        connection.execute(f"CREATE VIEW {_quoted(file.stem)} AS SELECT * FROM read_parquet('{path}')")


def _views(connection: duckdb.DuckDBPyConnection, found: list[tuple[Path, dict]]) -> None:
    for kind, view in VIEWS.items():
        files = [str(folder / f"{kind}.parquet") for folder, _ in found]
        names = pd.DataFrame({"filename": files, "run": [folder.name for folder, _ in found]})
        connection.register(f"{kind}_files", names)
        connection.execute(f"CREATE TABLE {view}_of AS SELECT * FROM {kind}_files")
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        connection.execute(
            f"CREATE VIEW {view} AS SELECT run, t.* EXCLUDE (filename) "
            f"FROM read_parquet([{listed}], union_by_name = true, filename = true) t JOIN {view}_of USING (filename)"
        )
    connection.register("manifests", pd.DataFrame([_row(folder, about) for folder, about in found]))
    connection.execute("CREATE TABLE runs AS SELECT * FROM manifests")


def _row(folder: Path, about: dict) -> dict:
    given = about.get("input", {})
    return {
        "run": folder.name,
        "date": about.get("date", ""),
        "command": about.get("command", ""),
        "code_version": about.get("code_version", ""),
        "code_sha256": about.get("code_sha256", ""),
        "input_sha256": given.get("sha256", ""),
        "n_sequences": given.get("sequences", 0),
        "n_bytes": given.get("bytes", 0),
        "models": json.dumps(about.get("models", {}), sort_keys=True),
        "options": json.dumps(about.get("options", {}), sort_keys=True),
    }


def _lock(connection: duckdb.DuckDBPyConnection, files: list[str], spill: str) -> None:
    """From here on nothing but the runs' files is read, and no setting can be changed back."""
    connection.execute("SET temp_directory = ?", [spill])
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET allowed_paths = ?", [files])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _refuse_other_than_select(sql: str, views: list[str]) -> None:
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise InputError(f"a query is one SELECT over the views {', '.join(views[:-1])} and {views[-1]}")


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, nested: bool) -> Iterator[pd.DataFrame]:
    found = connection.sql(sql)
    columns = zip(_different(found.columns), found.types, strict=True)
    # By number: a name may be there twice.
    chosen = [f"{_cell(i, kind, nested)} AS {_quoted(name)}" for i, (name, kind) in enumerate(columns, 1)]
    batches = found.project(", ".join(chosen)).to_arrow_reader(ROWS)
    empty = True
    for batch in batches:
        empty = False
        yield batch.to_pandas(types_mapper=pd.ArrowDtype)
    if empty:
        yield batches.schema.empty_table().to_pandas(types_mapper=pd.ArrowDtype)


def _cell(number: int, kind: DuckDBPyType, nested: bool) -> str:
    """The expression for a column that a table can hold."""
    if kind.id in ("hugeint", "uhugeint"):
        return f"CAST(#{number} AS DECIMAL(38, 0))"  # what a sum of whole numbers is
    if kind.id in _NUMBERS or (nested and _is_kept(kind)):
        return f"#{number}"
    return f"CAST(to_json(#{number}) AS VARCHAR)" if kind.id in _CONTAINERS else f"CAST(#{number} AS VARCHAR)"


def _is_kept(kind: DuckDBPyType) -> bool:
    """Whether Parquet has the type, and the types inside it."""
    if kind.id not in _CONTAINERS:
        return kind.id in _NUMBERS or kind.id in _IN_PARQUET
    inside = [child for _, child in kind.children if isinstance(child, DuckDBPyType)]
    return kind.id in ("list", "array", "struct", "map") and bool(inside) and all(map(_is_kept, inside))


def _different(names: list[str]) -> list[str]:
    """The names made different: a repeated one gets the first free number behind it."""
    taken, found = set(names), []
    for name in names:
        if name in found:
            name = next(new for n in count(1) if (new := f"{name}_{n}") not in taken)
        taken.add(name)
        found.append(name)
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _one_line(err: Exception) -> str:
    """DuckDB's message without its drawing of where in the query it was."""
    return " ".join(str(err).split("\n\nLINE ")[0].split())
