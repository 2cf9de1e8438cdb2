"""Places in a document at which boundaries are counted: words, characters, codon positions."""

import io
import re
import tokenize
from collections.abc import Mapping
from functools import partial

import numpy as np

from hnet_core.data.documents import Document
from hnet_core.landmarks.coding import CodingPart

# Bytes above 127 belong to letters nearly always; both markers are left out.
_WORD = re.compile(rb"[0-9A-Za-z_\x80-\xfd]+")
_AMBIGUOUS = 7
# A definition in the first column is hardly ever inside a string, so the tokenizer may start there.
_DEFINITION = re.compile(rb"^(?:class|def) \w+.*:$", re.MULTILINE)
_LAYOUT = (
    *(tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.COMMENT, tokenize.ENDMARKER),
)


def landmarks(
    document: Document, domain: str, annotation: Mapping[str, list[CodingPart]] | None
) -> dict[str, np.ndarray]:
    """The sites of a document: codon positions where an annotation is given, else words, for code Python tokens too."""
    if annotation is not None:
        return dna_landmarks(document, annotation)
    return text_landmarks(document.data) | (python_landmarks(document.data) if domain == "code" else {})


def text_landmarks(data: np.ndarray) -> dict[str, np.ndarray]:
    """Sites of a text, each as byte positions: a site is hit when any of its positions is a boundary.

    data (n,) uint8   returns name -> (sites, positions a site) int64
    A word is a run of letters, digits, underscores and non-ASCII bytes.
    """
    raw = data.tobytes()
    spans = np.array([m.span() for m in _WORD.finditer(raw)], dtype=np.int64).reshape(-1, 2)
    first, end = spans[:, 0], spans[:, 1]
    in_word = np.zeros(len(data) + 1, dtype=np.int64)
    in_word[first], in_word[end] = 1, -1
    inside = np.cumsum(in_word)[:-1].astype(bool)
    inside[first] = False
    spaced = first[(first > 0) & np.isin(data[first - 1], list(b" \t\n\r"))]
    trailing = (data & 0xC0) == 0x80
    leads = np.flatnonzero((data >= 0xC0) & ~trailing)
    return {
        "space_before_word": spaced[:, None] - 1,
        "first_letter": first[:, None],
        "space_or_first_letter": spaced[:, None] + [-1, 0],
        "inside_word": np.flatnonzero(inside)[:, None],
        "character_start": leads[:, None],
        "inside_character": np.flatnonzero(trailing)[:, None],
    }


def python_landmarks(data: np.ndarray) -> dict[str, np.ndarray]:
    """Where Python tokens start (the standard tokenizer's; comments and layout are none), shapes as in text_landmarks.

    Counted from the first definition in column 0 up to the first line that is not Python, so a piece of a file will do;
    a document without such a definition has no site.
    """
    raw, starts = data.tobytes(), []
    first = _DEFINITION.search(raw)
    if first:
        lines = list(io.StringIO(raw[first.start() :].decode("utf-8", errors="replace"), newline=""))
        begin = first.start() + np.cumsum([0, *(len(line.encode()) for line in lines)])
        try:
            for token in tokenize.generate_tokens(partial(next, iter(lines), "")):
                if token.type == tokenize.ERRORTOKEN:
                    break
                if token.type not in _LAYOUT:
                    row, column = token.start
                    starts.append(begin[row - 1] + len(lines[row - 1][:column].encode()))
        except (tokenize.TokenError, SyntaxError):
            pass  # A piece ends where it was cut.
    at = np.array([start for start in starts if start < len(data)], dtype=np.int64)
    # The white space before a token may be its start as well; after none, the token's own byte stands twice.
    before = np.where((at > 0) & np.isin(data[at - 1], list(b" \t\n\r")), at - 1, at)
    return {"token_start": at[:, None], "space_or_token_start": np.stack((before, at), axis=1)}


def dna_landmarks(document: Document, annotation: Mapping[str, list[CodingPart]]) -> dict[str, np.ndarray]:
    """Codon positions 1 to 3 of genes on the given strand and on the other one, and what lies outside all genes.

    Bases that two reading frames share, or that have no reading frame, are left out. Without any gene (an empty
    annotation) there is no landmark. Shapes as in text_landmarks.
    """
    if not annotation:
        return {}
    n, frame = len(document.data), np.zeros(len(document.data), dtype=np.int64)
    # Last what has no reading frame: it takes no other gene's positions away.
    for part in sorted(annotation.get(document.name, ()), key=lambda part: part.forward is None):
        low, high = max(part.start - document.start, 0), min(part.end - document.start, n)
        if low >= high:
            continue
        base = np.arange(low, high) + document.start
        origin = part.start + part.phase if part.forward else part.end - 1 - part.phase
        position = ((base - origin) if part.forward else (origin - base)) % 3 + (1 if part.forward else 4)
        here = frame[low:high]
        if part.forward is None:
            position = np.where(here == 0, _AMBIGUOUS, here)
        frame[low:high] = np.where((here == 0) | (here == position), position, _AMBIGUOUS)
    names = (
        "outside_genes",
        "codon_1",
        "codon_2",
        "codon_3",
        "reverse_codon_1",
        "reverse_codon_2",
        "reverse_codon_3",
    )
    return {name: np.flatnonzero(frame == code)[:, None] for code, name in enumerate(names)}
