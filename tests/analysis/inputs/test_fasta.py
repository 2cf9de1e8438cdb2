"""FASTA in all its forms, and what is refused with record, line and character."""

import gzip
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.inputs.fasta import read_fasta
from analysis.inputs.reading import read_input
from hnet_core.errors import InputError
from hnet_core.inputs.fasta import AMBIGUOUS, LOWER_CASE, NUCLEOTIDES, RNA, SPACES

AWKWARD = Path(__file__).parents[2] / "data" / "awkward"

# file: name and number of bases of each record, distinct warnings of all
READ = {
    "all_n.fasta": ([("all_n", 2000)], set()),
    "blank_lines_and_spaces.fasta": ([("spaced", 24)], {SPACES}),
    "bom.fasta": ([("bom", 8)], set()),
    "cr_only.fasta": ([("cr", 120)], set()),
    "crlf.fasta": ([("crlf", 240), ("crlf2", 61)], set()),
    "empty_record_between.fasta": ([("a", 8), ("c", 8)], {"records without bases are left out: 'b'"}),
    "gzipped.fasta.gz": ([("gz", 1000)], set()),
    "gzipped_without_suffix.fasta": ([("gz", 500)], set()),
    "iupac.fasta": ([("iupac", 42)], {LOWER_CASE, RNA, AMBIGUOUS}),
    "n_runs.fasta": ([("n_runs", 1600)], {LOWER_CASE}),
    "no_final_newline.fasta": ([("x", 59)], set()),
    "one_base.fasta": ([("one", 1)], set()),
    "rna.fasta": ([("rna", 180)], {RNA}),
    "softmask.fasta": ([("softmask", 300)], {LOWER_CASE}),
    "two_gzip_members.fasta.gz": ([("m1", 100), ("m2", 100)], set()),
    "unicode_header.fasta": ([("染色体", 8)], set()),
}
REFUSED = {
    "binary.fasta": "binary.fasta: this is binary data",
    "digits_in_sequence.fasta": "record 'genbank', line 2: '1' is not a nucleotide code",
    "duplicate_ids.fasta": "two records are named 'same', on lines 1 and 4",
    "empty.fasta": "empty.fasta: the input is empty",
    "fastq_named.fasta": "fastq_named.fasta: this is FASTQ, which is not read",
    "gaps.fasta": "record 'aln1', line 2: '-' is a gap or stop",
    "header_only.fasta": "no record has any bases ('lonely')",
    "no_header.fasta": "line 1: 'TTAGTCGGTTTCCCGGTCGA' comes before any header",
    "protein.fasta": (
        "protein.fasta: record 'sp|EXAMPLE|PROT', line 2: 'L' is not a nucleotide code "
        f"(allowed: {NUCLEOTIDES}). For other sequences choose text"
    ),
    "truncated.fasta.gz": "the gzip data is cut off",
}


def test_every_awkward_file_is_covered():
    assert {path.name for path in AWKWARD.glob("*.fasta*")} == READ.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", READ)
def test_awkward_files_are_read(name):
    records, warnings = READ[name]
    sequences = read_input(AWKWARD / name)
    assert [(s.name, len(s.data)) for s in sequences] == records
    assert {w for s in sequences for w in s.warnings} == warnings
    assert all(s.kind == "dna" and not s.data.translate(None, b"ACGTRYSWKMBDHVN") for s in sequences)


@pytest.mark.parametrize("name", REFUSED)
def test_awkward_files_are_refused_with_the_place(name):
    with pytest.raises(InputError) as caught:
        read_input(AWKWARD / name)
    assert REFUSED[name] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\r\n>a\r\nAC\r\n\r\n>b\r\nACGT\r\nACXT\r\n", "record 'b', line 7: 'X'"),
        (">a\rACGT\rAC GT\rAC=T\r", "record 'a', line 4: '='"),
        (">a\nACGT\n;AXX\n\tAC\nACÄGT\n", "record 'a', line 5: 'Ä'"),
        (">a\nACGT*\n", "line 2: '*' is a gap or stop"),
        (">a\nAC.GT\n", "line 2: '.' is a gap or stop"),
        (">a\nACGT\n>b\nA\n >c\nA\n", "record 'b', line 5: '>'"),
        ("\n  \n", "holds blank lines only"),
        ("\n@read 1\nACGT\n", "line 2: '@' starts a FASTQ record"),
        (">a x\nA\n>b\nC\n>c\nA\n>b y\nT\n", "named 'b', on lines 3 and 7"),
    ],
)
def test_the_place_is_exact(text, message):
    with pytest.raises(InputError, match=r"^FASTA") as caught:
        read_fasta(text.encode())
    assert message in str(caught.value)


def test_utf16_is_refused():
    with pytest.raises(InputError, match="UTF-16"):
        read_fasta(">a\nACGT\n".encode("utf-16"))


def test_a_record_without_a_name_gets_one():
    first, second = read_fasta(b">\nAC\n>  \nGT\n")
    assert (first.name, second.name) == ("record_1", "record_2")
    assert first.warnings == ("record without a name: record_1",)


def test_a_header_that_is_not_utf8_shows_its_bytes():
    assert read_fasta(b">caf\xe9 x\nAC\n")[0].name == "caf\\xe9"


def test_comments_are_left_out_with_a_warning():
    first, second = read_fasta(b">a\nAC\n;note\nGT\n>b\nAC\n")
    assert (first.data, first.warnings) == (b"ACGT", (SPACES,))
    assert second.warnings == ()


def test_u_becomes_t_and_lower_case_upper():
    [sequence] = read_fasta(b">a\nAcgU\nuNry\n")
    assert sequence.data == b"ACGTTNRY"


bases = st.text("ACGTNRYacgtnU", min_size=1, max_size=80)


newlines = st.sampled_from(["\n", "\r\n", "\r"])


@settings(deadline=None)
@given(st.lists(bases, min_size=1, max_size=6), newlines, st.integers(1, 30), st.booleans())
def test_bases_come_back_whatever_the_lines(sequences, newline, width, packed):
    lines = []
    for i, bases in enumerate(sequences):
        lines += [f">r{i} text", *(bases[at : at + width] for at in range(0, len(bases), width))]
    data = newline.join(lines).encode()
    read = read_fasta(gzip.compress(data) if packed else data)
    assert [s.data.decode() for s in read] == [b.upper().replace("U", "T") for b in sequences]


def test_many_records_are_read_quickly():
    data = b"".join(b">r%d\nACGTA\n" % i for i in range(20_000))
    start = time.process_time()
    sequences = read_fasta(data)
    assert time.process_time() - start < 2
    assert len(sequences) == 20_000 and sequences[-1].name == "r19999"


def test_five_million_bases_on_one_line():
    [sequence] = read_fasta(b">one line\n" + b"ACGTTGCA" * 625_000)
    assert sequence.data == b"ACGTTGCA" * 625_000
