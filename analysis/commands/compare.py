"""python -m analysis compare: agreement of every pair of models, of groups of them, and with controls."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product

import pandas as pd

from analysis.agreement.controls import MAX_WORD, beyond_pairs, periodic_like, random_like, shuffled
from analysis.agreement.groups import KEYS, cluster_order, consensus, group_labels, group_table
from analysis.agreement.pairs import DENSITY_RATIO, agreement_table, compare_pairs, density_curve
from analysis.boundaries.by_file import FileColumn
from analysis.boundaries.extract import BoundaryModel
from analysis.boundaries.segmentations import Segmentation, cut
from analysis.chance.p_values import is_least, shown
from analysis.commands import shared
from analysis.commands.shared import draws, whole
from analysis.files.export import write_table
from analysis.files.provenance import Provenance, provenance
from analysis.files.saved_models import saved_models
from analysis.inputs import sources
from analysis.references.models import load_models, untrained_model
from analysis.references.names import is_reference
from hnet_core.errors import InputError

RATES = tuple(round(0.02 * i, 2) for i in range(1, 26))
"""Densities at which --density compares."""

Readers = dict[str, tuple[BoundaryModel, dict[str, BoundaryModel]]]
"""Model -> itself, and untrained ones of its architecture: those that --controls has read."""

_FILES = ("out", "groups", "consensus", "controls", "density")
_OPTIONS = ("tolerance", "shifts", "seed", "by", "shuffle_word", "untrained", "matmul_precision")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("compare", help="agreement of every pair of models", allow_abbrev=False)
    shared.add_inputs(command)
    shared.add_together(command)
    command.add_argument(
        "--tolerance", type=whole, default=1, help="bytes apart that may pair off (default 1)"
    )
    command.add_argument(
        "--shifts", type=draws, default=1000, help="circular shifts over several records (one: all)"
    )
    command.add_argument("--seed", type=whole, default=0, help="of shifts, resamples and controls")
    command.add_argument("--groups", metavar="FILE", help="a table of means inside and between groups")
    command.add_argument(
        "--by", default="domain,depth", help=f"what groups share, of {','.join(KEYS)} (default domain,depth)"
    )
    command.add_argument(
        "--consensus",
        metavar="FILE",
        help="a table, or of DNA a track, of the share of a group's models that cut at each position",
    )
    command.add_argument(
        "--density", metavar="FILE", help="a table of agreement at equal numbers of boundaries"
    )
    command.add_argument(
        "--controls", metavar="FILE", help="a table of each model against what must score about 0"
    )
    command.add_argument(
        "--shuffle-word",
        type=whole,
        default=2,
        help="bytes of the words that the control shuffle keeps (2)",
    )
    command.add_argument(
        "--untrained",
        type=whole,
        default=3,
        help="untrained models a model in --controls; judge F1* beyond pairs of bytes (3)",
    )
    shared.add_matmul_precision(command)
    shared.add_common(command, runs=True)
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write every table that was asked for; what is wrong with the call is said before any work."""
    _check(args)
    sequences = shared.read_inputs(args)
    saved = saved_models(args.runs, sequences)
    shared.take_precision(args)
    shared.print_run_warnings(saved)
    models = load_models(args.model, args.models, args.matmul_precision, saved, args.threshold)
    if len(models) < 2:
        raise InputError("compare needs at least two models; give --model or --run once more")
    mixed = _mixed_domains(models.values())
    shared.print_warnings(sequences, models.values())
    if mixed:
        print(f"warning: {mixed}", file=sys.stderr)
    groups = group_labels({label: model.info for label, model in models.items()}, args.by.split(","))
    tracks = {(groups[label], stage) for label, model in models.items() for stage in range(model.n_stages)}
    _check_consensus(args.consensus, sequences, tracks)
    cuts = _cuts(sequences, models)
    readers = _readers(args, models) if args.controls else {}

    def of(places: list[int]) -> dict[str, pd.DataFrame]:
        mine = [[stage.part(places) for stage in model] for model in cuts]
        return _tables(args, mine, groups, readers, [sequences[i] for i in places])

    tables = shared.tables_by_file(args, sequences, of)
    given = {name: getattr(args, name) for name in _OPTIONS}
    given["threshold"] = shared.threshold_text(args.threshold)
    about = provenance("compare", sequences, models, given)
    for path, each in tables.items():
        write_table(each, path, about)
    if args.consensus:
        found = _consensus([stage for model in cuts for stage in model], groups, sequences)
        _write_consensus(found, args.consensus, about, sequences)
    print(f"wrote {', '.join(getattr(args, name) for name in _FILES if getattr(args, name))}")


