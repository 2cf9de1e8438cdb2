"""python -m analysis enrich: what boundaries mean on an annotated genome."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from analysis.boundaries.extract import BoundaryModel, Progress, boundary_marks, check
from analysis.chance.p_values import is_least, shown
from analysis.commands import shared
from analysis.files.export import TRACK_SUFFIXES, write_table
from analysis.files.provenance import file_hash, provenance
from analysis.files.saved_models import saved_models
from analysis.genome.enrichment import DRAWS, ONE_SIDED, Cuts, Genome, annotate, enrichment_table
from analysis.genome.features import UPSTREAM, sites
from analysis.genome.motifs import DEFAULT_MOTIFS, motif, motif_rows
from analysis.genome.profiles import PROFILE_DRAWS, WINDOW, profile_table
from analysis.genome.strands import consistency_row
from analysis.inputs import sources
from analysis.inputs.annotations import fit_features, laid_end_to_end, read_features
from analysis.inputs.bases import reverse_complement
from analysis.inputs.files import read_sequences
from analysis.references.models import load_models
from hnet_core.errors import InputError

_OPTIONS = ("upstream", "window", "shifts", "seed", "keep_phase", "reverse_complement", "matmul_precision")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("enrich", help="boundaries on annotated DNA", allow_abbrev=False)
    command.add_argument("input", metavar="GENOME", help="FASTA or GenBank; .gz and .xz too")
    command.add_argument(
        "--annotation", metavar="FILE", help="GFF3, GTF, BED or GenBank; default: GENOME itself"
    )
    shared.add_common(command, runs=True)
    shared.add_matmul_precision(command)
    command.add_argument(
        "--profiles", metavar="FILE", help="a table of rates around start, stop, TSS, splice sites"
    )
    command.add_argument(
        "--window", type=int, default=WINDOW, help=f"bases either side in --profiles ({WINDOW})"
    )
    command.add_argument("--upstream", type=int, default=UPSTREAM, help=f"bases before a gene ({UPSTREAM})")
    command.add_argument(
        "--motif",
        action="append",
        metavar="NAME=LETTERS",
        help="IUPAC; may be repeated; default: "
        + ", ".join(f"{name}={letters}" for name, letters in DEFAULT_MOTIFS.items()),
    )
    command.add_argument(
        "--reverse-complement", action="store_true", help="read the other strand too (takes twice the time)"
    )
    command.add_argument(
        "--keep-phase", action="store_true", help="shift along the genome by multiples of 3 only"
    )
    command.add_argument("--shifts", type=int, default=DRAWS, help=f"draws of every null ({DRAWS})")
    command.add_argument("--seed", type=int, default=0, help="of the draws")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write the table, and the profiles where asked for; what is wrong with the call is said before any work."""
    outs, annotation = _check_call(args)
    motifs = dict(map(motif, args.motif)) if args.motif else DEFAULT_MOTIFS
    sequences = read_sequences([args.input], "dna", args.max_mb)
    saved = saved_models(args.runs, sequences, "+-" if args.reverse_complement else "+")
    shared.print_run_warnings(saved)
    features = read_features(annotation, max_bytes=args.max_mb)
    features, warnings = fit_features(features, sequences, Path(annotation).name)
    sequences = _annotated(sequences, features)
    shared.take_precision(args)
    models = load_models(args.model, args.models, args.matmul_precision, saved)
    for model in models.values():
        check(sequences, model)
    shared.print_warnings(sequences, models.values())
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    cuts, rows = _all_cuts(models, sequences, args)
    # Only now: what is known of every base takes 100 MB a genome, which the models' work need not stand beside.
    lengths = [len(each.data) for each in sequences]
    genome = annotate(features, [each.name for each in sequences], lengths, args.upstream)
    for warning in _codon_warnings(genome):
        print(f"warning: {warning}", file=sys.stderr)
    tables = _tables(cuts, rows, sequences, features, genome, motifs, args)
    options = {name: getattr(args, name) for name in _OPTIONS}
    options |= {"motifs": motifs, "annotation_sha256": file_hash(Path(annotation))}
    about = provenance("enrich", sequences, models, options)
    for table, out in zip(tables, outs, strict=True):
        write_table(table, out, about)
    _print_summary(tables[0])
    for out in outs:
        print(f"wrote {out}")


