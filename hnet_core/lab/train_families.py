"""Train, measure and bundle families of models: python -m hnet_core.lab.train_families FAMILY --data DIR.

A second call goes on where the first one stopped: trainings at their checkpoints, finished members are skipped.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hnet_core.allocator import keep_free_memory
from hnet_core.checkpoint import BUNDLED_MODELS, INFO, read_info
from hnet_core.commands import FAILED, Parser, run
from hnet_core.errors import HNetError, InputError
from hnet_core.lab.families import Member, choose
from hnet_core.shape_caches import bound_shape_caches
from hnet_core.training.checkpoints import FILE, read_progress
from hnet_core.training.recipe import read_recipe
from hnet_core.training.stopping import StopOnSignal

RUNS = Path(__file__).resolve().parents[2] / "runs"
FINISHED, STOPPED, BROKEN = "finished", "stopped", "failed"
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment of a training: one thread each, so that several share the cores."""
POLL = 0.2


@dataclass(frozen=True)
class Places:
    """Folders of data, of trainings and of bundled models, and the device that all use."""

    data: Path
    runs: Path
    out: Path
    device: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 all done, or stopped and saved; 1 a training failed; 2 wrong call."""
    return run(_main, argv)


def _main(argv: Sequence[str] | None) -> int:
    args = _parser().parse_args(argv)
    bound_shape_caches()
    keep_free_memory()
    if args.jobs < 1 or (args.bytes is not None and args.bytes < 1):
        raise InputError("--jobs and --bytes must be 1 or more")
    places = Places(Path(args.data), Path(args.runs), Path(args.out), args.device)
    members = [
        m if args.bytes is None else replace(m, bytes=args.bytes) for m in choose(args.family, args.only)
    ]
    for member in members:
        member.data.check(places.data)
    if args.measure:
        for member in members:
            measure_again(member, places)
        return 0
    with StopOnSignal() as stop:
        waiting = [m for m in members if not is_trained(m, places.runs)]
        ended = [keep(m, places) for m in members if m not in waiting and not stop()]
        if not args.finished_only:
            ended += train(waiting, places, args.jobs, stop)
        elif waiting:
            names = ", ".join(member.name for member in waiting)
            print(f"left out, not trained to the length of its recipe or of --bytes: {names}")
        if stop():
            print("stopped; the same command continues")
    return FAILED if BROKEN in ended else 0


def is_trained(member: Member, runs: Path) -> bool:
    """Whether its training has reached its length."""
    checkpoint = runs / member.run / FILE
    wanted = read_recipe(member.config, member.set).training.bytes if member.bytes is None else member.bytes
    return checkpoint.exists() and read_progress(checkpoint)["bytes"] >= wanted


def train(
    members: Sequence[Member],
    places: Places,
    jobs: int,
    stop: Callable[[], bool],
    finish: Callable[[Member, Places], str] | None = None,
) -> list[str]:
    """Train members, `jobs` of them next to one another, and `finish` (keep) each at its end; how those begun ended."""
    places.runs.mkdir(parents=True, exist_ok=True)
    waiting, running, ended = list(members), [], []
    while waiting or running:
        while waiting and len(running) < jobs and not stop():
            member = waiting.pop(0)
            running.append((member, _start(member, places, quiet=jobs > 1)))
        if stop():
            waiting.clear()
            for _, process in running:
                process.terminate()
        over = [(member, process) for member, process in running if process.poll() is not None]
        for member, process in over:
            running.remove((member, process))
            ended.append(_outcome(member, process, places, finish or keep))
            print(f"{member.name}: {ended[-1]}", flush=True)
        time.sleep(POLL)
    return ended


def _start(member: Member, places: Places, *, quiet: bool) -> subprocess.Popen:
    """Begin or continue a training. quiet: what it says goes into a file beside its folder."""
    print(f"{member.name}: training in {places.runs / member.run}", flush=True)
    call = [sys.executable, "-m", "hnet_core.training", *member.arguments(places.data, places.runs)]
    call += ["--device", places.device]
    environment = {**THREADS, **os.environ}
    if not quiet:
        return subprocess.Popen(call, env=environment)
    with (places.runs / f"{member.run}.log").open("a") as log:
        return subprocess.Popen(call, env=environment, stdout=log, stderr=log)


def _outcome(
    member: Member, process: subprocess.Popen, places: Places, finish: Callable[[Member, Places], str]
) -> str:
    if process.returncode == -signal.SIGTERM:
        return STOPPED  # Told to stop before it had begun to listen.
    if process.returncode:
        return BROKEN
    return finish(member, places) if is_trained(member, places.runs) else STOPPED


def keep(member: Member, places: Places) -> str:
    """Measure a trained member and bundle it, unless that was done; returns how it ended."""
    from hnet_core.lab.bundle import EVALUATION, bundle, is_current, measure, save_evaluation

    folder = places.runs / member.run
    try:
        if member.weights == "none":
            if not is_current(folder / EVALUATION, folder, member.data.tests):
                robust = member.table == "equal_flops" and not member.data.tests[0].annotation
                found = measure(
                    folder / "model", member.data.tests, places.data, device=device_of(places), robust=robust
                )
                save_evaluation(folder, found)
                print(f"{member.name}: {found[0].result.bits_per_byte:.4f} bits per byte", flush=True)
        elif not is_current(places.out / member.name / INFO, folder, member.data.tests):
            info = bundle(member, folder, places.data, places.out, device=device_of(places))
            print(f"{member.name}: {describe(info)}", flush=True)
    except HNetError as err:
        print(f"error: {member.name}: {err}", file=sys.stderr)
        return BROKEN
    return FINISHED


def measure_again(member: Member, places: Places) -> None:
    """Write the figures of a bundled model anew; one that is missing or has boundary weights alone is passed over."""
    from hnet_core.lab.bundle import refresh

    if read_info(places.out / member.name).get("weights") == "whole":
        print(
            f"{member.name}: {describe(refresh(member, places.data, places.out, device=device_of(places)))}",
            flush=True,
        )


def describe(info: dict) -> str:
    """A bundled model in a line."""
    goal = info["goal"]
    return (
        f"bundled, {info['bits_per_byte']:.3f} bits per byte after {info['bytes_seen'] / 1e6:.1f} MB; "
        f"goal {'met' if goal['met'] else 'missed'}: {goal['goal']} ({goal['reached']})"
    )


def device_of(places: Places) -> str:
    from hnet_core.training.distributed import processes

    with processes(places.device) as group:
        return str(group.device)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m hnet_core.lab.train_families", description=__doc__)
    parser.add_argument("family", help="english, chinese, code, dna, all, or experiments (docs/results.md)")
    parser.add_argument(
        "--data", required=True, help="folder with text, code and dna, as families.json names them"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these members alone")
    parser.add_argument("--bytes", type=int, help="length of each training, instead of its own")
    parser.add_argument("--jobs", type=int, default=1, help="trainings next to one another (default 1)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--runs", default=str(RUNS), help="folder of the trainings")
    parser.add_argument("--out", default=str(BUNDLED_MODELS), help="folder of the bundled models")
    parser.add_argument(
        "--finished-only", action="store_true", help="train nothing: measure and bundle what is finished"
    )
    parser.add_argument(
        "--measure", action="store_true", help="train nothing: write the figures of bundled models anew"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
