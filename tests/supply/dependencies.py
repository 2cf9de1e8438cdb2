"""docs/dependencies.md: every package that requirements.txt brings, with its licence, and why the direct ones are here.

PYTHONPATH=. .venv/bin/python tests/supply/dependencies.py writes it anew from what is installed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements.txt"
PAGE = ROOT / "docs" / "dependencies.md"
ALLOWED = {
    *(
        "Apache-2.0",
        "MIT",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "PSF-2.0",
        "Python-2.0",
        "CNRI-Python",
        "0BSD",
    ),
    *("HPND", "MIT-CMU", "BSL-1.0", "Zlib", "CC0-1.0", "Unlicense", "MPL-2.0", "LLVM-exception", "BSD"),
    "LicenseRef-Biopython-License-Agreement",
}
"""Parts of licences that packages may have. MPL binds changes of the package itself alone; none is changed. "BSD": the
package does not say which of them. Biopython's own is as free as these."""
_CUDA = re.compile(r"(nvidia|cuda)-")
"""Libraries of NVIDIA, which the CUDA build of torch brings; that of the CPU has none."""
_WORDS = {
    "apache": "Apache-2.0",
    "mit": "MIT",
    "bsd 3": "BSD-3-Clause",
    "bsd-3": "BSD-3-Clause",
    "3-clause": "BSD-3-Clause",
    "bsd 2": "BSD-2-Clause",
    "bsd": "BSD",
    "mozilla": "MPL-2.0",
    "mpl": "MPL-2.0",
    "python software foundation": "PSF-2.0",
    "isc": "ISC",
    "historical permission": "HPND",
    "unlicense": "Unlicense",
}
"""What older packages write -> the name of the licence."""


@dataclass(frozen=True)
class Package:
    """reason: why a direct dependency is here, empty for what others bring; brought_by: those that need it."""

    name: str
    version: str
    licence: str
    reason: str
    brought_by: tuple[str, ...]


def direct() -> dict[str, str]:
    """Name -> reason, as requirements.txt gives them, for this platform."""
    found = {}
    for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        text, _, reason = line.partition("#")
        if text.strip():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate():
                found[canonicalize_name(requirement.name)] = reason.strip()
    return found


def packages() -> list[Package]:
    """All that is installed because of requirements.txt, by name."""
    reasons, brought, waiting = direct(), {}, [(name, frozenset()) for name in direct()]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        brought.setdefault(name, set())
        for needed in _needed(name, extras):
            other = canonicalize_name(needed.name)
            if _CUDA.match(other):
                continue
            brought.setdefault(other, set()).add(name)
            waiting.append((other, frozenset(needed.extras)))
    return [
        Package(
            name,
            metadata.version(name),
            licence_of(name),
            reasons.get(name, ""),
            tuple(sorted(brought[name])),
        )
        for name in sorted(brought)
    ]


def _needed(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def licence_of(name: str) -> str:
    """By the metadata: the expression, else the classifiers, else the field License."""
    about = metadata.metadata(name)
    if about.get("License-Expression"):
        return about["License-Expression"]
    classifiers = [
        c.split("::")[-1].strip() for c in about.get_all("Classifier") or () if c.startswith("License ::")
    ]
    for text in [*(c for c in classifiers if c != "OSI Approved"), about.get("License") or ""]:
        first = text.strip().splitlines()[0] if text.strip() else ""
        found = next((licence for word, licence in _WORDS.items() if word in first.lower()), "")
        if found:
            return found
    return "unknown"


def parts(licence: str) -> list[str]:
    """The licences that an expression is made of."""
    return [part for part in re.split(r"\s+(?:AND|OR|WITH)\s+|[()\s]+", licence) if part]


def page(found: list[Package]) -> str:
    """The document."""
    lines = [
        "For people who install or audit the program: what comes with it, and under which licence.",
        "",
        "# Dependencies",
        "",
        "Every package that `requirements.txt` brings on Linux, with its licence; written by",
        "`tests/supply/dependencies.py`. A test fails where a package comes that is not here, or a licence that is not",
        "among those allowed there. Direct ones are pinned; versions of the others are those of the last writing.",
        "The CUDA build of torch brings libraries of NVIDIA under NVIDIA's own licences; they are not listed.",
        "",
        "## Direct",
        "",
        "| package | version | licence | why |",
        "|---|---|---|---|",
        *(f"| {p.name} | {p.version} | {p.licence} | {p.reason} |" for p in found if p.reason),
        "",
        "## Brought by these",
        "",
        "| package | version | licence | brought by |",
        "|---|---|---|---|",
        *(
            f"| {p.name} | {p.version} | {p.licence} | {', '.join(p.brought_by)} |"
            for p in found
            if not p.reason
        ),
        "",
    ]
    return "\n".join(lines)


def listed() -> dict[str, str]:
    """Package -> licence, as the document has them."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \| [^|]*\|$", PAGE.read_text(encoding="utf-8"), re.M)
    return {name: licence for name, licence in rows if name != "package"}


if __name__ == "__main__":
    PAGE.write_text(page(packages()), encoding="utf-8")
