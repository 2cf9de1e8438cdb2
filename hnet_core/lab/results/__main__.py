"""Write docs/results.md, its plots, and docs/sweeps.md: python -m hnet_core.lab.results. What runs hold comes first."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hnet_core.checkpoint import BUNDLED_MODELS, model_names, read_info
from hnet_core.commands import Parser, run
from hnet_core.lab.families import Member, read_experiments
from hnet_core.lab.results import sweeps, tables
from hnet_core.lab.results.collect import CURVES, collect, read_all, read_curve
from hnet_core.lab.results.plots import draw
from hnet_core.lab.train_families import RUNS
from hnet_core.training.recipe import read_recipe

DOCS = Path(__file__).resolve().parents[3] / "docs"
WORDS = [
    ("valid_bpb", "bits per byte, held-out"),
    ("bytes_per_chunk_0", "bytes a chunk, stage 0"),
    ("space_or_first_letter_0", "share of word starts cut, stage 0"),
]
PANELS = {
    "english": WORDS,
    "chinese": [*WORDS[:2], ("inside_character_0", "places inside characters cut, stage 0")],
    "code": [*WORDS[:2], ("space_or_token_start_0", "share of token starts cut, stage 0")],
    "dna": [*WORDS[:2], ("codon_1_0", "first codon positions cut, stage 0")],
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run(_main, argv)


def _main(argv: Sequence[str] | None) -> None:
    args = _parser().parse_args(argv)
    docs, experiments = Path(args.docs), read_experiments()
    folder = docs / "results"
    folder.mkdir(parents=True, exist_ok=True)
    new = collect(experiments, Path(args.runs), folder)
    runs = read_all(folder, experiments)
    models = {name: Path(args.models) / name for name in model_names(args.models)}
    plots = draw_all(folder, runs, models)
    partial = docs / ".results.md.partial"
    partial.write_text(document(runs, experiments, models, plots), encoding="utf-8")
    partial.replace(docs / "results.md")
    sweeps.write(docs)
    print(
        f"{docs / 'results.md'}: {len(runs)} of {len(experiments)} experiments, {len(new)} of them collected now"
    )


def document(
    runs: Sequence[Mapping[str, Any]],
    experiments: Sequence[Member],
    models: Mapping[str, Path],
    plots: Sequence[str],
) -> str:
    """The text of docs/results.md."""
    flops = [r for r in runs if r["table"] == "equal_flops"]
    small = [r for r in runs if r["table"] == "ablations"]
    titles: dict[str, list[str]] = {domain: [] for domain in tables.DOMAINS}
    switches: list[str] = []
    for member in experiments:
        rows = switches
        if member.table == "equal_flops":
            rows = titles[read_recipe(member.config, member.set).domain]
        if member.title not in rows:
            rows.append(member.title)
    texts = {
        "flops": tables.equal_flops(flops, titles),
        "efficiency": tables.efficiency(flops),
        "robustness": tables.robustness(flops),
        "ablations": tables.ablations(small, switches),
        "bundled": tables.bundled([read_info(folder) for folder in models.values()]),
        "curves": "\n\n".join(f"![{tables.DOMAINS[d]}: curves](results/{d}.svg)" for d in plots),
    }
    template = (Path(__file__).parent / "results.md").read_text(encoding="utf-8")
    for name, text in texts.items():
        template = template.replace(f"{{{name}}}", text or "No training of this table has been measured yet.")
    return template


def draw_all(folder: Path, runs: Sequence[Mapping[str, Any]], models: Mapping[str, Path]) -> list[str]:
    """A plot a domain, of the equal-FLOPs experiments and the bundled models; returns the domains that have one."""
    drawn = []
    for domain, panels in PANELS.items():
        curves = {
            f"{r['title']}, seed {r['seed']}": r["curve"]
            for r in runs
            if (r["domain"], r["table"]) == (domain, "equal_flops")
        }
        for name, model in models.items():
            if read_info(model).get("domain") == domain and (model / CURVES).is_file():
                curves[name] = read_curve(model / CURVES)
        if curves:
            draw(folder / f"{domain}.svg", curves, panels)
            drawn.append(domain)
    return drawn


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m hnet_core.lab.results", description=__doc__)
    parser.add_argument("--runs", default=str(RUNS), help="folder of the trainings; may be missing")
    parser.add_argument("--models", default=str(BUNDLED_MODELS), help="folder of the bundled models")
    parser.add_argument("--docs", default=str(DOCS), help="where results.md and results/ are written")
    return parser


if __name__ == "__main__":
    sys.exit(main())
