"""What the commands share: their options, reading inputs, tables by file, warnings, a progress bar."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from analysis.boundaries.by_file import Tables, parts
from analysis.boundaries.extract import BoundaryModel, Progress, domain_warnings
from analysis.boundaries.thresholds import Thresholds, parse_thresholds
from analysis.files.export import OUT_SUFFIXES, TRACK_SUFFIXES, check_out
from analysis.inputs import sources
from analysis.inputs.files import read_sequences
from analysis.inputs.reading import MAX_BYTES, collect_warnings
from analysis.references.names import PREFIX
from hnet_core.errors import InputError, one_line

if TYPE_CHECKING:
    import pandas as pd

    from analysis.files.saved_models import SavedModel


def add_inputs(
    command: argparse.ArgumentParser, what: str = "text, code, FASTA or GenBank", name: str = "INPUT"
) -> None:
    """The inputs, and how tables treat several."""
    command.add_argument(
        "input",
        nargs="+",
        metavar=name,
        help=f"{what}, .gz and .xz too; a folder (all files in it, hidden and binary ones left out), a .zip or a .tar, "
        "plain or compressed",
    )


def add_together(command: argparse.ArgumentParser) -> None:
    """--together, where a table counts over an input."""
    command.add_argument(
        "--together", action="store_true", help="count over all files as one; default: rows for each file"
    )


def add_models(command: argparse.ArgumentParser, required: bool = True) -> None:
    """--model, --models and --threshold."""
    command.add_argument(
        "--model",
        action="append",
        required=required,
        default=[],
        metavar="NAME|DIR",
        help=f"may be repeated; {PREFIX}KIND is a reference segmenter such as {PREFIX}words",
    )
    command.add_argument("--models", metavar="DIR", help="where models are found by name")
    command.add_argument(
        "--threshold",
        type=_thresholds,
        default=(),
        metavar="T[,T...]",
        help="cut where p is above T (the trained rule: above a half): one number for all stages, or one a stage, "
        "outermost first, empty for the trained rule (0.4,,0.7); inner stages are computed anew from the chunks that "
        "the outer ones then make; reference segmenters stay as they are",
    )


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
    add_max_mb(command)


def add_max_mb(command: argparse.ArgumentParser) -> None:
    """--max-mb."""
    command.add_argument(
        "--max-mb",
        type=megabytes,
        default=MAX_BYTES,
        help=f"most that all inputs may hold together, decompressed ({MAX_BYTES // 2**20})",
    )


def _thresholds(text: str) -> Thresholds:
    try:
        return parse_thresholds(text)
    except InputError as err:
        raise argparse.ArgumentTypeError(str(err)) from err


def threshold_text(thresholds: Thresholds) -> str:
    """As --threshold takes it, for provenance; "" is the trained rule."""
    return ",".join("" if each is None else str(each) for each in thresholds)


def whole(text: str, most: int = 2**31) -> int:
    """The type of an option: a whole number. Whether it may be 0 or less, the command says."""
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", text) or abs(int(text)) > most:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} must be a whole number up to {most:,}")
    return int(text)


def draws(text: str) -> int:
    """The type of an option: how many shifts, resamples or edits; all of a null stand in memory."""
    return whole(text, 1_000_000)


def megabytes(text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of MB, 1 or more")
    return int(text) * 2**20


def check_output(out: str, inputs: Sequence[str]) -> None:
    check_out(out)
    check_place(out, inputs)


def check_place(out: str, inputs: Sequence[str]) -> None:
    """InputError where what is written would be an input: of this call, or of the next on the same folder."""
    for path in filter(os.path.exists, inputs):
        if Path(out).exists() and Path(out).samefile(path):
            raise InputError(f"--out {out} is an input; write to another file")
        if Path(path).is_dir() and Path(path).resolve() in Path(out).resolve().parents:
            raise InputError(
                f"{out}: lies in the input folder {path}, where the next call would read it; write it elsewhere"
            )


def read_inputs(args: argparse.Namespace, kind: str | None = None) -> list[sources.Sequence]:
    """The sequences of all inputs; what is left out of folders and archives is said."""
    return read_sequences(args.input, kind or args.type, args.max_mb, tell)


def tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def tables_by_file(
    args: argparse.Namespace,
    sequences: Sequence[sources.Sequence],
    make: Callable[[list[int]], Mapping[str, "pd.DataFrame"]],
) -> Tables:
    """The tables of all parts (analysis.boundaries.by_file.parts); of several each is named on the screen.

    make  places of the sequences of a part -> output path -> its rows
    """
    tables, found = Tables(), parts(sequences, args.together)
    for name, places in found.items():
        if len(found) > 1:
            print(f"{name}:")
        try:
            tables.add(name, make(places))
        except InputError as err:
            raise InputError(f"{name}: {err}" if len(found) > 1 else str(err)) from err
    return tables


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
        print(f"warning: {one_line(warning)}", file=sys.stderr)
    for model in models:
        for warning in domain_warnings(sequences, model):
            print(f"warning: {one_line(warning)}", file=sys.stderr)


def print_run_warnings(saved: Mapping[str, "SavedModel"]) -> None:
    """Warnings about saved runs, once a run."""
    for warning in dict.fromkeys(text for model in saved.values() for text in model.warnings):
        print(f"warning: {one_line(warning)}", file=sys.stderr)


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
