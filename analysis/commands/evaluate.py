"""python -m analysis evaluate: boundaries against the gold words of treebanks."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analysis.agreement.gold_words import word_table
from analysis.boundaries.by_file import joined, with_file
from analysis.boundaries.segmentations import cut
from analysis.chance.p_values import is_least, shown
from analysis.commands import shared
from analysis.files.export import OUT_SUFFIXES, write_table
from analysis.files.provenance import provenance
from analysis.inputs.conllu import GoldText, is_conllu, read_conllu
from analysis.inputs.folders import Budget, LeftOut, input_files
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
        help="CoNLL-U treebank, .gz and .xz too; a folder, a .zip or a .tar: all .conllu files in it; may be repeated",
    )
    shared.add_models(command)
    command.add_argument("--out", required=True, metavar="FILE", help=f"one of {', '.join(OUT_SUFFIXES)}")
    command.add_argument(
        "--shifts", type=shared.draws, default=1000, help="circular shifts that chance is taken from (1000)"
    )
    command.add_argument("--seed", type=shared.whole, default=0, help="of the shifts")
    shared.add_max_mb(command)
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """A row for every treebank, model, stage and notion of where a word starts."""
    shared.check_tables([args.out], args.gold)
    if args.shifts < 1 or args.seed < 0:
        raise InputError("--seed must be 0 or more, --shifts 1 or more")
    banks = _banks(args.gold, args.max_mb)
    models = load_models(args.model, args.models, thresholds=args.threshold)
    sequences = [text.sequence for texts in banks.values() for text in texts]
    tables = []
    with shared.progress_bar(sequences, len(models)) as bar:
        for file, texts in banks.items():
            cuts = [
                replace(stage, name=label)
                for label, model in models.items()
                for stage in cut([t.sequence for t in texts], model, shared.reporter(bar))
            ]
            table = word_table(cuts, texts, _name(file), shifts=args.shifts, seed=args.seed)
            tables.append(with_file(table, file))
    table = joined(tables)
    options = {"shifts": args.shifts, "seed": args.seed, "threshold": shared.threshold_text(args.threshold)}
    about = provenance("evaluate", sequences, models, options)
    write_table(table, args.out, about)
    for row in table[(table["units"] == "surface") & (table["place"] == "gap")].itertuples():
        print(
            f"{row.gold}, {row.model} stage {row.stage}: F1 {row.f1:.3f} (chance {row.f1_chance:.3f}, "
            f"best {row.f1_max:.3f}), F1* {row.f1_star:.3f}, precision {row.precision:.3f}, recall {row.recall:.3f}, "
            f"z {row.z:.1f}, p {shown(row.p_value, is_least(row.p_value, row.shifts))}"
        )
    print(f"wrote {args.out}")


def _banks(paths: Sequence[str], max_bytes: int) -> dict[str, list[GoldText]]:
    """File -> its texts; of folders and archives what is named as a treebank."""
    budget, left_out, banks = Budget(max_bytes), LeftOut(), {}
    for file in input_files(paths, budget, left_out):
        if file.found and not is_conllu(file.name):
            left_out.add("no .conllu files", file.label)
            continue
        with budget.told(file.label):
            banks[file.label] = read_conllu(file.source, file.label if file.found else None, budget.left)
        budget.spend(sum(len(text.sequence.data) for text in banks[file.label]))
    if str(left_out):
        shared.tell(str(left_out))
    if not banks:
        raise InputError(f"--gold {paths[0]}: holds no .conllu file; give one")
    return banks


def _name(path: str) -> str:
    """The file's name up to .conllu."""
    name = Path(path).name
    return name.split(".conllu")[0]
