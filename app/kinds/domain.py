"""What kind of text the input is, so that a fitting model can be picked without asking."""

import re

from analysis.inputs.reading import Sequence, guess_kind
from app.kinds import languages
from app.kinds.english import is_english

DOMAINS = {
    "english": "English",
    "chinese": "Chinese",
    "code": "source code",
    "dna": "DNA",
    "text": "other text",
}
"""The domains a model can have, with the words the page uses for them."""

_SAMPLE = 65536
_CODE_LINE = re.compile(
    r"^\s*(def |class |import |from \w+ import |return\b|if .*:$|for .*:$|#include|function |const |let |public |fn )"
    r"|[;{}]\s*$|^\s*[A-Za-z_][\w.]* = ",
)


def guess_domain(data: bytes, name: str = "") -> str:
    """A key of DOMAINS, from the file's name where that decides and the first 64 kB otherwise.

    Bare bases without a FASTA header count as text here; kinds.bare_bases gives what people paste its header line.
    """
    if guess_kind(data[:_SAMPLE], name) == "dna":
        return "dna"
    if languages.by_name(name):
        return "code"
    text = data[:_SAMPLE].decode("utf-8", "replace")
    letters = [char for char in text if char.isalpha()]
    if not letters:
        return "text"
    if sum("\u3400" <= char <= "\u9fff" for char in letters) > 0.2 * len(letters):
        return "chinese"
    if languages.by_lines(text):
        return "code"
    lines = [line for line in text.splitlines() if line.strip()]
    if sum(bool(_CODE_LINE.search(line)) for line in lines) > 0.25 * len(lines):
        return "code"
    latin = sum(char.isascii() for char in letters) > 0.9 * len(letters)
    return "english" if latin and is_english(text) else "text"


def guess_language(data: bytes, name: str = "") -> str:
    """The programming language of what is known to be source code, or "" where nothing tells."""
    return languages.by_name(name) or languages.by_lines(
        data[:_SAMPLE].decode("utf-8", "replace"), languages.LEAST
    )


def kind_of(sequence: Sequence, domain: str = "") -> tuple[str, str]:
    """(domain, programming language or "") of an input; the domain is guessed unless it is given."""
    if sequence.kind == "dna":
        return "dna", ""
    guessed = domain or guess_domain(sequence.data, sequence.name)
    # What was read as text is no FASTA, whatever its name says.
    found = "text" if guessed == "dna" else guessed
    return found, guess_language(sequence.data, sequence.name) if found == "code" else ""


def saw(info: dict, language: str) -> bool:
    """Whether a model's data, as its model.json names them, hold a programming language."""
    return any(str(name).lower().startswith(f"{language.lower()}_") for name in info.get("data") or [])


def languages_of(info: dict) -> list[str]:
    """The programming languages that a model's data hold."""
    return [language for language in languages.SUFFIXES if saw(info, language)]


def unseen(info: dict, sequence: Sequence) -> str:
    """A sentence where a model of source code reads a language that it never saw, or ""."""
    if info.get("domain") != "code" or sequence.kind != "text":
        return ""
    domain, language = kind_of(sequence)
    learned = languages_of(info)
    if domain != "code" or not language or not learned or language in learned:
        return ""
    return f"This model never saw {language}; it was trained on {' and '.join(learned)}: expect noise."


def foreign(info: dict, sequence: Sequence, domain: str = "") -> str:
    """A sentence where a text is of another kind than a model was trained on, or "".

    domain  what the person says that the text is; else it is guessed. DNA read as text, and text as DNA, is told by
    the analysis itself
    """
    learned = info.get("domain", "")
    if learned not in ("english", "chinese", "code") or sequence.kind != "text":
        return ""
    found, language = kind_of(sequence, domain)
    if found == learned:
        return unseen(info, sequence)
    trained = " and ".join(languages_of(info)) if learned == "code" else ""
    looks = (
        f"looks like {language or DOMAINS[found]}"
        if found != "text"
        else f"does not look like {DOMAINS[learned]}"
    )
    return f"This model was trained on {trained or DOMAINS[learned]}; this input {looks}: expect noise."


def domain_line(domain: str, language: str, guessed: bool) -> str:
    """The domain of an input in words, or the programming language where it is known."""
    return (language or DOMAINS[domain]) + (" (guessed)" if guessed else "")
