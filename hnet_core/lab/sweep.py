"""Train and measure all arms of a sweep: python -m hnet_core.lab.sweep NAME --data DIR.

A sweep is a file (hnet_core/lab/sweeps/NAME.json) that is written before it runs: arms, seeds, data orders, the
measure. A second call goes on where the first one stopped. Figures are those of validation data: a sweep chooses.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from hnet_core.allocator import keep_free_memory
from hnet_core.commands import FAILED, Parser, run
from hnet_core.errors import HNetError, InputError
from hnet_core.lab.families import Member
from hnet_core.lab.success import success
from hnet_core.lab.sweep_file import Sweep, SweepMember, find_sweep
from hnet_core.lab.train_families import BROKEN, FINISHED, RUNS, Places, device_of, is_trained, train
from hnet_core.shape_caches import bound_shape_caches
from hnet_core.training.checkpoints import FILE, read_progress
from hnet_core.training.divergence import DIVERGED
from hnet_core.training.lock import sole_writer
from hnet_core.training.recipe import read_recipe
from hnet_core.training.stopping import StopOnSignal

DOCS = Path(__file__).resolve().parents[2] / "docs"
PINNED = "sweep.json"
"""The sweep as it was when its folder was begun; all that is trained there belongs to it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 all done, or stopped and saved; 1 a training failed; 2 wrong call."""
    return run(_main, argv)


def _main(argv: Sequence[str] | None) -> int:
    args = _parser().parse_args(argv)
    bound_shape_caches()
    keep_free_memory()
    if args.jobs < 1 or (args.bytes is not None and args.bytes < 1):
        raise InputError("--jobs and --bytes must be 1 or more")
    sweep = find_sweep(args.sweep)
    members = sweep.members(args.only, args.bytes)
    members[0].data.check(Path(args.data))
    name = sweep.name if args.bytes is None else f"{sweep.name}.rehearsal"
    folder = Path(args.runs) / name
    # A rehearsal is no result: its figures stay with its runs.
    figures = folder / "figures" if args.bytes is not None else Path(args.docs) / "results" / "sweeps" / name
    with ExitStack() as held:
        pin(folder, sweep, args.bytes, held)
        return _run(sweep, members, Places(Path(args.data), folder, figures, args.device), args)


def pin(folder: Path, sweep: Sweep, n_bytes: int | None, held: ExitStack) -> None:
    """Begin or take up the folder of a sweep, and hold it. Raises InputError, before anything is written, for one that
    is another sweep's."""
    path = folder / PINNED
    content = dict(sweep.raw) | ({"rehearsal_bytes": n_bytes} if n_bytes is not None else {})
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; give another --runs")
    if path.exists():
        try:
            other = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as err:
            raise InputError(f"{path}: cannot be read as JSON ({err}); give another --runs") from err
        if other != content:
            raise InputError(
                f"{folder}: holds the runs of another sweep, or of this one before its file was changed; give the "
                "changed sweep a name of its own, or another --runs"
            )
    elif folder.exists():
        known = {member.run for member in sweep.members()}
        stranger = next(
            (each.name for each in folder.iterdir() if each.is_dir() and each.name not in known), None
        )
        if stranger:
            raise InputError(
                f"{folder}: holds {stranger}, which is no run of sweep {sweep.name}; give another --runs"
            )
    folder.mkdir(parents=True, exist_ok=True)
    held.enter_context(sole_writer(folder))
    if not path.exists():
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.replace(path)


def _run(sweep: Sweep, members: Sequence[SweepMember], places: Places, args: argparse.Namespace) -> int:
    def finish(member: Member, places: Places) -> str:
        return record(sweep, member, places)

    with StopOnSignal() as stop:
        waiting = [m for m in members if not (is_trained(m, places.runs) or has_diverged(m, places.runs))]
        ended = [finish(m, places) for m in members if m not in waiting and not stop()]
        if not args.finished_only:
            ended += train(waiting, places, args.jobs, stop, finish)
            ended += [finish(m, places) for m in waiting if has_diverged(m, places.runs)]
        elif waiting:
            print(f"left out, not trained to their length: {', '.join(member.name for member in waiting)}")
        if stop():
            print("stopped; the same command continues")
    print(f"{sweep.name}: {ended.count(FINISHED)} of {len(members)} measured, figures in {places.out}")
    return FAILED if BROKEN in ended else 0


