"""Annotations in which thousands of lines belong to one transcript are read in seconds, and as few lines are."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hnet_core.inputs.annotation_lines import line_features
from hnet_core.inputs.features import Feature
from hnet_core.inputs.places import Places

MOST = 10.0
"""Seconds."""
N = 4000


def line(kind: str, at: int, attributes: str) -> str:
    start, end = {"CDS": (1, 9), "stop_codon": (10, 12), "UTR": (10, 18)}.get(kind, (1, 9))
    phase = "0" if kind == "CDS" else "."
    return f"one\tx\t{kind}\t{20 * at + start}\t{20 * at + end}\t.\t+\t{phase}\t{attributes}\n"


def many(kinds: str, attributes: str) -> bytes:
    return "".join(line(kind, i, attributes.format(i)) for i in range(N) for kind in kinds.split()).encode()


FILES = {
    "exons and coding parts of a GTF transcript": ("exon CDS", 'gene_id "g"; transcript_id "t";'),
    "genes of bacteria, all of one unknown transcript": (
        "gene CDS stop_codon",
        'gene_id "g{0}"; transcript_id "unknown_transcript_1"; protein_id "p{0}";',
    ),
    "stop codons and UTRs": ("CDS stop_codon UTR", 'gene_id "g"; transcript_id "t";'),
    "copies": ("transcript exon CDS", 'gene_id "g"; transcript_id "t";'),
    "GFF3 with numbered parts": ("exon CDS", "ID=t.{0};Parent=t"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_transcript_of_thousands_of_lines_takes_seconds(kind):
    started = time.monotonic()
    features, _ = line_features(many(*FILES[kind]), "many")
    assert len(features) >= N and time.monotonic() - started < MOST


def test_a_bed_line_of_thousands_of_blocks_takes_seconds():
    sizes, starts = ",".join(["9"] * N), ",".join(str(20 * i) for i in range(N))
    text = f"one\t0\t{20 * N}\ta\t0\t+\t0\t{20 * N}\t0\t{N}\t{sizes}\t{starts}\n"
    started = time.monotonic()
    features, _ = line_features(text.encode(), "many")
    assert len(features) == 2 * N + 1 and time.monotonic() - started < MOST


SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), max_size=12)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is slow
@given(SPANS, st.integers(0, 40), st.integers(0, 10))
def test_places_find_what_looking_at_all_finds(spans, start, length):
    features = [Feature("one", "exon", "", a, a + n, "+") for a, n in spans]
    places, end = Places(features), start + length
    expected = [each for each in features if each.start < end and each.end > start]
    found = list(places.overlapping(start, end))
    assert sorted(map(id, found)) == sorted(map(id, expected))
    assert places.hold(start, end) == any(each.start <= start and end <= each.end for each in features)
