"""python -m kernels.bench: the time of every kernel, its floor, plain torch and the published kernels, in one run."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from kernels import backend
from kernels.bench.measure import Rates, Result, machine, rates, results
from kernels.bench.operators import BUNDLED, LARGE

SIZES = {"cpu": (BUNDLED,), "cuda": (LARGE, BUNDLED)}
HEADER = (
    "operator",
    "sizes",
    "ms",
    "floor ms",
    "share of floor",
    "eager ms",
    "compiled ms",
    "peer ms",
    "peer",
)
FAILED, WRONG_CALL = 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """0: all measured; 1: a kernel of ours failed, or the file could not be written; 2: a call that cannot be met."""
    args = _parser().parse_args(argv)
    obstacle = _obstacle(args)
    if obstacle:
        return _say(obstacle, WRONG_CALL)
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    try:
        about, limit, found = machine(args.device), rates(args.device), []
        print(_caption(about, limit), _line(HEADER), "|---|---|" + "---:|" * 6 + "---|", sep="\n", flush=True)
        for result in results(SIZES[args.device], args.device, limit):
            found.append(result)
            print(_row(result), flush=True)
        for note in dict.fromkeys(f"{r.op} ({r.sizes}): {text}" for r in found for text in r.notes):
            print(note)
        if args.json:
            _write(args.json, about | {"rates": asdict(limit), "results": [asdict(r) for r in found]})
    except backend.BackendError as err:
        return _say(str(err), WRONG_CALL)
    except OSError as err:
        return _say(f"{args.json}: {err.strerror or err}", FAILED)
    return FAILED if any(result.ours is None for result in found) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kernels.bench", description=__doc__)
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=tuple(SIZES), default=default)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too, in seconds")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: torch's own)")
    return parser


def _obstacle(args: argparse.Namespace) -> str | None:
    """Why the call cannot be met; None if it can."""
    if args.device == "cuda" and not torch.cuda.is_available():
        return "--device cuda: torch finds no CUDA device; use --device cpu"
    if os.environ.get(backend.INTERPRETER) == "1":
        return f"{backend.INTERPRETER}=1 runs Triton's kernels in an interpreter, whose times mean nothing; unset it"
    if args.threads is not None and args.threads < 1:
        return f"--threads {args.threads}: at least 1"
    if args.json and (args.json.is_dir() or not args.json.absolute().parent.is_dir()):
        return f"--json {args.json}: not a file in a folder that exists"
    return None


def _say(message: str, code: int) -> int:
    print("error:", " ".join(message.split()), file=sys.stderr)
    return code


def _caption(about: dict[str, object], limit: Rates) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items() if number)
    driver = f", driver {about['driver']}, CUDA {about['cuda']}" if about["cuda"] else ""
    return (
        f"{about['device']}{driver}; {about['threads']} threads; Python {about['python']}, {versions}; "
        f"{about['date']}; load before the start {about['load_before']:.1f}.\n"
        f"Activations in {about['dtype']}; medians. Copies {limit.copied_bytes / 1e9:.1f} GB/s, "
        f"matrix products {limit.matmul_flops / 1e9:.0f} GFLOP/s.\n"
    )


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _row(result: Result) -> str:
    """One line of the table; what was not measured is empty."""
    eager = _milliseconds(result.eager)
    if eager and result.eager_positions != result.positions:
        eager += f" (T {result.eager_positions})"
    share = "" if result.fraction_of_floor is None else f"{result.fraction_of_floor:.2f}"
    peer_time = _milliseconds(result.peer_time)
    name, sizes = f"{result.op}, {result.direction}", f"{result.sizes} (T {result.positions})"
    times = (_milliseconds(result.ours), _milliseconds(result.floor), share, eager)
    return _line(
        (name, sizes, *times, _milliseconds(result.compiled), peer_time, result.peer if peer_time else "")
    )


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.3f}"


def _write(path: Path, content: dict[str, object]) -> None:
    """The whole file or none: written beside its place, then moved there."""
    handle, staged = tempfile.mkstemp(dir=path.absolute().parent, prefix=path.name, suffix=".tmp")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
        os.replace(staged, path)
    except BaseException:
        os.unlink(staged)
        raise


if __name__ == "__main__":
    sys.exit(main())
