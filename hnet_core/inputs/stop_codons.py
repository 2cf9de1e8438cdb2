"""Where coding sequences end: lines `stop_codon` outside CDS are part of it, and ends that are not there are marked."""

import re
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from hnet_core.inputs.features import Feature
from hnet_core.inputs.places import Places
from hnet_core.inputs.proteins import Coding

_UNTRANSLATED = re.compile(r".*utr|[53]'utr", re.IGNORECASE)


def close_ends(features: list[Feature], coding: Coding) -> list[Feature]:
    """All features, with stop codons made part of the coding sequences, and the ends marked that are missing.

    GTF leaves the stop codon out of CDS and gives it a line; other files have it inside. Where the annotator of a
    GTF file gives such lines, a coding sequence without one has lost its end; so with start codons.
    """
    starts, stops = (_by_transcript(features, kind) for kind in ("start_codon", "stop_codon"))
    with_start, with_stop = _annotators(starts), _annotators(stops)
    utrs = _by_transcript([each for each in features if _UNTRANSLATED.fullmatch(each.kind)])
    places = {transcript: Places(lines) for transcript, lines in utrs.items()}
    codons = _by_strand(stops)
    ends = defaultdict(list)
    for key, parts in coding.items():
        insort(ends[key[:2]], _in_order(parts)[-1].last())
    added: list[Feature] = []
    for key, parts in coding.items():
        ordered, transcript = _in_order(parts), key[:2]
        first, last = ordered[0], ordered[-1]
        if any(each.partial for each in parts) and not any(
            each.open_start or each.open_end for each in parts
        ):
            first.open_start, last.open_end = transcript not in starts, transcript not in stops
        first.open_start = first.open_start or (first.source in with_start and transcript not in starts)
        if transcript not in stops:
            last.open_end = last.open_end or last.source in with_stop
            continue
        codon = _behind(last, codons.get((*transcript, last.strand), []), ends[transcript])
        new = _with_stop(last, codon, key[1])
        parts += new
        added += new
        if transcript in places:
            _trim(places[transcript], codon)
    kept = [each for each in features if each.start < each.end or not _UNTRANSLATED.fullmatch(each.kind)]
    return kept + added


def _in_order(parts: list[Feature]) -> list[Feature]:
    return sorted(parts, key=lambda each: each.rank)


def _by_transcript(features: Iterable[Feature], kind: str = "") -> dict[tuple[str, str], list[Feature]]:
    found = defaultdict(list)
    for each in features:
        if not kind or each.kind == kind:
            for parent in each.parents():
                found[each.sequence, parent].append(each)
    return dict(found)


def _annotators(codons: dict[tuple[str, str], list[Feature]]) -> set[tuple[str, str]]:
    """Sources of GTF lines that name such codons."""
    return {each.source for lines in codons.values() for each in lines if each.source[1] == "gtf"}


def _by_strand(
    codons: dict[tuple[str, str], list[Feature]],
) -> dict[tuple[str, str, str], list[Feature]]:
    """The lines of each transcript on one strand, in the order of transcription."""
    found = defaultdict(list)
    for transcript, lines in codons.items():
        for each in sorted(lines, key=Feature.first):
            found[*transcript, each.strand].append(each)
    return dict(found)


def _behind(last: Feature, codon: list[Feature], ends: list[int]) -> list[Feature]:
    """The lines of a stop codon that lie behind a coding sequence and behind no later one of its transcript.

    codon  those on its strand, in the order of transcription      ends  of all coding sequences there, rising
    """
    start, later = last.last(), bisect_right(ends, last.last())
    behind = codon[bisect_left(codon, start, key=Feature.first) :]
    if later == len(ends):
        return behind
    return behind[: bisect_left(behind, ends[later], key=Feature.first)]


def _with_stop(last: Feature, codon: list[Feature], transcript: str) -> list[Feature]:
    """Make the stop codon part of the coding sequence that ends in `last`; the parts that are new for that."""
    new: list[Feature] = []
    for each in codon:
        end = new[-1] if new else last
        if end.last() == each.first() and "," not in end.parent:
            end.start, end.end = min(end.start, each.start), max(end.end, each.end)
        else:
            place = {"start": each.start, "end": each.end, "rank": end.rank + 1, "line": each.line}
            new.append(replace(end, **place, phase=-1, parent=transcript, open_start=False, open_end=False))
    if codon and sum(each.end - each.start for each in codon) < 3:
        (
            new[-1] if new else last
        ).open_end = True  # the cell completes it; in the genome there is no such codon
    return new


def _trim(utrs: Places, codon: list[Feature]) -> None:
    """Take the stop codon out of the transcript's UTR; what is nothing but stop codon is left empty."""
    for each in codon:
        for utr in utrs.overlapping(each.start, each.end):
            if utr.strand != each.strand:
                continue
            if utr.strand == "-":
                utr.end = max(utr.start, each.start)
            else:
                utr.start = min(utr.end, each.end)
