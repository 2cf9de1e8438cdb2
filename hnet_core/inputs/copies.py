"""One transcript_id at several places of a sequence, as browsers write genes that lie there twice: told apart."""

import itertools
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from hnet_core.inputs.features import Feature

Span = tuple[int, int]
"""[start, end)"""


def name_copies_apart(features: Iterable[Feature]) -> None:
    """Give the parts of every further copy of a GTF transcript a parent of their own.

    Copies are apart where the file has a line `transcript` for each, or where what codes ends inside one exon and
    begins again inside the next: spliced parts reach the ends of their exons.
    """
    transcripts = defaultdict(list)
    for each in features:
        if each.source[1] == "gtf" and each.parent and each.kind != "gene":
            transcripts[each.sequence, each.strand, each.parent].append(each)
    for parts in transcripts.values():
        if len(parts) == 1:
            continue
        further = _copies(parts)
        for each in parts if further else ():
            n = bisect_right(further, each.start)
            if n:
                each.parent = f"{each.parent}@{n + 1}"


def _copies(parts: list[Feature]) -> list[int]:
    """Where the copies after the first begin, rising."""
    spans = sorted((each.start, each.end) for each in parts if each.kind in ("transcript", "mRNA"))
    if len(spans) > 1:
        apart = all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
        return [start for start, _ in spans[1:]] if apart else []
    exons = sorted((each.start, each.end) for each in parts if each.kind == "exon")
    coding = sorted((each.start, each.end) for each in parts if each.kind == "CDS")
    if len(exons) < 2 or len(coding) < 2:
        return []
    starts = [start for start, _ in coding]
    found = []
    for before, after in itertools.pairwise(exons):
        last, first = _held(before, reversed, coding, starts), _held(after, iter, coding, starts)
        if last and first and last[1] < before[1] and first[0] > after[0]:
            found.append(after[0])
    return found


def _held(
    exon: Span, in_turn: Callable[[list[Span]], Iterator[Span]], coding: list[Span], starts: list[int]
) -> Span | None:
    """The first coding part inside an exon, taken `in_turn`; starts: those of the coding parts."""
    here = coding[bisect_left(starts, exon[0]) : bisect_right(starts, exon[1])]
    return next((each for each in in_turn(here) if each[1] <= exon[1]), None)