def _check_call(args: argparse.Namespace) -> tuple[list[str], str]:
    """The files to write, and the annotation."""
    outs, annotation = [args.out, *([args.profiles] if args.profiles else [])], args.annotation or args.input
    for out in outs:
        shared.check_output(out, [args.input, annotation])
        if Path(out).suffix.lower() in TRACK_SUFFIXES:
            raise InputError(f"{out}: an enrichment table has no positions; write it to .csv or .parquet")
    if len(outs) == 2 and Path(outs[0]).resolve() == Path(outs[1]).resolve():
        raise InputError(f"--out and --profiles are both {args.out}; give each table its own file")
    if args.window < 0 or args.upstream < 0 or args.shifts < 1 or args.seed < 0:
        raise InputError("--window, --upstream and --seed must be 0 or more, --shifts 1 or more")
    return outs, annotation


def _tables(
    cuts: list[Cuts],
    rows: list[dict],
    sequences: Sequence[sources.Sequence],
    features: pd.DataFrame,
    genome: Genome,
    motifs: Mapping[str, str],
    args: argparse.Namespace,
) -> list[pd.DataFrame]:
    """The table, and the profiles where asked for, each in a thread of its own: both are look-ups without Python."""
    data = [each.data for each in sequences]
    step = 3 if args.keep_phase else 1

    def enrichment() -> pd.DataFrame:
        found = [row for each in cuts for row in motif_rows(each, data, motifs, args.shifts, args.seed)]
        more = [*rows, *found]
        return enrichment_table(cuts, genome, draws=args.shifts, seed=args.seed, step=step, more=more)

    def profiles() -> pd.DataFrame:
        laid = laid_end_to_end(features, genome.names, genome.lengths)
        draws = PROFILE_DRAWS * args.shifts
        return profile_table(
            cuts, sites(laid, genome.lengths), window=args.window, draws=draws, seed=args.seed
        )

    with ThreadPoolExecutor(2) as pool:
        work = [pool.submit(each) for each in (enrichment, *([profiles] if args.profiles else []))]
        return [each.result() for each in work]


def _all_cuts(
    models: Mapping[str, BoundaryModel], sequences: Sequence[sources.Sequence], args: argparse.Namespace
) -> tuple[list[Cuts], list[dict]]:
    cuts, rows = [], []
    with shared.progress_bar(sequences, len(models) * (1 + args.reverse_complement)) as bar:
        for label, model in models.items():
            mine, more = _cuts(label, model, sequences, args, lambda: shared.reporter(bar))
            cuts, rows = [*cuts, *mine], [*rows, *more]
    return cuts, rows


def _annotated(sequences: Sequence[sources.Sequence], features: pd.DataFrame) -> list[sources.Sequence]:
    """The sequences that the annotation names: of others the class of the bases is unknown."""
    known = set(features["sequence"].unique())
    return [each for each in sequences if each.name in known]


def _codon_warnings(genome: Genome) -> tuple[str, ...]:
    conflicts, unphased, texts = genome.codons.conflicts, genome.codons.unphased, []
    if conflicts:
        texts.append(
            f"{conflicts} bases are coding in two frames or on both strands; they have no codon position"
        )
    if unphased:
        texts.append(f"{unphased} CDS parts have no strand; they have no codon positions")
    return tuple(texts)


def _cuts(
    label: str,
    model: BoundaryModel,
    sequences: Sequence[sources.Sequence],
    args: argparse.Namespace,
    report: Callable[[], Progress],
) -> tuple[list[Cuts], list[dict]]:
    """The boundaries of one model, and the rows that compare both strands where asked for."""
    data = [each.data for each in sequences]
    forward = boundary_marks(data, model, report())
    cuts = [Cuts(label, stage, tuple(marks)) for stage, marks in enumerate(forward)]
    if not args.reverse_complement:
        return cuts, []
    reverse = boundary_marks([reverse_complement(each) for each in data], model, report())
    rows = [
        consistency_row(label, stage, *both, draws=args.shifts, seed=args.seed)
        for stage, both in enumerate(zip(forward, reverse, strict=True))
    ]
    return cuts, rows


def _print_summary(table: pd.DataFrame) -> None:
    rows = table[(table["frame"] == 0) & ((table["strand"] == ".") | (table["analysis"] != "feature"))]
    for row in rows[rows["measure"] != "chi_square"].itertuples():
        least = is_least(row.p_value, row.shifts, two_sided=row.measure not in ONE_SIDED)
        print(
            f"{row.model} stage {row.stage} {row.analysis} {row.feature} {row.strand} {row.measure}: "
            f"{row.value:.4f}, by chance {row.expected:.4f}, z {row.z:.1f}, q {shown(row.q_value, least)}"
        )
