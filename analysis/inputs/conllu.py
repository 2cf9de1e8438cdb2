"""Gold words: CoNLL-U treebanks -> texts and where their words start.

The texts are put together from the tokens, so that every offset is exact: FORM, and in MISC SpaceAfter, SpacesAfter,
SpacesBefore, SpacesInToken (the token with the white space it has in the text) and NewPar. White space that MISC says
stands as it is; where it says none, a paragraph (`# newpar`, NewPar=Yes) begins a line, other words follow a space.
A word of several syntactic words (an id range, `3-4 zum`) is one surface token; where its parts spell it out (`can` +
`not`) the seams inside are known too.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import numpy as np

from analysis.inputs import sources
from analysis.inputs.sources import MAX_BYTES, Source, read_bytes, source_name
from hnet_core.errors import InputError
from hnet_core.suffixes import suffix_of

COLUMNS = 10
_ID = re.compile(r"[0-9]{1,9}(-[0-9]{1,9}|\.[0-9]{1,9})?")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)")
_PARAGRAPH = "\n"
_SPACES = ("SpacesAfter", "SpacesBefore", "SpacesInToken")
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
    """form is its text; `said` the white space behind it where MISC tells, `before` what stands before it."""

    form: str
    said: str | None
    glued: bool
    """SpaceAfter=No."""
    before: str = ""
    paragraph: bool = False
    """Whether it begins one."""
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


def is_conllu(path: str | Path) -> bool:
    """By the suffix."""
    return suffix_of(path) == ".conllu"


def _documents(lines: Iterable[str], shown: str) -> Iterator[list[_Token]]:
    document: list[_Token] = []
    paragraph = False
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\r")
        if line.startswith("# newdoc") and document:
            yield document
            document = []
        elif line.startswith("# newpar"):
            paragraph = True
        elif line and not line.startswith("#"):
            n_tokens = len(document)
            _add(document, line.split("\t"), f"{shown}, line {number}")
            if len(document) > n_tokens:
                document[-1].paragraph |= paragraph
                paragraph = False
        elif not line and document:
            document[-1].last = 0  # ids begin anew behind a sentence
    if document:
        yield document


def _add(document: list[_Token], columns: list[str], where: str) -> None:
    """Take one line of ten columns: a token, a range, a word of a range, or an empty node (8.1), which has no text."""
    first, dash, last = columns[0].partition("-")
    if len(columns) != COLUMNS or not _ID.fullmatch(columns[0]):
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
    document.append(_token(columns[1], columns[9], where))
    if dash:
        document[-1].last = int(last)


def _token(form: str, misc: str, where: str) -> _Token:
    values = dict(pair.partition("=")[::2] for pair in misc.split("|"))
    spaces = {key: _unescaped(values[key], where) for key in _SPACES if key in values}
    return _Token(
        spaces.get("SpacesInToken") or form,
        spaces.get("SpacesAfter"),
        values.get("SpaceAfter") == "No",
        spaces.get("SpacesBefore", ""),
        values.get("NewPar") == "Yes",
    )


def _unescaped(text: str, where: str) -> str:
    """White space as MISC writes it; two escapes may be the halves of one character."""
    plain = _ESCAPE.sub(lambda match: _character(match[1]), text)
    try:
        return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError as err:
        raise InputError(
            f"{where}: {text!r} holds half of a surrogate pair, which is no character; write both halves or none"
        ) from err


def _character(code: str) -> str:
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)


def _between(token: _Token, following: _Token) -> str:
    """The white space between two tokens."""
    if token.said is not None:
        return token.said + following.before
    if following.paragraph:
        return following.before if _PARAGRAPH in following.before else _PARAGRAPH + following.before
    return ("" if token.glued else " ") + following.before


def _gold_text(tokens: list[_Token], name: str) -> GoldText:
    """What stands behind the last token is left out: a text ends with a word."""
    text, at, unplaced = bytearray(tokens[0].before.encode()), [], 0
    seams: list[int] = []
    for token, following in zip_longest(tokens, tokens[1:]):
        at.append(len(text))
        inside = _seams(token)
        unplaced += inside is None
        seams += [len(text) + seam for seam in inside or ()]
        text += token.form.encode()
        text += b"" if following is None else _between(token, following).encode()
    sequence = sources.Sequence(name, bytes(text))
    return GoldText(sequence, np.array(at, np.int64), np.array(seams, np.int64), unplaced)


def _seams(token: _Token) -> list[int] | None:
    """Bytes of the token at which its second and further words start; None where they do not spell it out."""
    found, end = [], 0
    for part in token.parts:
        start = token.form.find(part, end)
        if start < 0 or token.form[end:start].strip():
            return None
        found.append(len(token.form[:start].encode()))
        end = start + len(part)
    return None if token.parts and token.form[end:].strip() else found[1:]
