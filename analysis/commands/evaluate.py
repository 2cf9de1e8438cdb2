"""python -m analysis evaluate: boundaries against the gold words of treebanks."""

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd

from analysis.agreement.gold_words import word_table
from analysis.boundaries.segmentations import cut
from analysis.chance.p_values import is_least, shown
from analysis.commands import shared
from analysis.files.export import OUT_SUFFIXES, write_table
from analysis.files.provenance import provenance
from analysis.inputs.conllu import read_conllu
from analysis.references.models import load_models
from hnet_core.errors import InputError


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("evaluate", help="boundaries against gold words", allow_abbrev=False)
    command.add_argument(
        "--gold",
        action="append",
        required=True,
        metavar="FILE",
        help="CoNLL-U treebank; .gz and .xz too; may be repeated",
    )
    shared.add_models(command)
    command.add_argument("--out", required=True, metavar="FILE", help=f"one of {', '.join(OUT_SUFFIXES)}")
    command.add_argument(
        "--shifts", type=int, default=1000, help="circular shifts that chance is taken from (1000)"
    )
    command.add_argument("--seed", type=int, default=0, help="of the shifts")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """A row for every treebank, model, stage and notion of where a word starts."""
    shared.check_tables([args.out], args.gold)
    if args.shifts < 1 or args.seed < 0:
        raise InputError("--seed must be 0 or more, --shifts 1 or more")
    banks = {path: read_conllu(path) for path in args.gold}
    if len(banks) < len(args.gold):
        raise InputError("a treebank is given twice; give each once")
    models = load_models(args.model, args.models)
    sequences = [text.sequence for texts in banks.values() for text in texts]
    tables = []
    with shared.progress_bar(sequences, len(models)) as bar:
        for path, texts in banks.items():
            cuts = [
                replace(stage, name=label)
                for label, model in models.items()
                for stage in cut([t.sequence for t in texts], model, shared.reporter(bar))
            ]
            tables.append(word_table(cuts, texts, _name(path), shifts=args.shifts, seed=args.seed))
    table = pd.concat(tables, ignore_index=True)
    about = provenance("evaluate", sequences, models, {"shifts": args.shifts, "seed": args.seed})
    write_table(table, args.out, about)
    for row in table[(table["units"] == "surface") & (table["place"] == "gap")].itertuples():
        print(
            f"{row.gold}, {row.model} stage {row.stage}: F1 {row.f1:.3f} (chance {row.f1_chance:.3f}, "
            f"best {row.f1_max:.3f}), F1* {row.f1_star:.3f}, precision {row.precision:.3f}, recall {row.recall:.3f}, "
            f"z {row.z:.1f}, p {shown(row.p_value, is_least(row.p_value, row.shifts))}"
        )
    print(f"wrote {args.out}")


def _name(path: str) -> str:
    """The file's name up to .conllu."""
    name = Path(path).name
    return name.split(".conllu")[0]