def _cuts(
    sequences: Sequence[sources.Sequence], models: Mapping[str, BoundaryModel]
) -> list[list[Segmentation]]:
    """Every stage of every model."""
    with shared.progress_bar(sequences, len(models)) as bar:
        return [
            [replace(stage, name=label) for stage in cut(sequences, model, shared.reporter(bar))]
            for label, model in models.items()
        ]


def _tables(
    args: argparse.Namespace,
    cuts: Sequence[Sequence[Segmentation]],
    groups: dict[str, str],
    readers: Readers,
    sequences: Sequence[sources.Sequence],
) -> dict[str, pd.DataFrame]:
    """Output path -> its rows over these sequences, the consensus left out."""
    options = {"tolerance": args.tolerance, "shifts": args.shifts, "seed": args.seed}
    table, stages = compare_pairs(cuts, **options), [stage for model in cuts for stage in model]
    tables = {args.out: table}
    if args.groups:
        tables[args.groups] = group_table(table, stages, groups, seed=args.seed)
    if args.density:
        tables[args.density] = _density(cuts)
    if readers:
        controls = _controls(args, sequences, readers, cuts)
        left = [beyond_pairs(a, b, sequences) for a, b in controls]
        tables[args.controls] = agreement_table(controls, **options).assign(f1_star_beyond_pairs=left)
    _print(table, stages)
    return tables


def _check(args: argparse.Namespace) -> None:
    paths = [getattr(args, name) for name in _FILES if getattr(args, name)]
    shared.check_tables(paths, args.input, with_positions=[args.consensus])
    if args.controls and args.runs:
        raise InputError("--controls has models read shuffled input, which a saved run cannot; give --model")
    if args.tolerance < 0 or args.shifts < 1 or args.seed < 0:
        raise InputError("--tolerance and --seed must be 0 or more, --shifts 1 or more")
    if not 1 <= args.shuffle_word <= MAX_WORD:
        raise InputError(f"--shuffle-word {args.shuffle_word} must be 1 to {MAX_WORD}")
    if args.untrained < 0:
        raise InputError(f"--untrained {args.untrained} must be 0 or more")
    group_labels({}, args.by.split(","))


def _consensus(
    stages: Sequence[Segmentation], groups: dict[str, str], sequences: Sequence[sources.Sequence]
) -> pd.DataFrame:
    files, names = FileColumn(sequences), [sequence.name for sequence in sequences]
    members: dict[tuple[str, int], list[Segmentation]] = {}
    for stage in stages:
        members.setdefault((groups[stage.name], stage.stage), []).append(stage)
    parts = []
    for (group, number), cuts in members.items():
        part = consensus(cuts, names)
        part.insert(0, "file", files.of(part["sequence"]))
        part.insert(1, "group", pd.Series(group, index=part.index, dtype="str"))
        part.insert(2, "stage", pd.Series(number, index=part.index, dtype="int16"))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _mixed_domains(models: Iterable[BoundaryModel]) -> str:
    """A warning where models learned from different domains; InputError where no input suits all of them."""
    names = {model.info["domain"]: model.name for model in models if model.info.get("domain")}
    if len(names) < 2:
        return ""
    each = ", ".join(f"{name} on {domain}" for domain, name in sorted(names.items()))
    if "dna" in names:
        raise InputError(f"models were trained on DNA and on text ({each}); compare models of one kind")
    return (
        f"models were trained on different domains ({each}); that alone can make them cut at different places"
    )


