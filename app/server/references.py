"""What models are compared with on the page: rules, random places, and byte pairs learned from the input itself."""

from collections.abc import Sequence
from typing import Any

from analysis.boundaries.extract import Analysis, Progress, analyse
from analysis.inputs import reading
from analysis.references.byte_pairs import learned_units
from analysis.references.names import PREFIX, is_reference, segmenter
from analysis.references.units import Segmenter
from app.kinds.domain import DOMAINS, kind_of
from app.server.session import Session
from hnet_core.errors import InputError

BYTE_PAIRS = f"{PREFIX}byte-pairs"
_VOCABULARY = 512
_TITLES = {
    f"{PREFIX}words": "words, spaces and signs (Unicode)",
    f"{PREFIX}spaces": "white space",
    f"{PREFIX}sentences": "sentences (Unicode)",
    f"{PREFIX}characters": "characters",
    BYTE_PAIRS: f"byte pairs (BPE, {_VOCABULARY} entries, learned from this input)",
    f"{PREFIX}python-tokens": "Python tokens",
    f"{PREFIX}python-statements": "Python statements",
    f"{PREFIX}codons": "codons, frame 0",
    f"{PREFIX}codons:1": "codons, frame 1",
    f"{PREFIX}codons:2": "codons, frame 2",
    f"{PREFIX}kmers:6": "words of 6 bases",
    f"{PREFIX}fixed:5": "every 5 bytes",
    f"{PREFIX}random:0.2": "random places, 1 in 5",
}
"""No reference of this list reads a file or a model: a name that came from elsewhere is refused."""
_OF_DNA = (f"{PREFIX}codons", f"{PREFIX}kmers")
_OF_PYTHON = f"{PREFIX}python"
_OF_TEXT = (f"{PREFIX}words", f"{PREFIX}spaces", f"{PREFIX}sentences")


def choices() -> list[tuple[str, str]]:
    """(title, name) of the references to pick from."""
    return [(title_of(name), name) for name in _TITLES]


def title_of(name: str) -> str:
    """What the page calls a reference, in lists, legends and tables alike."""
    return f"reference: {_TITLES[name]}"


def reference(name: str, sequences: Sequence[reading.Sequence]) -> Segmenter:
    """The reference of that name; byte pairs are learned from the sequences."""
    if name not in _TITLES:
        raise InputError(f"no reference named {name!r}; there are {', '.join(_TITLES)}")
    if name == BYTE_PAIRS:
        texts = [each.data.decode("utf-8", "ignore") for each in sequences]
        return Segmenter(name, title_of(name), learned_units(texts, _VOCABULARY))
    return Segmenter(name, title_of(name), segmenter(name).cut)


def misplaced(name: str, sequence: reading.Sequence) -> str:
    """A sentence where a reference is made for another kind of input than this one, or ""."""
    domain, language = kind_of(sequence)
    if name.startswith(_OF_DNA) and domain != "dna":
        return f"The reference {_TITLES[name]} is made for DNA; this input looks like {language or DOMAINS[domain]}."
    if name.startswith(_OF_PYTHON) and (domain != "code" or language not in ("Python", "")):
        return f"The reference {_TITLES[name]} is made for Python; this input looks like {language or DOMAINS[domain]}."
    if name.startswith(_OF_TEXT) and domain == "dna":
        return f"The reference {_TITLES[name]} is made for text; this input is DNA."
    return ""


def run(
    session: Session, sequences: Sequence[reading.Sequence], name: str, progress: Progress | None = None
) -> Analysis:
    """A model or a reference over the sequences."""
    if is_reference(name):
        return analyse(sequences, reference(name, sequences), progress)
    return session.analyse(list(sequences), name, progress)


def infos(analyses: Sequence[Analysis]) -> dict[str, dict[str, Any]]:
    """model.json of each, by name, for groups; a reference's says no domain."""
    return {each.model.name: dict(each.model.info) for each in analyses}
