"""Gold words: CoNLL-U treebanks -> texts and where their words start.

The texts are put together from the tokens (FORM, SpaceAfter and SpacesAfter in MISC), so that every offset is exact.
A word of several syntactic words (an id range, `3-4 zum`) is one surface token; where its parts spell it out (`can` +
`not`) the seams inside are known too.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from analysis import sources
from analysis.segmentations import Segmentation, segmentation_of
from analysis.segmenters import Cut, known_units
from analysis.sources import MAX_BYTES, Source, read_bytes, source_name
from hnet_core.errors import InputError

COLUMNS = 10
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)")
_ESCAPES = {"s": " ", "t": "\t", "n": "\n", "r": "\r", "p": "|", "\\": "\\"}


@dataclass(frozen=True)
class GoldText:
    """One document of a treebank.

    words     (K,) byte offsets at which surface tokens start, rising
    seams     (J,) byte offsets inside surface tokens at which their second and further syntactic words start
    unplaced  words of several syntactic words that do not spell them out (`zum` = `zu` + `dem`)
    """

    sequence: sources.Sequence
    words: np.ndarray
    seams: np.ndarray
    unplaced: int


@dataclass
class _Token:
    form: str
    after: str
    parts: list[str] = field(default_factory=list)
    last: int = 0
    """Id of its last syntactic word."""


def read_conllu(source: Source, name: str | None = None, max_bytes: int = MAX_BYTES) -> list[GoldText]:
    """The documents of a treebank (`# newdoc`; without such lines the whole file is one), plain, .gz or .xz.

    Raises InputError with the line for what is not CoNLL-U.
    """
    shown = source_name(source, name, "treebank")
    data = read_bytes(source, shown, max_bytes)
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as err:
        raise InputError(f"{shown}: is not UTF-8 at byte {err.start}; CoNLL-U files are UTF-8") from err
    texts = [_gold_text(tokens, f"{shown}:{i}") for i, tokens in enumerate(_documents(lines, shown), 1)]
    if not texts:
        raise InputError(f"{shown}: holds no token; give a CoNLL-U treebank")
    return texts


def gold_segmentation(texts: Sequence[GoldText], syntactic: bool = False) -> Segmentation:
    """The words as a segmentation of the texts; with the seams inside surface tokens where `syntactic`."""
    starts = [np.union1d(text.words, text.seams) if syntactic else text.words for text in texts]
    lengths = [len(text.sequence.data) for text in texts]
    name = "gold syntactic words" if syntactic else "gold words"
    return segmentation_of(name, [at[at > 0] for at in starts], lengths)


def gold_units(path: str) -> Cut:
    """A reference segmenter of the texts of a treebank, and of no others."""
    known = {text.sequence.data: text.words for text in read_conllu(path)}

    unknown = f"ref:gold:{path} has no words for this input: it is not a text of that treebank"
    return known_units(known, unknown)


def is_conllu(path: str | Path) -> bool:
    """By the suffix; a .gz or .xz behind it does not count."""
    suffixes = [s.lower() for s in Path(path).suffixes if s.lower() not in (".gz", ".xz")]
    return suffixes[-1:] == [".conllu"]


def _documents(lines: Iterable[str], shown: str) -> Iterator[list[_Token]]:
    document: list[_Token] = []
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\r")
        if line.startswith("# newdoc") and document:
            yield document
            document = []
        elif line.startswith("# newpar") and document:
            document[-1].after = "\n"
        elif line and not line.startswith("#"):
            _add(document, line.split("\t"), f"{shown}, line {number}")
        elif not line and document:
            document[-1].last = 0  # ids begin anew behind a sentence
    if document:
        yield document


def _add(document: list[_Token], columns: list[str], where: str) -> None:
    """Take one line of ten columns: a token, a range, a word of a range, or an empty node (8.1), which has no text."""
    first, dash, last = columns[0].partition("-")
    if len(columns) != COLUMNS or not (first.replace(".", "", 1).isdigit() and (not dash or last.isdigit())):
        raise InputError(
            f"{where}: {' '.join(columns)[:40]!r} is not a CoNLL-U token (ten columns between tabs, the first a number "
            "or a range); give a CoNLL-U treebank"
        )
    if not columns[1]:
        raise InputError(f"{where}: the token has no form")
    if "." in first:
        return
    if document and not dash and int(first) <= document[-1].last:
        document[-1].parts.append(columns[1])
        return
    document.append(_Token(columns[1], _space_after(columns[9])))
    if dash:
        document[-1].last = int(last)


def _space_after(misc: str) -> str:
    values = dict(pair.partition("=")[::2] for pair in misc.split("|"))
    if "SpacesAfter" in values:
        return _ESCAPE.sub(_unescaped, values["SpacesAfter"])
    return "" if values.get("SpaceAfter") == "No" else " "


def _unescaped(match: re.Match) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)


def _gold_text(tokens: list[_Token], name: str) -> GoldText:
    text, at, unplaced = bytearray(), [], 0
    seams: list[int] = []
    for token in tokens:
        at.append(len(text))
        if token.parts and "".join(token.parts) == token.form:
            sizes = [len(part.encode()) for part in token.parts[:-1]]
            seams += (len(text) + np.cumsum(sizes)).tolist()
        else:
            unplaced += len(token.parts) > 0
        text += (token.form + token.after).encode()
    data = bytes(text[: len(text) - len(tokens[-1].after.encode())])
    sequence = sources.Sequence(name, data)
    return GoldText(sequence, np.array(at, np.int64), np.array(seams, np.int64), unplaced)
