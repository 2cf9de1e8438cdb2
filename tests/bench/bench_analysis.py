"""The commands of `python -m analysis` on a whole genome: time and peak memory of each call.

    python tests/bench/bench_analysis.py --genome GENOME.fa.gz --annotation GENOME.gff3.gz [--only WORDS]

Each call is a process of its own, as a person runs it: start, reading, work and writing count. Writes a section of
docs/analysis.md, "Size and speed: GENOME".
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
    "Each call is a process of its own, from start to file. `without models` puts random boundaries at the models' "
    "rate in their place: the analysis alone. MB is 1,000,000 bytes."
)


def measure(arguments: list[str]) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak resident MB of one call."""
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(PAGE.parents[1])}
    child = os.posix_spawn(sys.executable, [sys.executable, "-m", "analysis", *arguments], environment)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} failed")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def calls(genome: str, annotation: str, folder: Path) -> dict[str, list[str]]:
    """Title -> arguments of each call that is measured."""

    def call(command: str, models: tuple[str, ...], out: str, *options: str) -> list[str]:
        named = [part for model in models for part in ("--model", model)]
        return [command, genome, *named, "--out", str(folder / out), *options]

    enrich = ("--annotation", annotation, "--profiles", str(folder / "profiles.csv"))
    return {
        "boundaries, chunks as CSV": call("boundaries", MODELS[:1], "a.csv"),
        "boundaries, positions as bigWig": call("boundaries", MODELS[:1], "a.bw", "--table", "bytes"),
        "boundaries, both strands, Parquet": call("boundaries", MODELS[:1], "a.parquet", "--strand", "both"),
        "enrich with profiles, 1,000 shifts": call("enrich", MODELS[:1], "b.csv", *enrich),
        "the same without models": call("enrich", RULES[:1], "b.csv", *enrich),
        "compare, 2 models and 2 rules, 1,000 shifts": call("compare", (*MODELS, *RULES[:2]), "c.csv"),
        "compare, 4 segmentations without models": call("compare", RULES, "c.csv"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genome", metavar="FASTA", help="left out: nothing is measured")
    parser.add_argument("--annotation", metavar="GFF3")
    parser.add_argument("--only", default="", metavar="WORDS", help="calls whose title holds these words")
    args, _ = parser.parse_known_args()
    if not args.genome or not args.annotation:
        print("bench_analysis: give --genome and --annotation; no genome of that size is bundled")
        return
    about = machine()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for title, arguments in calls(args.genome, args.annotation, Path(folder)).items():
            if args.only in title:
                wall, work, memory = measure(arguments)
                rows.append([title, f"{wall:.0f}", f"{work:.0f}", f"{memory:.0f}"])
                print(*rows[-1], sep=", ", flush=True)
    name = Path(args.genome).name
    text = f"{about}\n\n`{name}`; models `{'`, `'.join(MODELS)}`. {ABOUT}\n\n"
    header = ["call", "seconds", "processor seconds", "peak MB"]
    write_section(f"Size and speed: {name.split('.')[0]}", text + table(header, rows), PAGE)


if __name__ == "__main__":
    main()
