"""python -m hnet_core.lab.device --minutes 10 --out DIR --data DIR: everything a short loan of a GPU is for.

Probe, proof, choice of kernels, figures, trainings; each step is a process with its own limit, the last one takes
what is left. With --rehearse the same on a CPU in a few minutes, which measures nothing.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hnet_core.commands import FAILED, Parser, run
from hnet_core.errors import InputError
from hnet_core.lab.device.choice import environment_for
from hnet_core.lab.device.steps import DONE, Ended, Step, read_json, run_step, write_ended
from hnet_core.lab.device.summary import summary

PACKAGE = "hnet_core.lab.device"
SECONDS = {"probe": 30.0, "proof": 170.0, "figures": 100.0}
REHEARSED = ("chunking",)
"""Operators whose tests a rehearsal runs."""


def main(argv: Sequence[str] | None = None) -> int:
    """0: every step is done; 1: one failed or ran out of time; 2: the call cannot be met."""
    return run(_main, argv)


def _main(argv: Sequence[str] | None) -> int:
    args = _parser().parse_args(argv)
    _check(args)
    began, out = time.monotonic(), args.out
    out.mkdir(parents=True, exist_ok=True)
    environment: dict[str, str] = {}
    ended: list[Ended] = []
    for step in steps(args):
        left = args.minutes * 60 - (time.monotonic() - began)
        ended.append(run_step(step, out, left, environment))
        write_ended(out, ended)
        print(f"{step.name}: {ended[-1].state} after {ended[-1].seconds:.0f} s", flush=True)
        if step.name == "proof":
            found = read_json(out / "proof.json")
            environment |= environment_for(found.get("failed", ()), device(args))
            print(f"kernels: {environment['HNET_KERNELS']}", flush=True)
    print(summary(out))
    return FAILED if any(each.state != DONE for each in ended) else 0


def device(args: argparse.Namespace) -> str:
    return "cpu" if args.rehearse else "cuda"


def steps(args: argparse.Namespace) -> list[Step]:
    """The steps in order, cut to those of --only."""
    where = ("--device", device(args))
    operators = ("--operators", *REHEARSED) if args.rehearse else ()
    rehearse = ("--rehearse", "--beside", "1") if args.rehearse else ()
    planned = [
        Step("probe", f"{PACKAGE}.probe", SECONDS["probe"], where),
        Step("proof", f"{PACKAGE}.proof", SECONDS["proof"], (*where, *operators)),
        Step("figures", f"{PACKAGE}.figures", SECONDS["figures"], where),
        Step("trainings", f"{PACKAGE}.trainings", None, (*where, "--data", str(args.data), *rehearse)),
    ]
    return [step for step in planned if not args.only or step.name in args.only]


def _check(args: argparse.Namespace) -> None:
    if args.minutes <= 0:
        raise InputError(f"--minutes {args.minutes:g} must be above 0")
    if not args.data.is_dir():
        raise InputError(f"--data {args.data}: no such folder; give the one that holds text, dna and code")
    if args.rehearse:
        return
    import torch

    if not torch.cuda.is_available():
        raise InputError("there is no CUDA device that torch can use; --rehearse does the same on a CPU")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog=f"python -m {PACKAGE}", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="all of the run together")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where findings go")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="training data")
    parser.add_argument("--rehearse", action="store_true", help="on a CPU, small and short")
    parser.add_argument("--only", nargs="+", choices=("probe", "proof", "figures", "trainings"), default=())
    return parser


if __name__ == "__main__":
    sys.exit(main())
