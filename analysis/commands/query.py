"""python -m analysis query: questions in SQL across saved runs, or to a folder of tables."""

import argparse
import sys

from analysis.files.export import TRACK_SUFFIXES, check_out, open_writer
from analysis.files.query import answer
from hnet_core.errors import InputError

SHOWN = 100
"""Rows on the screen where no file is asked for."""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("query", help="SQL across saved runs or tables", allow_abbrev=False)
    command.add_argument(
        "sql", metavar="SQL", help="one SELECT over the views boundaries, chunks and runs, or over the tables"
    )
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--runs", metavar="DIR", help="the folder of boundaries --save-run")
    source.add_argument(
        "--tables",
        metavar="DIR",
        help="a folder of Parquet files, each a view of its name, such as docs/findings",
    )
    command.add_argument("--out", metavar="FILE", help=".csv or .parquet; else the answer is printed")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write or print the answer."""
    if args.out:
        check_out(args.out)
        if args.out.lower().endswith(TRACK_SUFFIXES):
            raise InputError(f"{args.out}: an answer is a table; write it to .csv or .parquet")
    parquet = bool(args.out) and args.out.lower().endswith(".parquet")
    with answer(args.sql, args.runs, parquet, _left_out, args.tables) as tables:
        if args.out:
            source = {"runs": args.runs} if args.tables is None else {"tables": args.tables}
            about = {"command": "query", "sql": args.sql, **source}
            with open_writer(args.out, about) as writer:
                for table in tables:
                    writer.write(table)
            print(f"wrote {args.out}")
            return
        table = next(tables)
        print(table.head(SHOWN).to_string(index=False))
        if len(table) > SHOWN:
            print(f"the first {SHOWN} rows; give --out FILE for all")


def _left_out(sentence: str) -> None:
    print(f"left out: {sentence}", file=sys.stderr)
