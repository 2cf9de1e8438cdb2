"""The commands of `python -m analysis`: boundaries and compare."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
from tqdm import tqdm

from analysis import sources
from analysis.agreement import compare_all
from analysis.chunks import summary_table
from analysis.export import OUT_SUFFIXES, TRACK_SUFFIXES, check_out, open_writer, write_table
from analysis.extract import Analysis, BoundaryModel, Progress, analyse, domain_warnings
from analysis.inputs import MAX_BYTES, collect_warnings, read_input
from hnet_core.errors import HNetError, InputError

BATCH_BYTES = 4_000_000
"""Sequences are analysed and written in groups of about so many bytes: tables of a genome never stand in memory."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 the work failed, 2 the call or its input was wrong."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except HNetError as err:
        return _failed(str(err), 2)
    except KeyboardInterrupt:
        return _failed("stopped; nothing was written", 1)
    except Exception as err:  # a person gets a line, not a traceback
        return _failed(f"the work failed: {type(err).__name__}: {err}", 1)
    return 0


def _failed(message: str, code: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m analysis", description="Chunk boundaries of H-Net models, as tables.")
    commands = parser.add_subparsers(required=True, metavar="boundaries|compare")
    boundaries = commands.add_parser("boundaries", help="where models cut inputs", allow_abbrev=False)
    boundaries.add_argument(
        "input", nargs="+", metavar="INPUT", help="text, code, FASTA or GenBank; .gz and .xz too"
    )
    boundaries.add_argument(
        "--table",
        choices=("chunks", "bytes"),
        default="chunks",
        help="a row a chunk (default), or a position",
    )
    boundaries.set_defaults(run=_boundaries)
    compare = commands.add_parser("compare", help="agreement of every pair of models", allow_abbrev=False)
    compare.add_argument("input", metavar="INPUT", help="text, code, FASTA or GenBank; .gz and .xz too")
    compare.add_argument("--tolerance", type=int, default=1, help="bytes apart that may pair off (default 1)")
    compare.add_argument("--shifts", type=int, default=1000, help="circular shifts over several records")
    compare.add_argument("--seed", type=int, default=0, help="of the shifts")
    compare.set_defaults(run=_compare)
    for command in (boundaries, compare):
        command.add_argument(
            "--model", action="append", required=True, metavar="NAME|DIR", help="may be repeated"
        )
        command.add_argument("--models", metavar="DIR", help="where models are found by name")
        command.add_argument("--out", required=True, metavar="FILE", help=f"one of {', '.join(OUT_SUFFIXES)}")
        command.add_argument(
            "--type", choices=("auto", "text", "dna"), default="auto", help="default: guessed"
        )
        command.add_argument(
            "--max-mb", type=_megabytes, default=MAX_BYTES, help="largest input, decompressed"
        )
    return parser


def _megabytes(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of MB, 1 or more")
    return int(text) * 2**20


def _boundaries(args: argparse.Namespace) -> None:
    _check_out(args.out, args.input)
    repeated = [name for name, n in Counter(args.model).items() if n > 1]
    if repeated:
        raise InputError(f"--model {repeated[0]} is given twice; name each model once")
    sequences = _read(args.input, args.type, args.max_mb)
    if Path(args.out).suffix.lower() in TRACK_SUFFIXES and any(s.kind != "dna" for s in sequences):
        raise InputError(
            f"{args.out}: {', '.join(TRACK_SUFFIXES)} are for DNA; write a text to .csv or .parquet"
        )
    models = _load(args.model, args.models)
    _warn(sequences, models.values())
    labels = list(models)
    summaries = []
    with open_writer(args.out) as writer, _progress(sequences, len(models)) as bar:
        for label, model in models.items():
            for batch in _batches(sequences):
                result = analyse(batch, model, _reporter(bar))
                writer.write(_labelled(result, args.table, label, labels))
                summaries.append(summary_table(result.boundaries, result.chunks).assign(model=label))
    _print_summary(pd.concat(summaries))
    print(f"wrote {args.out}")


def _compare(args: argparse.Namespace) -> None:
    _check_out(args.out, [args.input])
    if Path(args.out).suffix.lower() in TRACK_SUFFIXES:
        raise InputError(f"{args.out}: an agreement table has no positions; write it to .csv or .parquet")
    if len(args.model) < 2:
        raise InputError("compare needs at least two models; give --model once more")
    if args.tolerance < 0 or args.shifts < 1 or args.seed < 0:
        raise InputError("--tolerance and --seed must be 0 or more, --shifts 1 or more")
    sequences = _read([args.input], args.type, args.max_mb)
    models = [load_model(name, args.models) for name in args.model]
    _warn(sequences, models)
    labels = _labels(args.model, models)
    with _progress(sequences, len(models)) as bar:
        results = [analyse(sequences, model, _reporter(bar)) for model in models]
    results = [
        replace(r, model=replace(r.model, name=label)) for r, label in zip(results, labels, strict=True)
    ]
    table = compare_all(results, tolerance=args.tolerance, shifts=args.shifts, seed=args.seed)
    write_table(table, args.out)
    for row in table.itertuples():
        print(
            f"{row.model_a} stage {row.stage_a}, {row.model_b} stage {row.stage_b}: F1 {row.f1:.3f} "
            f"(chance {row.f1_chance:.3f}, best {row.f1_max:.3f}), F1* {row.f1_star:.3f}, "
            f"kappa {row.kappa:.3f}, p {row.p_value:.2g}"
        )
    print(f"wrote {args.out}")


def load_model(name: str, models_dir: str | None) -> BoundaryModel:
    """A model by name or folder; imported here because torch takes seconds that --help should not."""
    from hnet_core.boundaries import load_boundary_model

    return load_boundary_model(name, models_dir=models_dir)


def _load(names: Sequence[str], models_dir: str | None) -> dict[str, BoundaryModel]:
    models = [load_model(name, models_dir) for name in names]
    return dict(zip(_labels(names, models), models, strict=True))


def _labels(given: Sequence[str], models: Sequence[BoundaryModel]) -> list[str]:
    """What tables call the models: their names; as given on the command line where names are the same."""
    names = [model.name for model in models]
    return names if len(set(names)) == len(names) else list(given)


def _check_out(out: str, inputs: Sequence[str]) -> None:
    check_out(out)
    for path in inputs:
        if Path(out).exists() and Path(path).exists() and Path(out).samefile(path):
            raise InputError(f"--out {out} is an input; write to another file")


def _read(paths: Sequence[str], kind: str, max_bytes: int) -> list[sources.Sequence]:
    """The sequences of all files. Texts of the same file name are told apart by their paths."""
    read = [(path, sequence) for path in paths for sequence in read_input(path, kind, max_bytes=max_bytes)]
    counts = Counter(sequence.name for _, sequence in read)
    sequences, seen = [], {}
    for path, sequence in read:
        if sequence.kind == "text" and counts[sequence.name] > 1:
            sequence = replace(sequence, name=sources.source_name(path, path, ""))
        if sequence.name in seen:
            raise InputError(
                f"{sequence.name!r} is in {seen[sequence.name]} and in {path}; give every input once"
            )
        seen[sequence.name] = path
        sequences.append(sequence)
    return sequences


def _warn(sequences: Sequence[sources.Sequence], models: Sequence[BoundaryModel]) -> None:
    texts = [(s, replace(s, warnings=tuple(f"{s.name}: {w}" for w in s.warnings))) for s in sequences]
    shown = [named if s.kind == "text" else s for s, named in texts]
    for warning in collect_warnings(shown):
        print(f"warning: {warning}", file=sys.stderr)
    for model in models:
        for warning in domain_warnings(sequences, model):
            print(f"warning: {warning}", file=sys.stderr)


def _batches(sequences: Sequence[sources.Sequence]) -> Iterator[list[sources.Sequence]]:
    batch, size = [], 0
    for sequence in sequences:
        if batch and size + len(sequence.data) > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(sequence)
        size += len(sequence.data)
    yield batch


def _labelled(result: Analysis, table: str, label: str, labels: list[str]) -> pd.DataFrame:
    out = (result.chunks if table == "chunks" else result.boundaries).copy(deep=False)
    codes = np.full(len(out), labels.index(label))
    out.insert(0, "model", pd.Categorical.from_codes(codes, categories=labels))
    return out


def _print_summary(parts: pd.DataFrame) -> None:
    counts = ["n_bytes", "n_positions", "n_chunks"]
    for (model, stage), row in parts.groupby(["model", "stage"], sort=False)[counts].sum().iterrows():
        print(
            f"{model} stage {stage}: {row.n_bytes} bytes, {row.n_chunks} chunks, "
            f"{row.n_bytes / row.n_chunks:.2f} bytes a chunk, rate {row.n_chunks / row.n_positions:.3f}"
        )


def _progress(sequences: Sequence[sources.Sequence], n_models: int) -> tqdm:
    """A bar on stderr once the work takes longer than a second."""
    total = sum(len(sequence.data) for sequence in sequences) * n_models
    interval = 0.2 if sys.stderr.isatty() else 10
    return tqdm(total=total, unit="B", unit_scale=True, delay=1, mininterval=interval, file=sys.stderr)


def _reporter(bar: tqdm) -> Progress:
    """Moves the bar on by what one call of analyse, which counts from 0, reports."""
    last = 0

    def report(done: int, _: int) -> None:
        nonlocal last
        bar.update(done - last)
        last = done

    return report
