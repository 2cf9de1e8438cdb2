"""GenBank records as sequences."""

import gzip

import pytest

from analysis.inputs.annotations import fit_features, read_features
from analysis.inputs.reading import read_genbank, read_input
from hnet_core.errors import InputError

RECORD = """LOCUS       TOY1                      30 bp    DNA     circular PHG 01-JAN-2020
DEFINITION  A toy.
ACCESSION   TOY1
VERSION     TOY1.2
FEATURES             Location/Qualifiers
     source          1..30
                     /organism="toy"
     gene            4..9
                     /gene="abc"
                     /locus_tag="t1"
     CDS             complement(12..20)
                     /locus_tag="t2"
                     /product="protein"
     gene            join(28..30,1..2)
                     /gene="wrap"
ORIGIN
        1 acgtacgtac gtacgtnnry
       21 acgtacgtac
//
"""


def test_a_record_is_read_by_content():
    [sequence] = read_input(gzip.compress(RECORD.encode()), name="toy.dat")
    assert (sequence.name, sequence.kind) == ("TOY1.2", "dna")
    assert sequence.data == b"ACGTACGTACGTACGTNNRYACGTACGTAC"
    assert sequence.warnings == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RECORD[: RECORD.index("ORIGIN")] + "CONTIG      join(X1.1:1..30)\n//\n", "record 'TOY1.2' has no"),
        (RECORD.replace("acgtacgtac g", "mkvlacgtac g"), "'L' is not a nucleotide code"),
        (RECORD + RECORD, "two records are named 'TOY1.2'"),
        (RECORD.replace("LOCUS   ", "LOKUS   "), "no GenBank record"),
    ],
)
def test_what_has_no_bases_is_refused(text, message):
    with pytest.raises(InputError, match=r"^GenBank: ") as caught:
        read_genbank(text.encode())
    assert message in str(caught.value)


def test_a_damaged_record_is_refused():
    with pytest.raises(InputError):
        read_genbank(RECORD[:400].encode())


def test_records_without_a_version_have_the_name_of_their_locus():
    """As plasmid editors write them: VERSION is a dot in every record of the file."""
    plain = RECORD.replace("TOY1.2", ".").replace("ACCESSION   TOY1", "ACCESSION   .")
    both = (plain + plain.replace("LOCUS       TOY1", "LOCUS       TOY2")).encode()
    sequences = read_genbank(both)
    assert [each.name for each in sequences] == ["TOY1", "TOY2"]
    features, notes = fit_features(read_features(both), sequences)
    assert features["sequence"].value_counts().to_dict() == {"TOY1": 5, "TOY2": 5} and notes == ()
