"""What a person writes to go to a place of a record: a gene, a locus tag, a base or a region."""

import re

import pandas as pd

from analysis.inputs.reading import Sequence
from app.dna.handlers import beside
from app.dna.tracks import Records, named_features
from app.source.region import as_fields, as_words, check_region
from app.wording.sentences import counted, isolated
from hnet_core.errors import InputError

_AROUND = 30
"""Bases before and after a gene that was asked for."""
_PLACE = re.compile(
    r"(?:(?P<record>\S+):)?\s*(?:complement\()?\s*<?(?P<first>\d[\d,]*)(?:\s*(?:-|–|\.\.|\s)\s*>?(?P<last>\d[\d,]*))?\s*\)?"
)
"""1,000-2,000, chr1:1000-2000, 1000..2000 or complement(1000..2000), or one base; all count from 1."""


@beside(2, said=1)
def on_find(records: Records | None, record: str | None, text: str, first: float | None, last: float | None):
    """A gene's name, its locus tag or a place in; its first and last base out, what was found, no problem.

    A name comes before a place, and a name that is asked for again leads to the next feature of that name.
    """
    if records is None or not record:
        raise InputError("there is no record yet; pick a sample, paste FASTA or upload a file")
    sequence, text = records.named(record), text.strip()
    if not text:
        raise InputError("write a gene, a locus tag, a base or a place such as 1000-2000, then press Enter")
    features = records.features_of(record)
    place = _PLACE.fullmatch(text)
    found = named_features(features, text, exactly=bool(place))
    if len(found):
        return *_next_feature(found, len(sequence.data), (first, last)), ""
    if place:
        return *_placed(records, sequence, place), "", ""
    without = " (no annotation was given)" if features is None else ""
    raise InputError(
        f"no feature of {isolated(record)} is named {text!r}{without}; try another name, a base or a place such as "
        "1000-2000"
    )


def _next_feature(found: pd.DataFrame, length: int, fields: tuple[float | None, float | None]):
    """The first of the features found, or the one after that which the fields show; what it is."""
    places = list(dict.fromkeys(zip(found["start"], found["end"], strict=True)))
    around = [as_fields(max(0, a - _AROUND), min(length, b + _AROUND)) for a, b in places]
    at = (around.index(fields) + 1) % len(around) if fields in around else 0
    rows = [found[(found["start"] == a) & (found["end"] == b)].iloc[0] for a, b in places]
    row, after = rows[at], rows[(at + 1) % len(rows)]
    more = (
        f", {at + 1} of {len(places)}; Enter again for the next, a {after['kind']}" if len(places) > 1 else ""
    )
    strand = f" ({row['strand']})" if row["strand"] != "." else ""
    name = isolated(str(row["name"] or row["tag"]))
    return *around[at], f"{row['kind']} {name} {as_words(row['start'], row['end'])}{strand}{more}"


def _placed(records: Records, sequence: Sequence, place: re.Match) -> tuple[int, int]:
    """The fields for a place that somebody wrote; around a single base."""
    named = place["record"]
    if named and named != sequence.name and named in [each.name for each in records.sequences]:
        raise InputError(f"{isolated(named)} is another record of this file; pick it in the list first")
    digits = [place["first"], place["last"] or place["first"]]
    first, last = (int(each.replace(",", "")[:15]) for each in digits)
    length = len(sequence.data)
    if last > length:
        raise InputError(
            f"{place[0].strip()} reaches beyond the {counted(length, 'base')} of {isolated(sequence.name)}; choose a "
            "place that ends there or before"
        )
    start, end = check_region(length, first, last)
    if place["last"] is None:
        start, end = max(0, start - _AROUND), min(length, end + _AROUND)
    return as_fields(start, end)
