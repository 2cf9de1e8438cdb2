"""python -m analysis enrich: what boundaries mean on an annotated genome."""

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.boundaries.extract import BoundaryModel, boundary_marks, check
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
from analysis.inputs.annotations import laid_end_to_end
from analysis.inputs.bases import reverse_complement
from analysis.inputs.genomes import Genomes, read_genomes
from analysis.references.models import load_models
from hnet_core.errors import InputError

_OPTIONS = ("upstream", "window", "shifts", "seed", "keep_phase", "reverse_complement", "matmul_precision")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("enrich", help="boundaries on annotated DNA", allow_abbrev=False)
    shared.add_inputs(command, "FASTA or GenBank", "GENOME")
    shared.add_together(command)
    command.add_argument(
        "--annotation",
        action="append",
        default=[],
        metavar="FILE",
        help="GFF3, GTF, BED or GenBank; one for all genomes, or repeated, one a genome in their order; default: in a "
        "folder or an archive the file of the genome's name (a.gff3 of a.fa), else GENOME itself",
    )
    shared.add_common(command, runs=True)
    shared.add_matmul_precision(command)
    command.add_argument(
        "--profiles", metavar="FILE", help="a table of rates around start, stop, TSS, splice sites"
    )
    command.add_argument(
        "--window", type=shared.whole, default=WINDOW, help=f"bases either side in --profiles ({WINDOW})"
    )
    command.add_argument(
        "--upstream", type=shared.whole, default=UPSTREAM, help=f"bases before a gene ({UPSTREAM})"
    )
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
    command.add_argument("--shifts", type=shared.draws, default=DRAWS, help=f"draws of every null ({DRAWS})")
    command.add_argument("--seed", type=shared.whole, default=0, help="of the draws")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write the table, and the profiles where asked for; what is wrong with the call is said before any work."""
    outs = _check_call(args)
    motifs = dict(map(motif, args.motif)) if args.motif else DEFAULT_MOTIFS
    genomes = read_genomes(args.input, args.annotation, args.max_mb)
    sequences = genomes.sequences
    saved = saved_models(args.runs, genomes.read, "+-" if args.reverse_complement else "+")
    shared.print_run_warnings(saved)
    shared.take_precision(args)
    models = load_models(args.model, args.models, args.matmul_precision, saved, args.threshold)
    for model in models.values():
        check(sequences, model)
    if genomes.left_out:
        shared.tell(genomes.left_out)
    shared.print_warnings(sequences, models.values())
    for warning in genomes.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    found = _all_cuts(models, sequences, args)

    def of(places: list[int]) -> dict[str, pd.DataFrame]:
        made = _tables(found, places, genomes, motifs, args)
        _print_summary(made[0])
        return dict(zip(outs, made, strict=True))

    tables = shared.tables_by_file(args, sequences, of)
    options = {name: getattr(args, name) for name in _OPTIONS}
    hashes = [_hash(each.source) for each in genomes.annotations]
    options |= {"motifs": motifs, "annotation_sha256": hashes[0] if len(hashes) == 1 else hashes}
    options["threshold"] = shared.threshold_text(args.threshold)
    about = provenance("enrich", sequences, models, options)
    for out, table in tables.items():
        write_table(table, out, about)
        print(f"wrote {out}")


def _hash(source: Path | bytes) -> str:
    return hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else file_hash(source)


def _check_call(args: argparse.Namespace) -> list[str]:
    """The files to write."""
    outs = [args.out, *([args.profiles] if args.profiles else [])]
    for out in outs:
        shared.check_output(out, [*args.input, *args.annotation])
        if Path(out).suffix.lower() in TRACK_SUFFIXES:
            raise InputError(f"{out}: an enrichment table has no positions; write it to .csv or .parquet")
    if len(outs) == 2 and Path(outs[0]).resolve() == Path(outs[1]).resolve():
        raise InputError(f"--out and --profiles are both {args.out}; give each table its own file")
    if args.window < 0 or args.upstream < 0 or args.shifts < 1 or args.seed < 0:
        raise InputError("--window, --upstream and --seed must be 0 or more, --shifts 1 or more")
    return outs


Found = tuple[list[Cuts], list[list[np.ndarray]]]
"""The cuts of all models and stages, and beside each, where both strands are asked for, the marks on the other one."""


def _tables(
    found: Found, places: Sequence[int], genomes: Genomes, motifs: Mapping[str, str], args: argparse.Namespace
) -> list[pd.DataFrame]:
    """The table of some of the sequences, and the profiles where asked for, each in a thread of its own: both are
    look-ups without Python."""
    cuts = [replace(each, is_cut=tuple(each.is_cut[i] for i in places)) for each in found[0]]
    other = [[each[i] for i in places] for each in found[1]]
    sequences = [genomes.sequences[i] for i in places]
    data, step = [each.data for each in sequences], 3 if args.keep_phase else 1
    # Only now: what is known of every base takes 100 MB a genome, which the models' work need not stand beside.
    features = genomes.features
    genome = annotate(features, [each.name for each in sequences], list(map(len, data)), args.upstream)
    for warning in _codon_warnings(genome):
        print(f"warning: {warning}", file=sys.stderr)

    def enrichment() -> pd.DataFrame:
        both = zip(cuts, other, strict=True) if other else ()
        more = [
            consistency_row(each.model, each.stage, each.is_cut, back, draws=args.shifts, seed=args.seed)
            for each, back in both
        ]
        more += [row for each in cuts for row in motif_rows(each, data, motifs, args.shifts, args.seed)]
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
) -> Found:
    cuts, other, data = [], [], [each.data for each in sequences]
    with shared.progress_bar(sequences, len(models) * (1 + args.reverse_complement)) as bar:
        for label, model in models.items():
            marks = boundary_marks(data, model, shared.reporter(bar))
            cuts += [Cuts(label, stage, tuple(each)) for stage, each in enumerate(marks)]
            if args.reverse_complement:
                turned = [reverse_complement(each) for each in data]
                other += boundary_marks(turned, model, shared.reporter(bar))
    return cuts, other


def _codon_warnings(genome: Genome) -> tuple[str, ...]:
    conflicts, unphased, texts = genome.codons.conflicts, genome.codons.unphased, []
    if conflicts:
        texts.append(
            f"{conflicts} bases are coding in two frames or on both strands; they have no codon position"
        )
    if unphased:
        texts.append(f"{unphased} CDS parts have no strand; they have no codon positions")
    return tuple(texts)


def _print_summary(table: pd.DataFrame) -> None:
    rows = table[(table["frame"] == 0) & ((table["strand"] == ".") | (table["analysis"] != "feature"))]
    for row in rows[rows["measure"] != "chi_square"].itertuples():
        least = is_least(row.p_value, row.shifts, two_sided=row.measure not in ONE_SIDED)
        print(
            f"{row.model} stage {row.stage} {row.analysis} {row.feature} {row.strand} {row.measure}: "
            f"{row.value:.4f}, by chance {row.expected:.4f}, z {row.z:.1f}, q {shown(row.q_value, least)}"
        )
