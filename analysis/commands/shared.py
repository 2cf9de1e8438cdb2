"""What the commands share: their options, reading inputs, loading models, warnings, a progress bar."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from analysis.boundaries.extract import BoundaryModel, Progress, domain_warnings
from analysis.files.export import OUT_SUFFIXES, TRACK_SUFFIXES, check_out
from analysis.inputs import sources
from analysis.inputs.reading import MAX_BYTES, collect_warnings
from analysis.references.names import PREFIX
from hnet_core.errors import InputError

if TYPE_CHECKING:
    from analysis.files.saved_models import SavedModel


def add_models(command: argparse.ArgumentParser, required: bool = True) -> None:
    """--model and --models."""
    command.add_argument(
        "--model",
        action="append",
        required=required,
        default=[],
        metavar="NAME|DIR",
        help=f"may be repeated; {PREFIX}KIND is a reference segmenter such as {PREFIX}words",
    )
    command.add_argument("--models", metavar="DIR", help="where models are found by name")


def add_matmul_precision(command: argparse.ArgumentParser) -> None:
    """--matmul-precision, where only boundaries are asked of the models."""
    command.add_argument(
        "--matmul-precision",
        choices=("fp32", "bf16", "auto"),
        default="fp32",
        help="of the models' products: fp32 (default) gives the same boundaries on every machine; bf16 is faster where "
        "the processor has it, and moves few boundaries; auto: the faster one here",
    )


def take_precision(args: argparse.Namespace) -> None:
    """Replace auto in `args` by the precision it stands for, so that tables say it, and print it."""
    if args.matmul_precision == "auto":
        from kernels.linear.choice import choose

        choice = choose(args.matmul_precision)
        print(choice, file=sys.stderr)
        args.matmul_precision = choice.name


def add_common(command: argparse.ArgumentParser, out_required: bool = True, runs: bool = False) -> None:
    """The options that every command with models, inputs and an output has.

    runs  with --run: models of saved runs, behind those of --model, or alone
    """
    add_models(command, required=not runs)
    if runs:
        command.add_argument(
            "--run",
            action="append",
            default=[],
            metavar="DIR/NAME",
            dest="runs",
            help="the models of a saved run of this input, not computed again; may be repeated",
        )
    command.add_argument(
        "--out", required=out_required, metavar="FILE", help=f"one of {', '.join(OUT_SUFFIXES)}"
    )
    command.add_argument("--type", choices=("auto", "text", "dna"), default="auto", help="default: guessed")
    command.add_argument("--max-mb", type=megabytes, default=MAX_BYTES, help="largest input, decompressed")


def megabytes(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of MB, 1 or more")
    return int(text) * 2**20


def check_output(out: str, inputs: Sequence[str]) -> None:
    check_out(out)
    for path in inputs:
        if Path(out).exists() and Path(path).exists() and Path(out).samefile(path):
            raise InputError(f"--out {out} is an input; write to another file")


def is_track(path: str) -> bool:
    """Whether the file's format is one of genome browsers."""
    return Path(path).suffix.lower() in TRACK_SUFFIXES


def check_tables(outs: Sequence[str], inputs: Sequence[str], with_positions: Sequence[str] = ()) -> None:
    """InputError where one of several output tables cannot be written, or two would be one file.

    with_positions  those of `outs` that may be tracks
    """
    for path in outs:
        check_output(path, inputs)
        if is_track(path) and path not in with_positions:
            raise InputError(f"{path}: this table has no positions; write it to .csv or .parquet")
    if len(set(map(Path, outs))) < len(outs):
        raise InputError("two tables would be written to one file; give each its own")


def print_warnings(sequences: Sequence[sources.Sequence], models: Sequence[BoundaryModel]) -> None:
    texts = [(s, replace(s, warnings=tuple(f"{s.name}: {w}" for w in s.warnings))) for s in sequences]
    shown = [named if s.kind == "text" else s for s, named in texts]
    for warning in collect_warnings(shown):
        print(f"warning: {warning}", file=sys.stderr)
    for model in models:
        for warning in domain_warnings(sequences, model):
            print(f"warning: {warning}", file=sys.stderr)


def print_run_warnings(saved: Mapping[str, "SavedModel"]) -> None:
    """Warnings about saved runs, once a run."""
    for warning in dict.fromkeys(text for model in saved.values() for text in model.warnings):
        print(f"warning: {warning}", file=sys.stderr)


def progress_bar(sequences: Sequence[sources.Sequence], n_models: int) -> tqdm:
    """A bar on stderr once the work takes longer than a second."""
    total = sum(len(sequence.data) for sequence in sequences) * n_models
    interval = 0.2 if sys.stderr.isatty() else 10
    return tqdm(total=total, unit="B", unit_scale=True, delay=1, mininterval=interval, file=sys.stderr)


def reporter(bar: tqdm) -> Progress:
    """Moves the bar on by what one call of analyse, which counts from 0, reports."""
    last = 0

    def report(done: int, _: int) -> None:
        nonlocal last
        bar.update(done - last)
        last = done

    return report
