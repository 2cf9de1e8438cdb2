"""python -m analysis boundaries: where models cut inputs."""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.boundaries import engine
from analysis.boundaries.by_file import FileColumn
from analysis.boundaries.extract import BoundaryModel, check
from analysis.boundaries.streaming import STRANDS, ChunkRows, Pieces, batches, boundary_rows
from analysis.commands import shared
from analysis.files.export import TRACK_SUFFIXES, open_writer
from analysis.files.provenance import provenance
from analysis.files.runs import check_runs, open_run
from analysis.inputs import sources
from analysis.references.models import load_models
from hnet_core.errors import InputError


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("boundaries", help="where models cut inputs", allow_abbrev=False)
    shared.add_inputs(command)
    command.add_argument(
        "--table",
        choices=("chunks", "bytes"),
        default="chunks",
        help="a row a chunk (default), or a position",
    )
    command.add_argument(
        "--stage", type=shared.whole, metavar="N", help="this stage only; 0 is the outermost"
    )
    command.add_argument(
        "--strand", choices=("+", "-", "both"), default="+", help="of DNA; - reads the reverse complement"
    )
    command.add_argument(
        "--save-run", metavar="DIR", help="keep chunks and positions of all stages as a new run in DIR"
    )
    engine.add_options(command)
    shared.add_matmul_precision(command)
    shared.add_common(command, out_required=False)
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write the table, save the run, or both; what is wrong with the call is said before any work."""
    _check_call(args)
    sequences = shared.read_inputs(args)
    _check_kind(args, sequences)
    shared.take_precision(args)
    models = load_models(args.model, args.models, args.matmul_precision, thresholds=args.threshold)
    strands = STRANDS if args.strand == "both" else (args.strand,)
    _check_stages(args, models, strands, sequences)
    shared.print_warnings(sequences, models.values())
    given = ("table", "stage", "strand", "engine", "matmul_precision")
    options = {name: getattr(args, name) for name in given}
    options["threshold"] = shared.threshold_text(args.threshold)
    about = provenance("boundaries", sequences, models, options)
    counts: Counter = Counter()
    files = FileColumn(sequences)
    with ExitStack() as stack:
        workers = stack.enter_context(engine.workers(args, models))
        sinks = []
        if args.save_run:
            saved = stack.enter_context(open_run(args.save_run, about))
            sinks += saved.tables.items()
        if args.out:
            lengths = {sequence.name: len(sequence.data) for sequence in sequences}
            out = stack.enter_context(open_writer(args.out, about, lengths))
            sinks.append((args.table, _OneStage(out, args.stage)))
        bar = stack.enter_context(shared.progress_bar(sequences, len(models) * len(strands)))
        for number, label in enumerate(models):
            for strand in strands:
                pieces = workers[label](sequences, strand, shared.reporter(bar))
                pieces = _counted(pieces, counts, label)
                for kind, table in stage_tables(pieces, sequences, strand, {kind for kind, _ in sinks}):
                    table.insert(0, "file", files.of(table["sequence"]))
                    table.insert(1, "model", _repeated(list(models), number, len(table)))
                    if args.strand != "+":
                        table.insert(2, "strand", _repeated(list(STRANDS), STRANDS.index(strand), len(table)))
                    for wanted, writer in sinks:
                        if wanted == kind:
                            writer.write(table)
    _print_summary(counts, len(strands) * sum(len(sequence.data) for sequence in sequences))
    for place in [args.out] * bool(args.out) + ([saved.folder] if args.save_run else []):
        print(f"wrote {place}")


def stage_tables(
    pieces: Pieces, sequences: Sequence[sources.Sequence], strand: str, kinds: set[str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """("bytes", schema.BOUNDARIES) and ("chunks", schema.CHUNKS) as the pieces come, of the kinds that are wanted."""
    names = pd.CategoricalDtype([sequence.name for sequence in sequences])
    chunks = ChunkRows([len(sequence.data) for sequence in sequences], names, strand)
    for batch in batches(pieces):
        if "bytes" in kinds:
            yield "bytes", boundary_rows(batch, names)
        if "chunks" in kinds:
            yield "chunks", chunks.feed(batch)
    if "chunks" in kinds:
        yield "chunks", chunks.finish()


class _OneStage:
    """A writer that takes one stage's rows; all when stage is None."""

    def __init__(self, writer, stage: int | None) -> None:
        self.writer, self.stage = writer, stage

    def write(self, table: pd.DataFrame) -> None:
        self.writer.write(table if self.stage is None else table[table["stage"] == self.stage])


def _counted(pieces: Pieces, counts: Counter, label: str) -> Pieces:
    for piece in pieces:
        counts[label, piece.stage, "positions"] += len(piece.byte)
        counts[label, piece.stage, "chunks"] += int(np.count_nonzero(piece.is_boundary))
        yield piece


def _repeated(names: Sequence[str], code: int, n: int) -> pd.Categorical:
    return pd.Categorical.from_codes(np.full(n, code), categories=names)


def _check_call(args: argparse.Namespace) -> None:
    if not args.out and not args.save_run:
        raise InputError("there is nothing to write; give --out FILE, --save-run DIR or both")
    if args.out:
        shared.check_output(args.out, args.input)
    if args.save_run:
        check_runs(args.save_run)
        shared.check_place(args.save_run, args.input)


def _check_kind(args: argparse.Namespace, sequences: Sequence[sources.Sequence]) -> None:
    if all(sequence.kind == "dna" for sequence in sequences):
        return
    if args.out and Path(args.out).suffix.lower() in TRACK_SUFFIXES:
        raise InputError(
            f"{args.out}: {', '.join(TRACK_SUFFIXES)} are for DNA; write a text to .csv or .parquet"
        )
    if args.strand != "+":
        raise InputError(f"--strand {args.strand}: only DNA has another strand; leave it out for text")


def _check_stages(
    args: argparse.Namespace,
    models: Mapping[str, BoundaryModel],
    strands: Sequence[str],
    sequences: Sequence[sources.Sequence],
) -> None:
    for label, model in models.items():
        check(sequences, model)
        if args.stage is not None and not 0 <= args.stage < model.n_stages:
            raise InputError(f"--stage {args.stage}: {label} has stages 0 to {model.n_stages - 1}")
    stages = 1 if args.stage is not None else max(model.n_stages for model in models.values())
    if args.out and Path(args.out).suffix.lower() == ".bw" and len(models) * len(strands) * stages > 1:
        raise InputError(
            f"{args.out}: a bigWig holds one track; choose one --model, one --stage and one --strand, "
            "or write .bedgraph"
        )


def _print_summary(counts: Counter, n_bytes: int) -> None:
    for label, stage, what in counts:
        if what == "positions":
            positions, chunks = counts[label, stage, what], counts[label, stage, "chunks"]
            print(
                f"{label} stage {stage}: {n_bytes} bytes, {chunks} chunks, "
                f"{n_bytes / chunks:.2f} bytes a chunk, rate {chunks / positions:.3f}"
            )
