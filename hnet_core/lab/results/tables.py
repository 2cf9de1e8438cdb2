"""Tables of docs/results.md, from collected experiments (collect.figures). A missing figure is an empty cell."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from statistics import mean
from typing import Any

from hnet_core.evaluate.perturbations import PERTURBATIONS

DOMAINS = {"english": "English", "chinese": "Chinese", "code": "Code (Python)", "dna": "DNA"}
HNET = "H-Net, 1 stage"
STABLE = 0.8
"""Share of a training before the learning rate falls."""
Run = Mapping[str, Any]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def bpb(run: Run, test: int = 0) -> float:
    return run["tests"][test]["bits_per_byte"]


def equal_flops(runs: Sequence[Run], titles: Mapping[str, Sequence[str]]) -> str:
    """A table a domain: bits per byte of every kind of model. titles: the rows of each domain, measured or not."""
    parts = []
    for domain, rows in titles.items():
        here = [run for run in runs if run["domain"] == domain]
        n_tests = max((len(run["tests"]) for run in here), default=1)
        names = [t["name"] for t in here[0]["tests"]] if here else ["held-out data"]
        head = ["model", *(f"bits per byte, {name}" for name in names), "seeds", "MB seen", "MFLOPs a byte"]
        lines = [_model(title, [run for run in here if run["title"] == title], n_tests) for title in rows]
        parts.append(
            f"### {DOMAINS[domain]}\n\n{table([*head, 'bytes a chunk'], lines)}\n\n{verdicts(here)}".rstrip()
        )
    return "\n\n".join(parts)


def _model(title: str, runs: Sequence[Run], n_tests: int) -> list[str]:
    if not runs:
        return [title, *[""] * (n_tests + 4)]
    values = [" / ".join(f"{bpb(run, k):.3f}" for run in runs) for k in range(n_tests)]
    first = runs[0]
    lengths = " / ".join(f"{n:.2f}" for n in first["tests"][0]["bytes_per_chunk"])
    seen = " / ".join(sorted({f"{run['bytes_seen'] / 1e6:.1f}" for run in runs}))
    seeds = ", ".join(str(run["seed"]) for run in runs)
    return [title, *values, seeds, seen, f"{first['flops_per_byte'] / 1e6:.2f}", lengths]


def verdicts(runs: Sequence[Run]) -> str:
    """Sentences that say where the H-Net is against each kind of model, means over seeds."""
    values = {title: mean(bpb(r) for r in group) for title, group in _by_title(runs)}
    ours = {title: value for title, value in values.items() if title in (HNET, "H-Net, 2 stages")}
    others = {title: value for title, value in values.items() if "H-Net" not in title}
    lines = []
    for title, value in ours.items():
        told = [
            f"{abs(value - v):.3f} {'below' if value < v else 'above'} {name}" for name, v in others.items()
        ]
        if told:
            lines.append(f"{title}: {', '.join(told)}.")
    return "\n".join(lines)


def _by_title(runs: Sequence[Run]) -> Iterable[tuple[str, list[Run]]]:
    ordered = sorted(runs, key=lambda run: run["title"])
    return [(title, list(group)) for title, group in groupby(ordered, key=lambda run: run["title"])]


def efficiency(runs: Sequence[Run]) -> str:
    """Bytes that isotropic models of DNA need for the validation bits per byte that the H-Net has before its decay."""
    dna = [run for run in runs if run["domain"] == "dna"]
    rows = []
    for ours in (run for run in dna if run["title"] == HNET):
        reached = before_decay(ours)
        for other in (run for run in dna if "H-Net" not in run["title"] and run["seed"] == ours["seed"]):
            if reached:
                rows.append(_efficiency_row(ours, other, *reached))
    head = ["H-Net seed", "bits per byte", "H-Net's MB", "compared with", "its MB for that value", "x"]
    return table(head, rows) if rows else ""


def _efficiency_row(ours: Run, other: Run, n_bytes: float, value: float) -> list[str]:
    needed = bytes_for(other, value)
    end = max(points(other))[0] * STABLE if points(other) else 0.0
    said = (
        [f"{needed / 1e6:.2f}", f"{needed / n_bytes:.2f}"]
        if needed
        else [
            f"not reached in {end / 1e6:.1f}",
            f"above {end / n_bytes:.2f}",
        ]
    )
    return [str(ours["seed"]), f"{value:.3f}", f"{n_bytes / 1e6:.2f}", other["title"], *said]


def points(run: Run) -> list[tuple[float, float]]:
    """(bytes, validation bits per byte) of a training."""
    curve = run["curve"]
    return [(n, v) for n, v in zip(curve["bytes"], curve["valid_bpb"], strict=True) if v is not None]


def before_decay(run: Run) -> tuple[float, float] | None:
    """The last validation before the learning rate falls."""
    stable = [point for point in points(run) if point[0] <= STABLE * run["curve"]["bytes"][-1]]
    return stable[-1] if stable else None


def bytes_for(run: Run, value: float) -> float | None:
    """Bytes after which a training, before its decay, first has at most `value`; between validations, linearly."""
    last = before_decay(run)
    stable = [point for point in points(run) if last and point[0] <= last[0]]
    if stable and stable[0][1] <= value:
        return stable[0][0]
    for (n, v), (n_next, v_next) in pairwise(stable):
        if v_next <= value:
            return n + (n_next - n) * (v - value) / (v - v_next)
    return None


def robustness(runs: Sequence[Run]) -> str:
    """Rise of the bits per byte when the characters are disturbed, a table a domain that was measured."""
    parts = []
    for domain, name in DOMAINS.items():
        here = [run for run in runs if run["domain"] == domain and run["tests"][0].get("robustness")]
        rows = [_disturbed(run) for run in here]
        if rows:
            parts.append(f"### {name}\n\n{table(['model', 'clean', *PERTURBATIONS, 'mean rise'], rows)}")
    return "\n\n".join(parts)


def _disturbed(run: Run) -> list[str]:
    test = run["tests"][0]
    clean, found = test["bits_per_byte"], test["robustness"]
    rises = [f"+{found[kind] - clean:.2f}" for kind in PERTURBATIONS]
    title = run["title"] if not run["seed"] else f"{run['title']} (seed {run['seed']})"
    return [title, f"{clean:.3f}", *rises, f"+{found['mean'] - clean:.3f}"]


def ablations(runs: Sequence[Run], titles: Sequence[str]) -> str:
    """Each switch against the base model of the same bytes, with what the boundaries of the last stage do."""
    base = [bpb(run) for run in runs if run["title"] == HNET]
    head = [
        "model",
        "seed",
        "bits per byte",
        "against base",
        "bytes a chunk",
        "word starts",
        "inside words",
        "all bytes",
    ]
    rows = []
    for title in titles:
        here = [run for run in runs if run["title"] == title]
        rows += [_ablation(run, mean(base) if base else None) for run in here] or [[title, *[""] * 7]]
    return table(head, rows)


def _ablation(run: Run, base: float | None) -> list[str]:
    test = run["tests"][0]
    shares = [
        " / ".join(f"{stage[kind]:.0%}" for stage in test["shares"])
        for kind in ("space_or_first_letter", "inside_word", "all")
    ]
    against = f"{bpb(run) - base:+.3f}" if base is not None else ""
    lengths = " / ".join(f"{n:.2f}" for n in test["bytes_per_chunk"])
    return [run["title"], str(run["seed"]), f"{bpb(run):.3f}", against, lengths, *shares]


def bundled(models: Sequence[Mapping[str, Any]]) -> str:
    """The models of the application, with their goals as model.json has them."""
    head = ["model", "MB seen", "bits per byte", "bytes a chunk", "goal", "reached", "met"]
    rows = []
    for info in models:
        goal = info.get("goal", {})
        met = {True: "yes", False: "no", None: ""}[goal.get("met")]
        lengths = " / ".join(f"{n:.2f}" for n in info["bytes_per_chunk"])
        facts = [
            f"`{info['name']}`",
            f"{info['bytes_seen'] / 1e6:.1f}",
            f"{info['bits_per_byte']:.3f}",
            lengths,
        ]
        rows.append([*facts, goal.get("goal", ""), goal.get("reached", ""), met])
    return table(head, rows)
