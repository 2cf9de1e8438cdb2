"""What kind of text the input is, so that a fitting model can be picked without asking."""

import re
from pathlib import Path

from analysis.inputs import guess_kind

DOMAINS = {
    "english": "English",
    "chinese": "Chinese",
    "code": "source code",
    "dna": "DNA",
    "text": "other text",
}
"""The domains a model can have, with the words the page uses for them."""

_SAMPLE = 65536
_CODE_SUFFIXES = {
    ".py",
    ".c",
    ".h",
    ".cc",
    ".cpp",
    ".js",
    ".ts",
    ".rs",
    ".go",
    ".java",
    ".sh",
    ".json",
    ".html",
}
_CODE_LINE = re.compile(
    r"^\s*(def |class |import |from \w+ import |return\b|if .*:$|for .*:$|#include|function |const |let |public |fn )"
    r"|[;{}]\s*$|^\s*[A-Za-z_][\w.]* = ",
)


def guess_domain(data: bytes, name: str = "") -> str:
    """A key of DOMAINS, from the file's name where that decides and the first 64 kB otherwise.

    Bare bases without a FASTA header count as text: they are pasted into the DNA tab with a header line.
    """
    if guess_kind(data[:_SAMPLE], name) == "dna":
        return "dna"
    if Path(name).suffix.lower() in _CODE_SUFFIXES:
        return "code"
    text = data[:_SAMPLE].decode("utf-8", "replace")
    letters = [char for char in text if char.isalpha()]
    if not letters:
        return "text"
    if sum("\u3400" <= char <= "\u9fff" for char in letters) > 0.2 * len(letters):
        return "chinese"
    lines = [line for line in text.splitlines() if line.strip()]
    if sum(bool(_CODE_LINE.search(line)) for line in lines) > 0.25 * len(lines):
        return "code"
    return "english" if sum(char.isascii() for char in letters) > 0.9 * len(letters) else "text"
