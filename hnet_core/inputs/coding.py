"""Lines of an annotation put in order: which parts are one protein, how they are read, where they end."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping

from hnet_core.inputs.copies import name_copies_apart
from hnet_core.inputs.features import Feature, around_origins, coding_phases
from hnet_core.inputs.proteins import proteins
from hnet_core.inputs.stop_codons import close_ends


def arranged(
    features: list[Feature], rings: Mapping[str, int], shown: str
) -> tuple[list[Feature], tuple[str, ...]]:
    """The features of a file with groups, ranks, phases and open ends; on rings none passes the origin.

    features  as their lines say, in the order of the file; they are changed
    rings     length of every circular sequence
    returns   all features, and what is to be said about the file
    """
    _mark_pseudogenes(features)
    name_copies_apart(features)
    coding = proteins(features)
    others = _of_several_lines(features)
    orderly = _in_order_of_transcription(coding.values())
    for parts in (*coding.values(), *others):
        _rank(parts, rings, parts[0].source in orderly)
    features = close_ends(features, coding)
    for parts in coding.values():
        _add_phases(parts)
    for number, parts in enumerate((*coding.values(), *others)):
        for each in parts:
            each.group = f"{each.group},{number}" if each.group else str(number)
    return around_origins(features, rings), _notes(features, shown)


def _notes(features: Iterable[Feature], shown: str) -> tuple[str, ...]:
    lonely = sum(each.kind == "CDS" and not each.parent and each.source[1] == "gtf" for each in features)
    if not lonely:
        return ()
    return (
        f"{shown}: {lonely} CDS lines name no transcript; each counts as a coding sequence of its own "
        '(GTF has transcript_id "NAME")',
    )


def _mark_pseudogenes(features: Iterable[Feature]) -> None:
    """Mark the transcripts of pseudogenes, and their parts, as parts of a pseudogene."""
    known = {(each.sequence, each.identity) for each in features if each.pseudo and each.identity}
    for _ in range(2 if known else 0):
        for each in features:
            if not each.pseudo and any((each.sequence, parent) in known for parent in each.parents()):
                each.pseudo = True
                if each.identity:
                    known.add((each.sequence, each.identity))


def _of_several_lines(features: Iterable[Feature]) -> list[list[Feature]]:
    """All features but CDS. Lines of GFF3 that share an ID are the parts of one gene or RNA."""
    found = defaultdict(list)
    for number, each in enumerate(features):
        if each.kind != "CDS":
            shared = each.identity and each.source[1] == "gff3"
            found[(each.sequence, each.kind, each.identity) if shared else number].append(each)
    return list(found.values())


def _in_order_of_transcription(groups: Iterable[list[Feature]]) -> set[tuple[str, str]]:
    """Sources that list the parts of a protein as they are read: on the reverse strand the last place first."""
    found = defaultdict(list)
    for parts in groups:
        place = [each.first() for each in parts]
        by_place = sorted(place)
        if (
            len(parts) > 1
            and {each.strand for each in parts} == {"-"}
            and place in (by_place, by_place[::-1])
        ):
            found[parts[0].source].append(place == by_place)
    return {source for source, listed in found.items() if all(listed)}


def _rank(parts: list[Feature], rings: Mapping[str, int], orderly: bool) -> None:
    """Ranks in the order of transcription.

    By place, where all parts lie on one strand and the file does not say that they are trans-spliced; else by the
    numbers that the file gives them, or the order of its lines. Of several orders that may be meant, the first
    that the phases agree with, rather one that begins with a whole codon.

    orderly  the source lists parts in the order of transcription: where that is no order by place, it is meant
    """
    if len(parts) == 1 or _rank_around(parts, rings.get(parts[0].sequence, 0)):
        return
    placed = sorted(parts, key=Feature.first)
    numbers = {each.number for each in parts} - {0}
    listed = [sorted(parts, key=lambda each: each.number)] if len(numbers) == len(parts) else []
    listed.append(parts)
    place = [each.first() for each in parts]
    if len({each.strand for each in parts}) > 1:
        reverse = [each for each in placed if each.strand == "-"]
        forward = [each for each in placed if each.strand != "-"]
        orders = [*listed, reverse + forward, forward + reverse]
    elif any(each.trans_spliced for each in parts):
        orders = [*listed, placed]
    elif place in (sorted(place), sorted(place, reverse=True)):
        orders = [placed]
    else:
        orders = [*listed, placed] if orderly else [placed, *listed]
    agreed = [order for order in orders if _phases_agree(order)]
    whole = [order for order in agreed if order[0].phase <= 0]
    order = (whole or agreed or orders)[0]
    for rank, each in enumerate(order):
        each.rank = each.first() if order is placed else 2 * rank


def _rank_around(parts: list[Feature], ring: int) -> bool:
    """Ranks of parts that end at the end of a ring and go on at its start; False where they do not."""
    strands = {each.strand for each in parts}
    if not ring or len(strands) > 1 or not any(each.start == 0 for each in parts):
        return False
    if not any(each.end == ring for each in parts):
        return False
    placed = sorted(parts, key=lambda each: each.start)
    gaps = [after.start - before.end for before, after in itertools.pairwise(placed)]
    behind = gaps.index(max(gaps)) + 1  # the parts behind the origin
    for i, each in enumerate(placed):
        moved = ring if i < behind else 0
        each.rank = -each.end - moved if each.strand == "-" else each.start + moved
    return True


def _phases_agree(order: list[Feature]) -> bool:
    given = [each.phase for each in order]
    if order[0].kind != "CDS" or -1 in given:
        return True
    return given == coding_phases([each.end - each.start for each in order], given[0])


def _add_phases(parts: list[Feature]) -> None:
    """Parts without a phase get it from the parts before them, in the order of transcription."""
    ordered = sorted(parts, key=lambda each: each.rank)
    if all(each.phase >= 0 for each in ordered):
        return
    phases = coding_phases([each.end - each.start for each in ordered], max(0, ordered[0].phase))
    for each, phase in zip(ordered, phases, strict=True):
        if each.phase < 0 and each.strand != ".":
            each.phase = phase
