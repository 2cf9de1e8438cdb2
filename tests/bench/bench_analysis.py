"""The commands of `python -m analysis` on a whole genome: time and peak memory of each call.

    python tests/bench/bench_analysis.py --genome GENOME.fa.gz --annotation GENOME.gff3.gz [--model NAME|DIR ...]
                                         [--only WORDS ...]

Each call is a process of its own, as a person runs it: start, reading, work and writing count. Writes a section of
docs/analysis.md, "Size and speed: GENOME". With --only the other rows of that section stay as they are.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from speed_page import machine, table, write_section

PAGE = Path(__file__).resolve().parents[2] / "docs" / "analysis.md"
MODELS = ("dna-1stage-seed1", "dna-1stage-seed0")
RULES = tuple(f"ref:random:0.3:{seed}" for seed in range(4))
"""Segmenters that cut as often as the models and cost nothing: what is left is the analysis itself."""
ABOUT = (
    "Each call is a process of its own, from start to file. The first model is the one where a call has one. `Without "
    "models` puts random boundaries at the models' rate in their place: the analysis alone. MB is 1,000,000 bytes."
)
HEADER = ["call", "seconds", "processor seconds", "peak MB"]


def measure(arguments: list[str]) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak resident MB of one call."""
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(PAGE.parents[1])}
    child = os.posix_spawn(sys.executable, [sys.executable, "-m", "analysis", *arguments], environment)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} failed")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def calls(genome: str, annotation: str, models: list[str], folder: Path) -> dict[str, list[str]]:
    """Title -> arguments of each call that is measured; the saved run is there once its own call is done."""

    def call(command: str, names: list[str], *options: str) -> list[str]:
        return [command, genome, *(part for name in names for part in ("--model", name)), *options]

    def out(name: str) -> tuple[str, str]:
        return "--out", str(folder / name)

    runs, one, n = folder / "runs", models[:1], len(models)
    saved = [part for run in sorted(runs.glob("*")) for part in ("--run", str(run))]
    enrich = ("--annotation", annotation, "--profiles", str(folder / "profiles.csv"), *out("b.csv"))
    return {
        "boundaries, chunks as CSV": call("boundaries", one, *out("a.csv")),
        "boundaries, positions as bigWig": call("boundaries", one, *out("a.bw"), "--table", "bytes"),
        "boundaries, both strands, Parquet": call("boundaries", one, *out("a.parquet"), "--strand", "both"),
        f"boundaries of {n} models, a saved run": call("boundaries", models, "--save-run", str(runs)),
        "enrich with profiles, 1,000 shifts": call("enrich", one, *enrich),
        "enrich with profiles, products in bf16": call("enrich", one, *enrich, "--matmul-precision", "bf16"),
        "enrich without models": call("enrich", list(RULES[:1]), *enrich),
        f"compare, {n} models of a saved run, 1,000 shifts": call("compare", [], *saved, *out("c.csv")),
        f"compare, {n} models read anew, 1,000 shifts": call("compare", models, *out("c.csv")),
        f"compare without models, {len(RULES)} segmentations": call("compare", list(RULES), *out("c.csv")),
    }


def rows_of(page: str, section: str) -> dict[str, list[str]]:
    """Title -> cells of each row that the section has now."""
    _, _, text = page.partition(f"## {section}\n")
    lines = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    return {row[0]: row for row in cells if row != HEADER and not row[0].startswith("---")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genome", metavar="FASTA", help="left out: nothing is measured")
    parser.add_argument("--annotation", metavar="GFF3")
    parser.add_argument("--model", action="append", metavar="NAME|DIR", help="may be repeated; bundled ones")
    parser.add_argument("--only", nargs="+", metavar="WORDS", help="calls whose title begins so")
    args, _ = parser.parse_known_args()
    if not args.genome or not args.annotation:
        print("bench_analysis: give --genome and --annotation; no genome of that size is bundled")
        return
    about, models = machine(), args.model or list(MODELS)
    name = Path(args.genome).name
    section = f"Size and speed: {name.split('.')[0]}"
    rows = rows_of(PAGE.read_text(encoding="utf-8"), section) if args.only else {}
    with tempfile.TemporaryDirectory() as folder:
        titles = list(calls(args.genome, args.annotation, models, Path(folder)))
        for title in titles:
            if not args.only or title.startswith(tuple(args.only)):
                arguments = calls(args.genome, args.annotation, models, Path(folder))[title]
                wall, work, memory = measure(arguments)
                rows[title] = [title, f"{wall:.0f}", f"{work:.0f}", f"{memory:.0f}"]
                print(*rows[title], sep=", ", flush=True)
    shown = ", ".join(f"`{Path(model).name}`" for model in models)
    text = f"{about}\n\n`{name}`; models {shown}. {ABOUT}\n\n"
    ordered = [rows[title] for title in titles if title in rows]
    write_section(section, text + table(HEADER, ordered), PAGE)


if __name__ == "__main__":
    main()
