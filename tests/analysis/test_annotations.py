"""Features of GenBank and GFF3 on the same, 0-based, half-open coordinates."""

import gzip

import pytest

from analysis import schema
from analysis.annotations import features_of, read_features
from hnet_core.errors import InputError
from tests.analysis.test_genbank import RECORD

GFF3 = """##gff-version 3
##sequence-region TOY1.2 1 30
TOY1.2\tx\tgene\t4\t9\t.\t+\t.\tID=g1;gene=abc;locus_tag=t1
TOY1.2\tx\tCDS\t12\t20\t.\t-\t0\tID=c1;locus_tag=t2
other%20one\tx\tgene\t1\t1\t.\t?\t.\tName=a%3Bb
TOY1.2\tx\tgene\t28\t30\t.\t+\t.\tID=g3;gene=wrap
###
##FASTA
>TOY1.2
ACGT
"""


def rows(table):
    return [tuple(row) for row in table.itertuples(index=False)]


def test_genbank_features():
    table = schema.check(read_features(RECORD.encode()), schema.FEATURES)
    assert rows(table) == [
        ("TOY1.2", "gene", "wrap", 0, 2, "+"),
        ("TOY1.2", "source", "", 0, 30, "+"),
        ("TOY1.2", "gene", "abc", 3, 9, "+"),
        ("TOY1.2", "CDS", "t2", 11, 20, "-"),
        ("TOY1.2", "gene", "wrap", 27, 30, "+"),
    ]


def test_gff3_features_are_the_same_intervals():
    table = schema.check(read_features(gzip.compress(GFF3.encode())), schema.FEATURES)
    assert rows(table) == [
        ("TOY1.2", "gene", "abc", 3, 9, "+"),
        ("TOY1.2", "CDS", "t2", 11, 20, "-"),
        ("TOY1.2", "gene", "wrap", 27, 30, "+"),
        ("other one", "gene", "a;b", 0, 1, "."),
    ]


def test_features_of_a_region():
    table = read_features(RECORD.encode())
    assert features_of(table, "TOY1.2", 2, 4)["name"].tolist() == ["abc"]  # wrap ends at 2, abc begins at 3
    assert features_of(table, "TOY1.2", 9, 12, kinds=None)["kind"].tolist() == ["source", "CDS"]
    assert len(features_of(table, "TOY1")) == 3  # without its version
    assert len(features_of(table, "TOY2")) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TOY\tx\tgene\t0\t9\t.\t+\t.\tID=1\n", "line 1: start 0 and end 9"),
        ("# c\nTOY\tx\tgene\t10\t9\t.\t+\t.\tID=1\n", "line 2: start 10 and end 9"),
        ("TOY\tgene\t1\t9\n", "line 1: 'TOY\\tgene\\t1\\t9' is not a GFF3 feature"),
        ("TOY\tx\tgene\t1.5\t9\t.\t+\t.\tID=1\n", "line 1"),
        ("just a text\n", "line 1: 'just a text' is not a GFF3 feature"),
    ],
)
def test_what_is_no_feature_is_refused_with_its_line(text, message):
    with pytest.raises(InputError) as caught:
        read_features(text.encode(), name="a.gff3")
    assert str(caught.value).startswith("a.gff3") and message in str(caught.value)


def test_a_file_without_features_is_an_empty_table():
    assert len(schema.check(read_features(b"##gff-version 3\n"), schema.FEATURES)) == 0
