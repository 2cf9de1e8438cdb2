"""docs/sweeps.md: every run of every sweep, and what its arms come to, from the figures that the sweeps left."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from hnet_core.lab.results.tables import table
from hnet_core.lab.success import figure, formula, in_words, wilson
from hnet_core.lab.sweep_file import SWEEPS, Arm, Sweep, SweepMember, read_sweep
from hnet_core.training.recipe import read_recipe

Run = Mapping[str, Any]
HEAD = """# Sweeps

Written by `make results` from the figures in `docs/results/sweeps/` (one file a run) and from the sweep files
(`hnet_core/lab/sweeps/`), which are written before anything is trained. Every run of a sweep is in its table; an
empty row is a run that has not come to its end. All figures are of validation data, by which recipes are chosen: what a
model is reported to do is measured on other data ([results.md](results.md)). Seconds are by the clock of a machine
that did other work too; kB/CPU s, kilobytes of training a second of one processor, hardly feels that.

    .venv/bin/python -m hnet_core.lab.sweep NAME --data DIR
"""


def write(docs: Path) -> None:
    """Write DOCS/sweeps.md by atomic rename."""
    parts = [HEAD]
    for path in sorted(SWEEPS.glob("*.json")):
        sweep = read_sweep(path)
        parts.append(section(sweep, read_runs(docs / "results" / "sweeps" / sweep.name, sweep)))
    partial = docs / ".sweeps.md.partial"
    partial.write_text("\n".join(parts), encoding="utf-8")
    partial.replace(docs / "sweeps.md")


def read_runs(folder: Path, sweep: Sweep) -> dict[str, Run]:
    """Figures by the name of the run, of those that have come to their end."""
    paths = {member.name: folder / f"{member.name}.json" for member in sweep.members()}
    return {
        name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.is_file()
    }


def section(sweep: Sweep, runs: Mapping[str, Run]) -> str:
    """A sweep: its question, its arms, its runs."""
    members = sweep.members()
    recipe = read_recipe(members[0].config, members[0].set)
    domain, depths = recipe.domain, {read_recipe(m.config, m.set).model.n_stages for m in members} - {0}
    rules = "; ".join(in_words(domain, depth) for depth in sorted(depths))
    keys = [limit.key for limit in formula(domain, max(depths, default=1))[0]]
    names = [limit.what for limit in formula(domain, max(depths, default=1))[0]]
    said = [f"## {sweep.name}\n", sweep.question, *([sweep.note] if sweep.note else [])]
    said.append(
        f"{len(runs)} of {len(members)} runs have come to their end. A success: {rules}. The interval of a share of "
        "successes is Wilson's, 95 %."
    )
    return (
        "\n\n".join(
            [*said, _arms(sweep, members, runs, names, keys), _runs(members, runs, names, keys)]
        ).replace("\n\n\n", "\n\n")
        + "\n"
    )


def _arms(
    sweep: Sweep,
    members: Sequence[SweepMember],
    runs: Mapping[str, Run],
    names: Sequence[str],
    keys: Sequence[str],
) -> str:
    head = ["arm", "runs", "bits a byte", "spread", "successes", "95 %", *names, "kB/CPU s", "MFLOPs a byte"]
    rows = []
    for arm in sweep.arms:
        of_arm = [member.name for member in members if member.arm == arm.name]
        rows.append(_arm(arm, [runs[name] for name in of_arm if name in runs], len(of_arm), keys))
    return table(head, rows)


def _arm(arm: Arm, runs: Sequence[Run], n: int, keys: Sequence[str]) -> list[str]:
    if not runs:
        return [arm.title, f"0 of {n}", *[""] * (6 + len(keys))]
    measured = [run for run in runs if run["tests"]]
    bits = [run["tests"][0]["bits_per_byte"] for run in measured]
    speeds = [run["kb_per_cpu_s"] for run in measured if run["kb_per_cpu_s"] is not None]
    judged = [run["success"] for run in runs if run["success"] is not None]
    low, high = wilson(sum(judged), len(judged)) if judged else (0, 0)
    return [
        runs[0]["title"],
        f"{len(runs)} of {n}",
        f"{mean(bits):.3f}" if bits else "",
        f"{stdev(bits):.3f}" if len(bits) > 1 else "",
        f"{sum(judged)} of {len(judged)}" if judged else "no router",
        f"{low:.0%} to {high:.0%}" if judged else "",
        *(_mean_figure(measured, key) for key in keys),
        f"{mean(speeds):.1f}" if speeds else "",
        f"{mean(run['mflops_per_byte'] for run in measured):.2f}" if measured else "",
    ]


def _mean_figure(runs: Sequence[Run], key: str) -> str:
    """Mean over the runs of a figure, a value a stage."""
    depth = min((len(run["tests"][0]["shares"]) for run in runs), default=0)
    shown = []
    for stage in range(depth):
        found = [figure(run["tests"][0]["shares"][stage], key) for run in runs]
        known = [value for value in found if value is not None]
        shown.append(_shown(mean(known), key) if known else "")
    return " / ".join(shown)


def _runs(
    members: Sequence[SweepMember], runs: Mapping[str, Run], names: Sequence[str], keys: Sequence[str]
) -> str:
    head = [
        "run",
        "seed",
        "order",
        "bits a byte",
        "bytes a chunk",
        *names,
        "success",
        "seconds",
        "kB/CPU s",
        "MFLOPs a byte",
    ]
    rows = [_run(member, runs.get(member.name), keys) for member in sorted(members, key=lambda m: m.name)]
    return table(head, rows)


def _run(member: SweepMember, run: Run | None, keys: Sequence[str]) -> list[str]:
    name = [f"`{member.arm}`", str(member.seed), str(member.data_seed)]
    if run is None:
        return [*name, *[""] * (6 + len(keys))]
    if not run["tests"]:
        return [*name, "diverged", *[""] * (1 + len(keys)), "no", *[""] * 3]
    test = run["tests"][0]
    return [
        *name,
        f"{test['bits_per_byte']:.3f}",
        " / ".join(f"{n:.2f}" for n in test["bytes_per_chunk"]) if test["shares"] else "",
        *(_mean_figure([run], key) for key in keys),
        {True: "yes", False: "no", None: ""}[run["success"]],
        f"{run['seconds']:.0f}",
        "" if run["kb_per_cpu_s"] is None else f"{run['kb_per_cpu_s']:.1f}",
        f"{run['mflops_per_byte']:.2f}",
    ]


def _shown(value: float, key: str) -> str:
    return f"{value:.2f}" if key.startswith("R_") else f"{value:.0%}"
