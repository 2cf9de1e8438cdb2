"""One transcript_id at several places of a sequence, as browsers write genes that lie there twice: told apart."""

import itertools
from collections import defaultdict
from collections.abc import Iterable

from hnet_core.inputs.features import Feature


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
        for each in parts:
            n = sum(each.start >= place for place in _copies(parts))
            if n:
                each.parent = f"{each.parent}@{n + 1}"


def _copies(parts: list[Feature]) -> list[int]:
    """Where the copies after the first begin."""
    spans = sorted((each.start, each.end) for each in parts if each.kind in ("transcript", "mRNA"))
    if len(spans) > 1:
        apart = all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
        return [start for start, _ in spans[1:]] if apart else []
    exons = sorted((each.start, each.end) for each in parts if each.kind == "exon")
    coding = sorted((each.start, each.end) for each in parts if each.kind == "CDS")
    if len(exons) < 2 or len(coding) < 2:
        return []
    found = []
    held = [[each for each in coding if start <= each[0] and each[1] <= end] for start, end in exons]
    for i in range(1, len(exons)):
        if held[i - 1] and held[i] and held[i - 1][-1][1] < exons[i - 1][1] and held[i][0][0] > exons[i][0]:
            found.append(exons[i][0])
    return found
