"""Places in a document at which boundaries are counted: words, characters, codon positions."""

import io
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from hnet_core.data.documents import Document, open_data
from hnet_core.errors import InputError
from hnet_core.inputs.annotation_lines import line_features
from hnet_core.inputs.names import meeting, of_another_genome, some
from hnet_core.inputs.text import plain_text

# Bytes above 127 belong to letters nearly always; both markers are left out.
_WORD = re.compile(rb"[0-9A-Za-z_\x80-\xfd]+")
_AMBIGUOUS = 7
# A definition in the first column is hardly ever inside a string, so the tokenizer may start there.
_DEFINITION = re.compile(rb"^(?:class|def) \w+.*:$", re.MULTILINE)
_LAYOUT = (
    *(tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.COMMENT, tokenize.ENDMARKER),
)


@dataclass(frozen=True)
class CodingPart:
    """One part of a coding sequence: 0-based half-open, phase = bases before the next whole codon as it is read.

    forward  on the given strand; None: not known, or of a pseudogene, and then its bases have no codon position
    """

    start: int
    end: int
    forward: bool | None
    phase: int


def landmarks(
    document: Document, domain: str, annotation: Mapping[str, list[CodingPart]] | None
) -> dict[str, np.ndarray]:
    """The sites of a document: codon positions where an annotation is given, else words, for code Python tokens too."""
    if annotation is not None:
        return dna_landmarks(document, annotation)
    return text_landmarks(document.data) | (python_landmarks(document.data) if domain == "code" else {})


def followed(domain: str) -> tuple[str, ...]:
    """The sites whose shares tell how the boundaries of a training develop."""
    if domain == "dna":
        return "codon_1", "codon_2", "codon_3"
    more = {"chinese": ("inside_character",), "code": ("space_or_token_start",)}
    return "space_or_first_letter", "inside_word", *more.get(domain, ())


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


def codon_strength(shares: Mapping[str, float], *, forward: bool) -> float | None:
    """Rayleigh's R of boundaries over the three codon positions of the genes on one strand: 0 where all three are cut
    alike, 1 where one alone is. None: the shares know no such genes, or no position is ever cut.

    shares  of one stage, as evaluate gives them: boundaries over bases of each position, so unequal counts of bases do
            not matter
    """
    name = "codon" if forward else "reverse_codon"
    rates = [shares.get(f"{name}_{k}") for k in (1, 2, 3)]
    if None in rates or not sum(rates):
        return None
    return float(abs(np.dot(rates, np.exp(2j * np.pi * np.arange(3) / 3))) / sum(rates))


def read_coding_parts(path: str | Path, records: Iterable[str]) -> dict[str, list[CodingPart]]:
    """The CDS parts of a GFF3, GTF or BED file (.gz and .xz too) on these records, under the records' names.

    Names meet as in the analysis: 1 is chr1, NC_000913 is NC_000913.3. A part of unknown strand, or of a pseudogene,
    has no reading frame. Raises InputError naming the line that is wrong, or when nothing lies on the records.
    """
    with open_data(Path(path)) as stream:
        data = plain_text(stream.read(), str(path))
    if data[:64].lstrip().startswith(b"LOCUS "):
        raise InputError(f"{path}: is a GenBank file; give the annotation as GFF3, GTF or BED")
    features, notes = line_features(data, str(path))
    for note in notes:
        print(f"warning: {note}", file=sys.stderr)
    coding = [each for each in features if each.kind == "CDS"]
    if not coding:
        raise InputError(f"{path}: holds no CDS line; give the GFF3 annotation of the sequence")
    theirs, ours = dict.fromkeys(each.sequence for each in features), list(dict.fromkeys(records))
    names = meeting(theirs, ours)
    if not names:
        raise InputError(of_another_genome(str(path), theirs, ours))
    parts: dict[str, list[CodingPart]] = defaultdict(list)
    for each in coding:
        if each.sequence in names:
            unread = each.pseudo or each.strand == "."
            forward = None if unread else each.strand == "+"
            parts[names[each.sequence]].append(CodingPart(each.start, each.end, forward, max(0, each.phase)))
    if not parts:
        raise InputError(f"{path}: no CDS line lies on {some(ours)}; give the annotation of these sequences")
    return dict(parts)


def how_far(shares: Mapping[str, float], domain: str) -> str:
    """What boundaries follow: "words", "characters" (Chinese), "codons" (DNA), or "early" while they follow nothing.

    words       at least half of the words start with a boundary, and letters inside words are twice as rarely one
    characters  the first byte of a character is at least twice as likely a boundary as its other bytes
    codons      the likeliest codon position is at least twice as likely a boundary as the rarest
    """
    if domain == "dna":
        codon = [shares.get(f"codon_{k}", 0.0) for k in (1, 2, 3)]
        return "codons" if max(codon) > 0 and max(codon) >= 2 * min(codon) else "early"
    if domain == "chinese":
        start, inside = shares.get("character_start", 0.0), shares.get("inside_character", 0.0)
        return "characters" if start > 0 and start >= 2 * inside else "early"
    at_words = max(shares.get("space_before_word", 0.0), shares.get("first_letter", 0.0))
    return "words" if at_words >= 0.5 and at_words >= 2 * shares.get("inside_word", 0.0) else "early"


def in_words(stages: Sequence[Mapping[str, float]], domain: str) -> tuple[str, str]:
    """How far a model has learned: the first stage that follows something decides, and a plain sentence about it.

    stages  shares of each stage, outermost first      returns how_far's word for it, and the sentence
    """
    found = [how_far(shares, domain) for shares in stages]
    stage = next((s for s, what in enumerate(found) if what != "early"), 0)
    learned, shares = found[stage], stages[stage]
    if domain == "dna":
        percent = " / ".join(f"{100 * shares.get(f'codon_{k}', 0):.0f}" for k in (1, 2, 3))
        seen = (
            f"it starts a chunk at {percent} % of first, second and third codon positions of forward genes."
        )
        like = "codon-like"
    elif domain == "chinese":
        seen = _seen(shares, "character_start", "first bytes of characters", "characters")
        like = "character-like"
    else:
        seen = _seen(shares, "space_before_word", "spaces before words", "words")
        like = "word-like"
    verdict = f"Early, not yet {like}" if learned == "early" else f"Follows {learned}"
    return learned, f"{verdict}: at stage {stage} {seen}"


def _seen(shares: Mapping[str, float], kind: str, places: str, whole: str) -> str:
    at, inside = (f"{100 * shares.get(each, 0):.0f} %" for each in (kind, f"inside_{whole[:-1]}"))
    return f"it starts a chunk at {at} of the {places} and {inside} of the places inside {whole}."
