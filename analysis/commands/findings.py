"""python -m analysis findings: what the bundled models found on a folder of held-out data, as a page with plots."""

import argparse
import sys
from pathlib import Path

from hnet_core.errors import InputError


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "findings", help="what the bundled models found, as a page", allow_abbrev=False
    )
    command.add_argument("--data", required=True, metavar="DIR", help="text/, code/, dna/ and segmentation/")
    command.add_argument("--out", required=True, metavar="FILE.md", help="its plots go beside it, in FILE/")
    command.add_argument("--models", metavar="DIR", help="where the models are (default: the bundled ones)")
    command.add_argument("--share", type=float, default=1.0, help="of the data to read, for a quick look (1)")
    command.add_argument("--shifts", type=int, default=1000, help="circular shifts of every null (1000)")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write the page and its plots; what is wrong with the call is said before any work."""
    from analysis.findings.data import Limits
    from analysis.findings.report import write_report
    from analysis.findings.study import Study

    out, data = Path(args.out), Path(args.data)
    if out.suffix != ".md":
        raise InputError(f"--out {args.out}: the findings are a Markdown page; give the name the suffix .md")
    if not out.parent.is_dir():
        raise InputError(f"--out {args.out}: there is no folder {out.parent}; make it, or name another one")
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
    for path in write_report(study, out):
        print(f"wrote {path}")
