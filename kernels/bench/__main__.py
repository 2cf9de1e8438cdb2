"""python -m kernels.bench: the time of every kernel, its floor, plain torch and the published kernels, in one run."""

import argparse
import json
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from kernels import backend
from kernels.bench.measure import Other, Rates, Result, machine, others, rates, results
from kernels.bench.operators import BUNDLED, LARGE
from kernels.bench.peers import FOLDER, reach

SIZES = {"cpu": (BUNDLED,), "cuda": (LARGE, BUNDLED)}
HEADER = ("operator", "sizes", "ms", "floor ms", "share of floor", "eager ms")
BESIDE = ("operator", "sizes", "others", "forward ms", "backward ms")
FAILED, WRONG_CALL = 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """0: all measured; 1: a kernel of ours failed, or the file could not be written; 2: a call that cannot be met."""
    args = _parser().parse_args(argv)
    obstacle = _obstacle(args)
    if obstacle:
        return _say(obstacle, WRONG_CALL)
    if args.threads:
        torch.set_num_threads(args.threads)
    reach(args.peers or FOLDER)
    torch.manual_seed(0)
    try:
        about, limit = machine(args.device), rates(args.device)
        about |= {"rates": asdict(limit)}
        print(_caption(about, limit))
        found = _ours(args, about, limit) if args.only != "others" else []
        if args.only != "ours" and (args.device == "cuda" or args.peers):
            _beside(args, about | {"results": [asdict(r) for r in found]})
    except backend.BackendError as err:
        return _say(str(err), WRONG_CALL)
    except OSError as err:
        return _say(f"{args.json}: {err.strerror or err}", FAILED)
    return FAILED if any(result.ours is None for result in found) else 0


def _ours(args: argparse.Namespace, about: dict[str, object], limit: Rates) -> list[Result]:
    """Print and write what our kernels take, each as soon as it is known."""
    print(_line(HEADER), "|---|---|" + "---:|" * 4, sep="\n", flush=True)
    found: list[Result] = []
    for result in results(SIZES[args.device], args.device, limit):
        found.append(result)
        print(_row(result), flush=True)
        _write(args.json, about | {"results": [asdict(r) for r in found]})
    for note in dict.fromkeys(f"{r.op} ({r.sizes}): {text}" for r in found for text in r.notes):
        print(note)
    return found


def _beside(args: argparse.Namespace, about: dict[str, object]) -> None:
    """Print and write what others take for the same; what could not be measured says why."""
    print("\n" + _line(BESIDE), "|---|---|---|---:|---:|", sep="\n", flush=True)
    found: list[Other] = []
    for other in others(SIZES[args.device], args.device, args.seconds):
        found.append(other)
        print(_beside_row(other), flush=True)
        _write(args.json, about | {"others": [asdict(o) for o in found]})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kernels.bench", description=__doc__)
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=tuple(SIZES), default=default)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too, in seconds")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: torch's own)")
    parser.add_argument(
        "--peers",
        type=Path,
        metavar="DIR",
        help=f"where the published kernels are (default: {FOLDER.name}/ of the clone); on a CPU only if given",
    )
    parser.add_argument("--only", choices=("ours", "others"), help="our kernels alone, or the others alone")
    parser.add_argument(
        "--seconds", type=float, metavar="N", default=math.inf, help="after which no further other is begun"
    )
    return parser


def _obstacle(args: argparse.Namespace) -> str | None:
    """Why the call cannot be met; None if it can."""
    if args.device == "cuda" and not torch.cuda.is_available():
        return "--device cuda: torch finds no CUDA device; use --device cpu"
    if os.environ.get(backend.INTERPRETER) == "1":
        return f"{backend.INTERPRETER}=1 runs Triton's kernels in an interpreter, whose times mean nothing; unset it"
    if args.threads is not None and args.threads < 1:
        return f"--threads {args.threads}: at least 1"
    if args.peers and not args.peers.is_dir():
        return f"--peers {args.peers}: no such folder; python -m hnet_core.lab.device.peers makes it"
    if args.only == "others" and args.device == "cpu" and not args.peers:
        return "--only others: published kernels are for a GPU; on a CPU name their folder with --peers"
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
    name, sizes = f"{result.op}, {result.direction}", f"{result.sizes} (T {result.positions})"
    return _line((name, sizes, _milliseconds(result.ours), _milliseconds(result.floor), share, eager))


def _beside_row(other: Other) -> str:
    times = (_milliseconds(other.forward), _milliseconds(other.backward))
    return _line((other.op, other.sizes, other.other, *((other.obstacle, "") if other.obstacle else times)))


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.3f}"


def _write(path: Path | None, content: dict[str, object]) -> None:
    """The whole file or none: written beside its place, then moved there. Without a path nothing."""
    if path is None:
        return
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