def has_diverged(member: Member, runs: Path) -> bool:
    """Whether its training ended before its length because its loss was no longer a number, or exploded."""
    return (runs / member.run / DIVERGED).exists() and not is_trained(member, runs)


def record(sweep: Sweep, member: SweepMember, places: Places) -> str:
    """Measure a finished training on validation data and write its figures, unless that was done; how it ended. One
    that diverged is no success, and says so."""
    from hnet_core.lab.bundle import is_current, measure, write_json

    folder, path = places.runs / member.run, places.out / f"{member.name}.json"
    try:
        if has_diverged(member, places.runs):
            why = (folder / DIVERGED).read_text(encoding="utf-8").strip().partition(";")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, {**facts(sweep, member), "success": False, "diverged": why, "tests": []})
            print(f"{member.name}: diverged at {why}", flush=True)
        elif not is_current(path, folder, member.data.valid):
            found = measure(folder / "model", member.data.valid, places.data, device=device_of(places))
            content = figures(sweep, member, folder, [each.to_dict() for each in found])
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, content)
            said = {True: "success", False: "no success", None: "no router"}[content["success"]]
            print(
                f"{member.name}: {content['tests'][0]['bits_per_byte']:.4f} bits per byte, {said}", flush=True
            )
    except HNetError as err:
        print(f"error: {member.name}: {err}", file=sys.stderr)
        return BROKEN
    return FINISHED


def figures(sweep: Sweep, member: SweepMember, folder: Path, tests: list[dict]) -> dict:
    """A run as the table of its sweep needs it. tests: what was measured on validation data, the first of which judges.

    seconds, cpu_seconds, kb_per_cpu_s  of the training steps; by the clock, and of this process alone, which other work
                                        on the machine hardly changes (None on a device, which works beside it)
    processor                           of the machine that measured
    mflops_per_byte                     forward
    """
    from hnet_core.checkpoint import read_info
    from hnet_core.lab.bundle import SAME
    from hnet_core.lab.results.collect import flops_of

    recipe, info = read_recipe(member.config, member.set), read_info(folder / "model")
    progress = read_progress(folder / FILE)
    cpu = progress.get("cpu_seconds")
    return {
        **facts(sweep, member),
        "title": info.get("title", member.title),
        **{key: info.get(key) for key in SAME},
        "n_parameters": info["n_parameters"],
        "success": success(recipe.domain, tests[0]["shares"]),
        "seconds": round(progress["seconds"], 1),
        "cpu_seconds": None if cpu is None else round(cpu, 1),
        "kb_per_cpu_s": None if cpu is None else round(progress["bytes"] / max(cpu, 1e-9) / 1000, 2),
        "processor": processor(),
        "mflops_per_byte": round(flops_of(recipe, folder, tests) / 1e6, 4),
        "tests": tests,
    }


def facts(sweep: Sweep, member: SweepMember) -> dict:
    """What a run is, without anything measured."""
    return {
        "sweep": sweep.name,
        "arm": member.arm,
        "title": member.title,
        "recipe": member.recipe,
        "changes": list(member.set),
        "domain": read_recipe(member.config, member.set).domain,
        "seed": member.seed,
        "data_seed": member.data_seed,
    }


def processor() -> str:
    """Its name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m hnet_core.lab.sweep", description=__doc__)
    parser.add_argument("sweep", help="name of a sweep of the project, or path of a file")
    parser.add_argument(
        "--data", required=True, help="folder with text, code and dna, as families.json names them"
    )
    parser.add_argument("--runs", default=str(RUNS), help="trainings go to RUNS/NAME/ARM_sSEED_oORDER")
    parser.add_argument("--docs", default=str(DOCS), help="figures go to DOCS/results/sweeps/NAME")
    parser.add_argument("--jobs", type=int, default=1, help="trainings next to one another (default 1)")
    parser.add_argument("--only", nargs="+", default=[], metavar="ARM", help="these arms alone")
    parser.add_argument(
        "--finished-only", action="store_true", help="train nothing: measure what is finished"
    )
    parser.add_argument(
        "--bytes", type=int, help="a rehearsal of this length, in a folder of its own, without results"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    return parser


if __name__ == "__main__":
    sys.exit(main())
