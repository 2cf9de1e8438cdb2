"""Files become documents: every format, every split, and one clear sentence for what is not data."""

import gzip
import json
import lzma

import pytest

from hnet_core.data.documents import LONGEST_N_RUN, read_documents
from hnet_core.errors import InputError


def read(*paths, domain="english", **regions):
    return [(d.name, d.start, d.data.tobytes()) for d in read_documents(paths, domain, **regions)]


def test_text_in_every_wrapping(tmp_path):
    lines = (json.dumps({"text": "één", "title": "a"}) + "\n\n" + json.dumps({"text": "two"})).encode()
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "b.jsonl.xz").write_bytes(lzma.compress(lines))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(lines))
    for name in ("a.jsonl", "b.jsonl.xz", "c.jsonl.gz"):
        found = read(tmp_path / name)
        assert [(start, data) for _, start, data in found] == [(0, "één".encode()), (0, b"two")]
    (tmp_path / "d.txt").write_text("plain\ntext")
    assert read(tmp_path / "d.txt")[0][2] == b"plain\ntext"


def test_directory_leaves_out_what_is_not_text(tmp_path, capsys):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.md").write_text("first")
    (tmp_path / "b.txt").write_text("second")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    (tmp_path / ".hidden").write_text("hidden")
    assert [data for _, _, data in read(tmp_path)] == [b"second", b"first"]
    assert "1 of 3 files left out" in capsys.readouterr().err


def test_fasta_is_upper_case_rna_is_dna_and_gaps_cut(tmp_path):
    path = tmp_path / "a.fa.gz"
    gap, short = "N" * (LONGEST_N_RUN + 1), "N" * LONGEST_N_RUN
    path.write_bytes(
        gzip.compress(f">one x\r\nacgu\r\nRY\r\n>two\nAC{gap}GT{short}A\n\n>three\n{gap}\n".encode())
    )
    assert read(path, domain="dna") == [
        ("one", 0, b"ACGTRY"),
        ("two", 0, b"AC"),
        ("two", 2 + len(gap), f"GT{short}A".encode()),
    ]


def test_fasta_is_read_as_the_analysis_reads_it(tmp_path):
    """A byte order mark, comments, blanks, old line ends, records without a name or with one name."""
    path = tmp_path / "a.fa"
    path.write_bytes(b"\xef\xbb\xbf;made by hand\r>one x\rAC GT\r;note\rac\r>\rA\r>one\rG")
    assert read(path, domain="dna") == [("one", 0, b"ACGTAC"), ("record_2", 0, b"A"), ("one", 0, b"G")]


def test_regions_choose_records_and_parts(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">chr1\nAACCGGTT\n>chr2_10-20\nTTTT\n>chr2_30-40\nGGGG\n")
    assert read(path, domain="dna", include=["chr1:3-4", "chr2_3*"]) == [
        ("chr1", 2, b"CC"),
        ("chr2_30-40", 0, b"GGGG"),
    ]
    kept = read(path, domain="dna", exclude=["chr1:3-4", "chr2_*"])
    assert kept == [("chr1", 0, b"AA"), ("chr1", 4, b"GGTT")]


@pytest.mark.parametrize(
    ("name", "content", "domain", "words"),
    [
        ("missing.txt", None, "english", "no such file"),
        ("empty.txt", b"", "english", "no byte to read"),
        ("latin1.txt", b"caf\xe9 au lait", "english", "byte 3 is not UTF-8"),
        (
            "bad.jsonl",
            b'{"text": "a"}\n{"txt": "b"}\n',
            "english",
            "line 2: must be a JSON object with a 'text'",
        ),
        ("cut.txt.gz", gzip.compress(b"x" * 9999, mtime=0)[:-9], "english", "damaged or cut short"),
        ("not.txt.xz", b"plain", "english", "damaged or cut short"),
        ("a.fa", b">x\nACGT\n", "english", "domain is 'english'"),
        ("a.txt", b"ACGT", "dna", "reads FASTA"),
        ("headless.fa", b"ACGT\n>x\nA\n", "dna", "line 1: 'ACGT' comes before any header"),
        ("protein.fa", b">x\nACGT\nMEEP\n", "dna", "record 'x', line 3: 'E' is not a nucleotide"),
    ],
)
def test_what_is_not_data_is_refused_in_one_line(tmp_path, name, content, domain, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        read(tmp_path / name, domain=domain)
    assert words in str(error.value) and name in str(error.value) and "\n" not in str(error.value)


def test_unknown_record_is_refused_with_the_nearest(tmp_path):
    (tmp_path / "a.fa").write_text(">NC_001.1\nACGT\n")
    with pytest.raises(InputError, match=r"NC_001\.2.*nearest record is 'NC_001\.1'"):
        read(tmp_path / "a.fa", domain="dna", include=["NC_001.2"])
    with pytest.raises(InputError, match="1 <= START <= END"):
        read(tmp_path / "a.fa", domain="dna", include=["x:9-3"])


def test_halves_have_no_document_in_common_and_leave_none_out(tmp_path):
    for name, n in (("a.jsonl", 5), ("b.jsonl", 2)):
        lines = [json.dumps({"text": f"{name} {i}"}) for i in range(n)]
        (tmp_path / name).write_text("\n".join(lines))
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    even, odd, every = (
        [d.data.tobytes().decode() for d in read_documents(paths, "english", documents=half)]
        for half in ("even", "odd", "")
    )
    assert even == ["a.jsonl 0", "a.jsonl 2", "a.jsonl 4", "b.jsonl 0"]
    assert odd == ["a.jsonl 1", "a.jsonl 3", "b.jsonl 1"] and sorted(even + odd) == every


@pytest.mark.parametrize(("domain", "half"), [("english", "third"), ("dna", "even")])
def test_a_half_that_is_none_is_refused(tmp_path, domain, half):
    (tmp_path / "a.fa").write_text(">a\nACGT\n")
    with pytest.raises(InputError, match="must be one of even, odd, for data that is no DNA"):
        list(read_documents([tmp_path / "a.fa"], domain, documents=half))
