"""docs/speed.md: one section a benchmark, each with the machine and the date it was measured on."""

import datetime
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch

PAGE = Path(__file__).resolve().parents[2] / "docs" / "speed.md"
TITLE = (
    "For people who run the models: how fast they train and cut, and how much memory they take.\n\n"
    "# Speed and memory\n\n`make bench` measures all of this anew; `PYTHONPATH=. .venv/bin/python "
    "tests/bench/bench_NAME.py` measures one section.\n\nkB is 1000 bytes of input; the best of several rounds. `x`: "
    "how many times as fast this is as the column before it."
)


def machine() -> str:
    """One line: processor, threads, versions, date, and how busy the machine was with other work."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numba", "numpy"))
    load = os.getloadavg()[0]
    today = datetime.date.today().isoformat()
    return (
        f"{processor()}, {os.cpu_count()} CPUs, {torch.get_num_threads()} threads; "
        f"Python {platform.python_version()}, {versions}; {today}; load before the start {load:.1f}"
    )


def processor() -> str:
    """The processor's name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A markdown table; the first column is left-aligned, numbers are right-aligned."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def write_section(title: str, body: str, page: Path = PAGE) -> None:
    """Put a section into the page in place of the one of the same title; the others stay as they are."""
    head, *old = page.read_text(encoding="utf-8").split("\n## ") if page.exists() else [TITLE]
    sections = {text.split("\n", 1)[0]: text.split("\n", 1)[1].strip("\n") for text in old}
    sections[title] = body.strip("\n")
    text = (
        "\n\n".join([head.strip("\n"), *(f"## {name}\n\n{content}" for name, content in sections.items())])
        + "\n"
    )
    page.parent.mkdir(exist_ok=True)
    temporary = page.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(page)
