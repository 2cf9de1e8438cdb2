"""Texts as the bytes they are; which reader gets what."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.inputs.reading import Sequence, collect_warnings, guess_kind, read_input, read_text
from analysis.inputs.sources import is_packed_otherwise
from hnet_core.errors import InputError

AWKWARD = Path(__file__).parents[2] / "data" / "awkward"

# What each text says about itself; all others say nothing.
WARNINGS = {
    "all_bytes.bin": ["is not UTF-8: byte 0x80 at offset 128", "254 or 255"],
    "bom.txt": ["byte order mark"],
    "invalid_utf8.txt": ["is not UTF-8: byte 0xff at offset 5", "254 or 255"],
    "latin1.txt": ["is not UTF-8: byte 0xe9 at offset 3"],
    "truncated_multibyte_end.txt": ["is not UTF-8: byte 0xe5 at offset 3"],
    "utf16.txt": ["save it as UTF-8", "254 or 255"],
}


@pytest.mark.parametrize(
    "path", sorted([*AWKWARD.glob("*.txt"), *AWKWARD.glob("*.py"), *AWKWARD.glob("*.bin")])
)
def test_awkward_texts_are_kept_byte_for_byte(path):
    if path.name == "empty.txt":
        with pytest.raises(InputError, match=r"empty\.txt: the input is empty"):
            read_input(path)
        return
    [sequence] = read_input(path)
    assert (sequence.name, sequence.data, sequence.kind) == (path.name, path.read_bytes(), "text")
    expected = WARNINGS.get(path.name, [])
    assert len(sequence.warnings) == len(expected)
    assert all(part in warning for part, warning in zip(expected, sequence.warnings, strict=True))


def test_a_compressed_text_is_read_decompressed():
    [sequence] = read_input(AWKWARD / "one_char_repeated_100k.txt.xz")
    assert sequence.data == b"a" * 100_000


@settings(deadline=None)
@given(st.binary(min_size=1))
def test_any_bytes_are_a_text(data):
    if data.startswith((b"\x1f\x8b", b"\xfd7zXZ\x00")) or is_packed_otherwise(data):
        return
    [sequence] = read_text(data)
    assert sequence.data == data and sequence.name == "text"


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b">a\nACGT\n", "", "dna"),
        (b"\n;note\n>a\nACGT\n", "pasted", "dna"),
        (b">a\nACGTNNRYAC", "x.dat", "text"),  # only eight in ten are bases
        (b">a\nACGTNNACGR", "x.dat", "dna"),
        (b">a\nMKVLA\n", "", "text"),
        (b"> quoted mail\nHello there\n", "", "text"),
        (b">a\nACGT\n", "genome.txt", "dna"),
        (b"\xef\xbb\xbf>a\r\nACGT ACGT\r\n>b\r\nNNAC\r\n", "reads.fasta.txt", "dna"),
        (b"> said he\nCAT\nand no more\n", "notes.md", "text"),  # of a text every line is looked at
        (b"> said he\nCAT\nand no more\n", "x.dat", "dna"),
        (b"LOCUS       X 10 bp", "plasmid.txt", "dna"),
        (b"\xef\xbb\xbfLOCUS       X 10 bp", "", "dna"),
        (b"ACGT", "A.FA.GZ", "dna"),
        (b"MKVLA", "protein.fasta.gz", "dna"),  # the suffix says FASTA: its reader says what is wrong
        (b"LOCUS       X 10 bp", "", "dna"),
        (b"x = 1", "a.fasta.py", "text"),
        (b"", "", "text"),
        (b">only a header", "", "text"),
    ],
)
def test_kind_is_guessed_by_suffix_then_content(data, name, kind):
    assert guess_kind(data, name) == kind


NOT_READ = {
    "EMBL": b"ID   X1; SV 1; linear; genomic DNA; STD; PRO; 60 BP.\nXX\nSQ   Sequence 60 BP;\n",
    "UniProt": b"ID   P1_HUMAN   Reviewed;   42 AA.\nAC   P1;\n",
    "FASTQ": b"@read1 x\nACGTN\n+\nII!II\n",
    "SAM": b"@HD\tVN:1.6\tSO:coordinate\n",
    "BAM": b"BAM\x01\x00\x00\x00\x00",
    "2bit": (0x1A412743).to_bytes(4, "little") + bytes(12),
}


@pytest.mark.parametrize("name", ["x", "x.txt", "x.fa", "x.dat"])
@pytest.mark.parametrize("form", NOT_READ)
def test_sequences_in_another_format_are_refused_by_its_name(form, name):
    for kind in ("auto", "dna"):
        with pytest.raises(InputError, match=rf"^{name}: this is {form}, which is not read; convert it"):
            read_input(NOT_READ[form], kind, name=name)
    assert read_input(NOT_READ[form], "text", name=name)[0].data == NOT_READ[form]


@pytest.mark.parametrize(
    "text", [b"ID   card: 60 BP. or so\n"[:9], b"@all\nhello\n+\nmore\n", b"@HD is a mark\n", b"IDEAL BP.\n"]
)
def test_what_only_looks_like_it_is_a_text(text):
    assert read_input(text)[0].data == text


def test_the_kind_can_be_set():
    assert read_input(b">a\nACGT\n", "text")[0].data == b">a\nACGT\n"
    assert read_input(b">a\nACGT\n", "dna", name="x.txt")[0].data == b"ACGT"


def test_a_name_is_valid_unicode_whatever_the_file_is_called(tmp_path):
    path = tmp_path / b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    path.write_bytes(b"x")
    assert read_text(path)[0].name == "caf\\xe9.txt"


def test_warnings_are_told_once_with_their_number():
    sequences = [Sequence(n, b"A", w) for n, w in (("a", ("x", "y")), ("b", ("x",)), ("c", ()))]
    assert collect_warnings(sequences) == ("x (in 2 records)", "y")
