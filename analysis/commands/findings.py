"""python -m analysis findings: what the bundled models have learned, as tables and as a page with plots."""

import argparse
import sys
from pathlib import Path

from analysis.commands.shared import draws
from hnet_core.errors import InputError


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "findings", help="what the bundled models have learned, as a page", allow_abbrev=False
    )
    command.add_argument(
        "--data",
        metavar="DIR",
        help="text/, code/, dna/ and segmentation/; without it the page is written from the tables in FILE/",
    )
    command.add_argument(
        "--out", required=True, metavar="FILE.md", help="the page; tables and plots go beside it, into FILE/"
    )
    command.add_argument("--models", metavar="DIR", help="where the models are (default: the bundled ones)")
    command.add_argument("--share", type=float, default=1.0, help="of the data to read, for a quick look (1)")
    command.add_argument("--shifts", type=draws, default=1000, help="circular shifts of every null (1000)")
    command.add_argument(
        "--only",
        metavar="QUESTION",
        default="",
        help="agreement, codons, features, surprisal, words or chunks alone",
    )
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write tables, plots and page; what is wrong with the call is said before any work."""
    from analysis.findings.data import Limits
    from analysis.findings.report import QUESTIONS, write_page, write_report
    from analysis.findings.study import Study

    out = Path(args.out)
    if out.suffix != ".md":
        raise InputError(f"--out {args.out}: the findings are a Markdown page; give the name the suffix .md")
    if not out.parent.is_dir():
        raise InputError(f"--out {args.out}: there is no folder {out.parent}; make it, or name another one")
    if args.only and (args.only not in QUESTIONS or args.data is None):
        raise InputError(f"--only {args.only}: needs --data, and one of {', '.join(QUESTIONS)}")
    if args.data is None:
        for path in write_page(out):
            print(f"wrote {path}")
        return
    data = Path(args.data)
    if not args.data or not data.is_dir():
        raise InputError(
            f"--data {args.data!r}: there is no such folder; give one with text/, code/, dna/, segmentation/ "
            "(make findings DATA=FOLDER)"
        )
    if not 0 < args.share <= 1 or args.shifts < 19:
        raise InputError(
            "--share must be over 0 and at most 1, --shifts 19 or more (p cannot be below 0.05 with fewer)"
        )
    limits = Limits().scaled(args.share, args.shifts)
    study = Study(data, limits, args.models, lambda line: print(line, file=sys.stderr, flush=True))
    for path in write_report(study, out, args.only):
        print(f"wrote {path}")
