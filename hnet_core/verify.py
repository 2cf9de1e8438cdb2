"""python -m hnet_core.verify DIR...: the largest error of each quantity against golden vectors.

A folder may hold any part of them; what was not there to compare with is said.
"""

import argparse
import re
import sys
from pathlib import Path

import torch

from hnet_core.errors import HNetError, InputError
from hnet_core.golden import Check, Comparison, Golden


def summarise(results: list[Check]) -> list[Check]:
    """One line a kind of quantity: the check that came closest to its limit, or went furthest beyond it."""
    worst: dict[str, Check] = {}
    for check in results:
        kind = "gradients" if check.quantity.startswith("grad ") else _kind(check.quantity)
        if kind not in worst or _closeness(check) > _closeness(worst[kind]):
            worst[kind] = check
    return list(worst.values())


def _closeness(check: Check) -> float:
    return check.error / check.limit if check.limit else (float("inf") if check.error else 0.0)


def _kind(quantity: str) -> str:
    return re.sub(r"\[[^]]*\]|\d+", "", quantity)


def verify(folder: Path, device: str = "cpu") -> bool:
    """Print a line for each kind of quantity; True where all are within tolerance."""
    golden = Golden.read(folder, device)
    comparison = Comparison(golden)
    results = comparison.checks
    for check in summarise(results):
        verdict = "ok" if check.passed else "BEYOND TOLERANCE"
        print(f"{golden.name:12} {check.error:9.2e}  limit {check.limit:8.1e}  {verdict}  {check.quantity}")
    if comparison.absent:
        kinds = dict.fromkeys(
            "gradients" if name.startswith("grad ") else _kind(name) for name in comparison.absent
        )
        print(f"{golden.name}: not there, so not compared: {', '.join(kinds)}")
    failed = [check.quantity for check in results if not check.passed]
    if failed:
        print(f"{golden.name}: {len(failed)} of {len(results)} comparisons failed, first {failed[0]}")
    else:
        print(f"{golden.name}: all {len(results)} comparisons within tolerance")
    return not failed


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m hnet_core.verify", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="a folder of golden vectors")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="where the model runs (default: cpu)"
    )
    args = parser.parse_args(argv)
    try:
        if args.device == "cuda" and not torch.cuda.is_available():
            raise InputError(
                "--device cuda: this machine has no CUDA device that torch can use; leave the option out"
            )
        return 0 if all([verify(folder, args.device) for folder in args.folders]) else 1
    except HNetError as err:
        print(f"verify: {err}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
