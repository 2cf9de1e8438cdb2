"""The commands of `python -m analysis` on a whole bacterial genome: time and peak memory of each call.

    python tests/bench/bench_analysis.py --genome GENOME.fa.gz --annotation GENOME.gff3.gz [--model NAME]

Each call is a process of its own, as a person runs it: start, reading, work and writing count. Writes the section
"Size and speed" of docs/analysis.md.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from speed_page import machine, table, write_section

PAGE = Path(__file__).resolve().parents[2] / "docs" / "analysis.md"
MODEL = "dna-1stage-seed1"


def measure(arguments: list[str]) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak resident MB of one call."""
    start = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, "-m", "analysis", *arguments], os.environ)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} failed")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3


def calls(genome: str, annotation: str, model: str, folder: Path) -> dict[str, list[str]]:
    """Title -> arguments of each call that is measured."""
    common = ["--model", model, "--out"]
    bytes_table = ["--table", "bytes"]
    return {
        "boundaries, chunks as CSV": ["boundaries", genome, *common, str(folder / "a.csv")],
        "boundaries, positions as bigWig": [
            "boundaries",
            genome,
            *common,
            str(folder / "a.bw"),
            *bytes_table,
        ],
        "boundaries, both strands, Parquet": [
            "boundaries",
            genome,
            *common,
            str(folder / "a.parquet"),
            "--strand",
            "both",
        ],
        "enrich with profiles": [
            "enrich",
            genome,
            "--annotation",
            annotation,
            *common,
            str(folder / "b.csv"),
            "--profiles",
            str(folder / "p.csv"),
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genome", metavar="FASTA", help="left out: nothing is measured")
    parser.add_argument("--annotation", metavar="GFF3")
    parser.add_argument("--model", default=MODEL)
    args, _ = parser.parse_known_args()
    if not args.genome or not args.annotation:
        print("bench_analysis: give --genome and --annotation; no genome of that size is bundled")
        return
    about = machine()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for title, arguments in calls(args.genome, args.annotation, args.model, Path(folder)).items():
            wall, work, memory = measure(arguments)
            rows.append([title, f"{wall:.0f}", f"{work:.0f}", f"{memory:.0f}"])
    text = f"{about}\n\n`{Path(args.genome).name}`, model `{args.model}`; each call a process of its own.\n\n"
    header = ["call", "seconds", "processor seconds", "peak MB"]
    write_section("Size and speed", text + table(header, rows), PAGE)
    print(table(header, rows))


if __name__ == "__main__":
    main()