def _check_consensus(
    path: str | None, sequences: Sequence[sources.Sequence], tracks: set[tuple[str, int]]
) -> None:
    if not path or not shared.is_track(path):
        return
    if any(sequence.kind != "dna" for sequence in sequences):
        raise InputError(f"{path}: tracks are for DNA; write the consensus over a text to .csv or .parquet")
    if path.lower().endswith(".bw") and len(tracks) > 1:
        raise InputError(
            f"{path}: a bigWig holds one track, and groups and stages here make {len(tracks)}; "
            "group otherwise with --by, or write .bedgraph"
        )


def _write_consensus(
    table: pd.DataFrame, path: str, about: Provenance, sequences: Sequence[sources.Sequence]
) -> None:
    """As the table it is, or as a track a group and stage whose value is the share."""
    if shared.is_track(path):
        table = table.rename(columns={"group": "model", "share": "prob"})
    write_table(table, path, about, {each.name: len(each.data) for each in sequences})


def _density(cuts: Sequence[Sequence[Segmentation]]) -> pd.DataFrame:
    parts = []
    for first, second in combinations(cuts, 2):
        for a, b in product(first, second):
            head = pd.DataFrame(
                [[a.name, a.stage, b.name, b.stage]], columns=["model_a", "stage_a", "model_b", "stage_b"]
            )
            parts.append(head.merge(density_curve(a, b, RATES), how="cross"))
    return pd.concat(parts, ignore_index=True)


def _readers(args: argparse.Namespace, models: dict[str, BoundaryModel]) -> Readers:
    found = {}
    for given, model in zip(args.model, models.values(), strict=True):
        blanks = {}
        for seed in range(args.seed, args.seed + (0 if is_reference(given) else args.untrained)):
            blank = untrained_model(given, args.models, seed)
            blanks[f"untrained {given}, {seed}"] = (
                blank.cutting_at(args.threshold) if args.threshold else blank
            )
        found[given] = model, blanks
    return found


def _controls(
    args: argparse.Namespace,
    sequences: Sequence[sources.Sequence],
    readers: Readers,
    cuts: Sequence[Sequence[Segmentation]],
) -> list[tuple[Segmentation, Segmentation]]:
    """Every stage of every model with its controls."""
    mixed = shuffled(sequences, args.shuffle_word, args.seed)
    pairs = []
    for (model, blanks), stages in zip(readers.values(), cuts, strict=True):
        controls = [[random_like(s, args.seed) for s in stages], [periodic_like(s) for s in stages]]
        controls.append([replace(s, name=f"{s.name} on shuffled input") for s in cut(mixed, model)])
        for name, blank in blanks.items():
            controls.append([replace(s, name=name) for s in cut(sequences, blank)])
        pairs += [pair for control in controls for pair in zip(stages, control, strict=True)]
    return pairs


def _print(table: pd.DataFrame, stages: Sequence[Segmentation]) -> None:
    for row in table.itertuples():
        print(
            f"{row.model_a} stage {row.stage_a}, {row.model_b} stage {row.stage_b}: F1 {row.f1:.3f} "
            f"(chance {row.f1_chance:.3f}, best {row.f1_max:.3f}), F1* {row.f1_star:.3f}, "
            f"kappa {row.kappa:.3f}, A in B {row.containment_ab:.3f}, B in A {row.containment_ba:.3f}, "
            f"p {shown(row.p_value, is_least(row.p_value, row.shifts))}"
        )
    if table["rates_differ"].any():
        print(
            f"warning: {int(table['rates_differ'].sum())} of {len(table)} pairs differ in density by more than "
            f"{DENSITY_RATIO:g} times, where F1 says little; read containment, VI and F1* there",
            file=sys.stderr,
        )
    if len(stages) > 2:
        print("alike beside alike: " + ", ".join(f"{n} stage {s}" for n, s in cluster_order(stages)))
