"""Coding parts put together: which lines are parts of one protein, which are proteins of their own."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from hnet_core.inputs.features import Feature, coding_phases
from hnet_core.inputs.places import Places

SLIP = 10
"""Bases; parts that overlap or lie apart by fewer are read on over a slip of the ribosome."""

Coding = dict[tuple, list[Feature]]
"""Key of a protein -> its parts, in the order of the file. The first two of a key are its sequence and parent."""


def proteins(features: Iterable[Feature]) -> Coding:
    """The CDS parts of every protein.

    GFF3 tells the parts of one feature by their common ID. Where the IDs under one parent are all different, the
    file may have numbered the parts of one protein: then they are one if they can be spliced into one. GTF has the
    transcript, and perhaps the protein. A part that several transcripts share is one of each of their proteins.
    """
    exons: dict[tuple[str, str], list[Feature]] = defaultdict(list)
    under: dict[tuple[str, str], list[Feature]] = defaultdict(list)
    for each in features:
        if each.kind in ("exon", "CDS"):
            for parent in each.parents():
                (exons if each.kind == "exon" else under)[each.sequence, parent].append(each)
    by_id = _sources_that_share_ids(under)
    found: Coding = {}
    for (sequence, parent), parts in under.items():
        for each, own in zip(parts, _own_keys(parts, parent, exons[sequence, parent], by_id), strict=True):
            found.setdefault((sequence, parent, own), []).append(each)
    return found


def _sources_that_share_ids(under: Mapping[tuple[str, str], list[Feature]]) -> set[tuple[str, str]]:
    """Those that give the parts of a protein one ID."""
    return {
        part.source
        for parts in under.values()
        for identity, n in Counter(each.identity for each in parts).items()
        if identity and n > 1
        for part in parts
    }


def _own_keys(
    parts: list[Feature], parent: str, exons: list[Feature], by_id: set[tuple[str, str]]
) -> list[object]:
    """What parts of one protein have in common and other proteins of this parent have not."""
    if not parent:
        return [each.line for each in parts]
    if len(parts) == 1:
        return [""]
    if parts[0].source[1] == "gtf":
        strands = ["" if each.trans_spliced else each.strand for each in parts]
        return list(zip(strands, (each.protein for each in parts), strict=True))
    identities = [each.identity for each in parts]
    if all(identities) and (len({*identities}) < len(parts) or parts[0].source in by_id):
        return identities
    if len({each.protein for each in parts}) > 1:
        return [each.protein for each in parts]
    one = _is_one_protein(parts, exons, numbered=all(each.startswith(parent) for each in identities))
    if all(identities):
        return [""] * len(parts) if one else identities
    if one or not _are_apart(parts, exons):
        return [""] * len(parts)
    return [each.line for each in parts]


def _is_one_protein(parts: list[Feature], exons: list[Feature], numbered: bool) -> bool:
    """Whether parts with different IDs can be spliced into one protein, and something says that they are.

    With exons: every part fills its exon up to the next part's. Without: the phases run on from part to part, and
    one of them begins inside a codon, or the IDs are the parent's with a number.
    """
    if _are_apart(parts, exons):
        return False
    placed = sorted(parts, key=Feature.first)
    if exons:
        lasts, firsts = {each.last() for each in exons}, {each.first() for each in exons}
        return all(a.last() in lasts and b.first() in firsts for a, b in itertools.pairwise(placed))
    phases = [each.phase for each in placed]
    if -1 in phases:
        return numbered
    runs_on = phases == coding_phases([each.end - each.start for each in placed], phases[0])
    return runs_on and (numbered or any(phases[1:]))


def _are_apart(parts: list[Feature], exons: list[Feature]) -> bool:
    """Whether two parts overlap, or lie apart in one exon, by more than a slip of the ribosome."""
    placed, around = sorted(parts, key=lambda each: (each.strand, each.start)), Places(exons)
    for before, after in itertools.pairwise(placed):
        if before.strand != after.strand:
            continue
        if before.end - after.start >= SLIP:
            return True
        if after.start - before.end >= SLIP and around.hold(before.start, after.end):
            return True
    return False
