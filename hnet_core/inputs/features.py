"""One feature of an annotation, and what follows from where its parts lie."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(slots=True)
class Feature:
    """A gene, a coding part, an exon ...: one interval, 0-based and half-open.

    phase       of a CDS part: bases to skip to the start of the next codon; -1: not known
    parent      the transcripts or genes that it belongs to, commas between them
    group       what the parts of one feature share (all CDS parts of one protein); several between commas
    rank        rises through the parts of a group in the order of transcription
    open_start  its first base, as transcribed, is not the feature's own: that lies beyond or is not known
    open_end    the same of its last base
    pseudo      of a pseudogene: it codes for nothing
    line        of the file, from 1; 0 where the file has no line for it
    tag         a second name

    Of use while a file is read:
    identity       its own ID
    protein        what tells one protein of a transcript from another
    number         the file's number of the part, 0 where it has none
    source         who annotated it, and in which dialect
    partial        the file says that an end is missing, not which
    trans_spliced  its parts need not be in the order of their places
    """

    sequence: str
    kind: str
    name: str
    start: int
    end: int
    strand: str
    phase: int = -1
    parent: str = ""
    group: str = ""
    rank: int = 0
    open_start: bool = False
    open_end: bool = False
    pseudo: bool = False
    line: int = 0
    tag: str = ""
    identity: str = ""
    protein: str = ""
    number: int = 0
    source: tuple[str, str] = ("", "")
    partial: bool = False
    trans_spliced: bool = False

    def first(self) -> int:
        """Where its transcription begins, on an axis that rises in the direction of transcription."""
        return -self.end if self.strand == "-" else self.start

    def last(self) -> int:
        """Where its transcription ends, on the same axis."""
        return -self.start if self.strand == "-" else self.end

    def parents(self) -> list[str]:
        """What `parent` lists."""
        return self.parent.split(",")


def coding_phases(lengths: Sequence[int], first: int = 0) -> list[int]:
    """The phase of every part of a CDS: bases to skip to the start of the next codon.

    lengths  of the parts in the order of transcription; introns, an origin or a slip may lie between them
    first    phase of the first part
    """
    phases, before = [], 0
    for length in lengths:
        phases.append((first - before) % 3)
        before += length
    return phases


def around_origins(features: Iterable[Feature], rings: Mapping[str, int]) -> list[Feature]:
    """Features that pass the end of a ring go on at its start: two parts, each with its own phase.

    rings  length of every circular sequence; a feature that lies past the end whole is put where it is
    """
    found = []
    for feature in features:
        ring = rings.get(feature.sequence, 0)
        if ring and feature.start >= ring:
            feature.start, feature.end = feature.start - ring, feature.end - ring
        if ring and ring < feature.end <= 2 * ring:
            found += _two_parts(feature, ring)
        else:
            found.append(feature)
    return found


def _two_parts(feature: Feature, ring: int) -> tuple[Feature, Feature]:
    """Before and behind the origin."""
    before, behind = replace(feature, end=ring), replace(feature, start=0, end=feature.end - ring)
    # The part read second goes on in the codon that the part read first has begun.
    first, second = (behind, before) if feature.strand == "-" else (before, behind)
    second.rank, first.open_end, second.open_start = first.rank + 1, False, False
    if feature.phase >= 0:
        second.phase = coding_phases([first.end - first.start, 0], first.phase)[1]
    return before, behind
