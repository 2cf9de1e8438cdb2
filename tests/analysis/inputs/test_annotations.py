"""Features of GenBank and GFF3 on the same, 0-based, half-open coordinates."""

import gzip

import pytest

from analysis import schema
from analysis.inputs.annotations import features_of, fit_features, read_features
from analysis.inputs.sources import Sequence
from hnet_core.errors import InputError
from tests.analysis.inputs.test_genbank import RECORD

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


PLACE = ["sequence", "kind", "name", "start", "end", "strand"]


def rows(table, columns=PLACE):
    return [tuple(row) for row in table[columns].itertuples(index=False)]


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


def test_a_locus_tag_is_a_second_name():
    assert read_features(gff3("s x gene 1 20 . + . ID=a;Name=n;locus_tag=t_1"))["tag"].tolist() == ["t_1"]
    assert read_features(gff3("s x gene 1 20 . + . ID=a;Name=n"))["tag"].tolist() == ["a"]
    gtf = b's\tx\tgene\t1\t20\t.\t+\t.\tgene_id "g1"; gene_name "abc";\n'
    assert read_features(gtf)[["name", "tag"]].values.tolist() == [["abc", "g1"]]
    tagged = RECORD.replace('/gene="abc"', '/gene="abc"\n                     /locus_tag="t_2"', 1)
    assert tagged != RECORD and "t_2" in read_features(tagged.encode())["tag"].tolist()


def test_features_of_a_region():
    table = read_features(RECORD.encode())
    assert features_of(table, "TOY1.2", 2, 4)["name"].tolist() == ["abc"]  # wrap ends at 2, abc begins at 3
    assert features_of(table, "TOY1.2", 9, 12, kinds=None)["kind"].tolist() == ["source", "CDS"]
    # Names have met before, in fit_features: contig.1 has none of the genes of contig.2.
    assert len(features_of(table, "TOY1")) == len(features_of(table, "TOY1.1")) == 0


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


def with_phase(features):
    parts = features[features["kind"] == "CDS"]
    return rows(parts, ["start", "end", "strand", "phase"])


def gff3(*lines):
    return ("##gff-version 3\n" + "".join("\t".join(line.split()) + "\n" for line in lines)).encode()


def test_phases_of_joined_parts_by_hand():
    """Reverse strand, first part of 10 bases: 3 codons and 1 base, so the next part begins 2 bases into a codon."""
    found = read_features(
        gff3(
            "s x CDS 1 20 . - . ID=a",
            "s x CDS 41 50 . - . ID=a",
            "s x CDS 100 104 . + . ID=b",
            "s x CDS 200 209 . + . ID=b",
            "s x CDS 300 305 . + 1 ID=c",
            "s x CDS 400 405 . ? . ID=d",
        )
    )
    assert with_phase(found) == [
        (0, 20, "-", 2),
        (40, 50, "-", 0),
        (99, 104, "+", 0),
        (199, 209, "+", 1),
        (299, 305, "+", 1),
        (399, 405, ".", -1),
    ]


@pytest.mark.parametrize(
    ("location", "parts"),
    [
        ("join(28..30,1..2)", [(0, 2, "+", 0), (27, 30, "+", 0)]),
        ("join(27..30,1..2)", [(0, 2, "+", 2), (26, 30, "+", 0)]),
        ("complement(join(28..30,1..2))", [(0, 2, "-", 0), (27, 30, "-", 1)]),
        ("join(3..12,12..20)", [(2, 12, "+", 0), (11, 20, "+", 2)]),
        ("complement(join(3..5,9..15))", [(2, 5, "-", 2), (8, 15, "-", 0)]),
    ],
    ids=["origin", "origin inside a codon", "origin reverse", "slippage", "intron reverse"],
)
def test_phases_of_genbank_joins(location, parts):
    record = RECORD.replace("complement(12..20)", location)
    assert with_phase(read_features(record.encode())) == parts


def test_codon_start_of_genbank():
    record = RECORD.replace('/product="protein"', "/codon_start=3")
    assert with_phase(read_features(record.encode())) == [(11, 20, "-", 2)]


def test_gtf_and_bed():
    gtf = b'1\tx\tCDS\t4\t9\t.\t-\t1\tgene_id "g"; transcript_id "t"; gene_name "abc";\n'
    found = read_features(gtf)
    columns = ["kind", "name", "start", "end", "strand", "phase", "parent"]
    assert rows(found, columns) == [("CDS", "abc", 3, 9, "-", 1, "t")]
    bed = b"track name=x\nchr1\t3\t9\trep\t0\t-\nchr1 20 30\n".replace(b"chr1 20 30", b"chr1\t20\t30")
    assert rows(read_features(bed)) == [
        ("chr1", "region", "rep", 3, 9, "-"),
        ("chr1", "region", "", 20, 30, "."),
    ]
    twelve = b"c 10 40 t 0 + 14 34 0 2 10,8 0,22\n"
    found = read_features(twelve)
    assert rows(found, ["kind", "start", "end", "phase"]) == [
        ("exon", 10, 20, -1),
        ("mRNA", 10, 40, -1),
        ("CDS", 14, 20, 0),
        ("CDS", 32, 34, 0),
        ("exon", 32, 40, -1),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s\tx\tCDS\t1\t9\t.\tx\t0\tID=1\n", "line 1: strand 'x' is none of"),
        ("s\tx\tCDS\t1\t9\t.\t+\t3\tID=1\n", "line 1: phase '3' is none of"),
        ("s\t5\t4\n", "line 1: start 5 and end 4 need 0 <= start <= end in BED; give a GFF3, GTF"),
        ("s\t5\t9\ns\t9\n", "line 2: 's\\t9' is not a BED line"),
        ("s\t1\t9\tt\t0\t+\t1\t9\t0\t2\t4\t0,5\n", "line 1: thickStart, thickEnd, blockSizes"),
        (
            "s\t4\t90\tt\t0\t+\t10\t80\t0\t2\t10,20\t0,18446744073709551616\n",
            "line 1: thickStart, thickEnd, blockSizes",
        ),
        ("s\t4\t90\tt\t0\t+\t10\t80\t0\t2\t10,20\t0,-60\n", "line 1: thickStart, thickEnd, blockSizes"),
        ("#\n" + "\t".join("abcdefghijklmnop") + "\n", "line 2"),
    ],
)
def test_more_that_is_no_feature(text, message):
    with pytest.raises(InputError) as caught:
        read_features(text.encode(), name="a.gff3")
    assert message in str(caught.value)


def test_oxbow_reads_the_same(samples):
    import oxbow

    theirs = oxbow.from_gff(samples / "lambda.gff3").pd()
    ours = read_features(samples / "lambda.gff3").sort_values("line")
    assert len(ours) == len(theirs) > 100
    assert (ours["start"] + 1).tolist() == theirs["start"].tolist()
    assert ours["end"].tolist() == theirs["end"].tolist()
    assert ours["kind"].tolist() == theirs["type"].tolist()
    assert ours["strand"].tolist() == theirs["strand"].fillna(".").tolist()


def fit(text, **lengths):
    sequences = [Sequence(name, b"A" * n, kind="dna") for name, n in lengths.items()]
    return fit_features(read_features(text, name="a.gff3"), sequences, "a.gff3")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        *(("1", "chr1"), ("chr1", "1"), ("NC_1.3", "NC_1"), ("chrM", "MT"), ("s", "s"), ("a|b", "a|b")),
        *(("NC_1.3", "gi|12|ref|NC_1.3|"), ("gi|12|gb|U1.1|", "U1"), ("ref|NC_1.3|", "NC_1")),
        *(("c1", "gnl|db|c1"), ("lcl|c1", "c1")),
    ],
)
def test_usual_names_of_one_sequence_meet(theirs, ours):
    table, warnings = fit(gff3(f"{theirs} x gene 1 9 . + . ID=g"), **{ours: 20})
    assert rows(table, ["sequence", "start", "end"]) == [(ours, 0, 9)] and warnings == ()


def test_ambiguous_names_do_not_meet():
    with pytest.raises(InputError, match="is of another genome"):
        fit(gff3("chr1 x gene 1 9 . + . ID=g"), **{"1": 20, "Chr1": 20})


def test_an_annotation_of_another_genome_is_refused():
    with pytest.raises(
        InputError, match=r"a.gff3: is of another genome: its sequences are 'x', the input's are 's'"
    ):
        fit(gff3("x x gene 1 9 . + . ID=g"), s=20)


def test_features_beyond_a_sequence_are_left_out_and_counted():
    text = gff3(
        "s x gene 1 9 . + . ID=a",
        "s x gene 15 25 . + . ID=b",
        "s x gene 40 50 . + . ID=c",
        "t x gene 1 2 . + . ID=d",
    )
    table, warnings = fit(text, s=20, other=5)
    assert table["name"].tolist() == ["a"]
    assert warnings == (
        "a.gff3: 1 features lie on sequences that the input lacks: 't'",
        "a.gff3: says nothing of 'other'; left out of what needs an annotation",
        "a.gff3: 2 features reach beyond the end of their sequence and are left out "
        "(first: line 3, gene [14, 25) on s)",
    )


def test_features_over_the_origin_of_a_ring_go_on_at_its_start():
    ring = "s x region 1 20 . + . ID=s;Is_circular=true"
    text = gff3(ring, "s x CDS 17 25 . + 0 ID=a", "s x CDS 17 25 . - 0 ID=b", "s x gene 23 24 . + . ID=c")
    table, warnings = fit(text, s=20)
    assert warnings == ()
    assert sorted(with_phase(table)) == [(0, 5, "+", 2), (0, 5, "-", 0), (16, 20, "+", 0), (16, 20, "-", 1)]
    assert rows(table[table["kind"] == "gene"], ["start", "end"]) == [(2, 4)]


LINES = {
    "gff3": lambda start, end, strand: f"s\tx\tgene\t{start + 1}\t{end}\t.\t{strand}\t.\tID=g\n",
    "gtf": lambda start, end, strand: f's\tx\tgene\t{start + 1}\t{end}\t.\t{strand}\t.\tgene_id "g";\n',
    "bed": lambda start, end, strand: f"s\t{start}\t{end}\tg\t0\t{strand}\n",
}


@pytest.mark.parametrize("form", LINES)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((9, 5, "+"), "a.gff3, line 2: start"),
        ((9, 8, "+"), "a.gff3, line 2: start"),
        ((0, 5, "x"), "a.gff3, line 2: strand 'x' is none of"),
    ],
)
def test_every_format_names_the_line_of_what_is_no_feature(form, wrong, message):
    line = LINES[form]
    with pytest.raises(InputError) as caught:
        read_features((line(0, 9, "+") + line(*wrong)).encode(), name="a.gff3")
    assert message in str(caught.value)


def test_a_bed_feature_without_a_length_is_left_out_and_told():
    table, notes = fit(b"s\t1\t5\ta\ns\t9\t9\tb\n", s=20)
    assert table["name"].tolist() == ["a"]
    assert notes == (
        "a.gff3: 1 features have no length and are left out (first: line 2, region [9, 9) on s)",
    )
    with pytest.raises(InputError, match="no feature lies on the input"):
        fit(b"s\t9\t9\tb\n", s=20)


def test_a_protein_that_loses_a_part_has_no_ends():
    lines = ("s x CDS 1 9 . + 0 ID=a", "s x CDS 31 39 . + 0 ID=a", "s x CDS 11 19 . + 0 ID=b")
    table, _ = fit(gff3(*lines), s=30)
    assert rows(table, ["start", "open_start", "open_end"]) == [(0, True, True), (10, False, False)]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_track_lines_and_names_with_blanks(newline):
    """The track line has no tab, the features have: each line is parted in its own way."""
    lines = [
        "browser position s:1-9",
        'track name="x y" description="z"',
        "s\t1\t5\tmy gene one\t0\t+",
        "s 6 9 b 0 -",
    ]
    table, _ = fit(newline.join(lines).encode(), s=20)
    assert rows(table, ["name", "start", "end", "strand"]) == [("my gene one", 1, 5, "+"), ("b", 6, 9, "-")]
    gtf = ["track name=a", 's\tx\tgene\t1\t9\t.\t+\t.\tgene_id "g h"; a "1"; b "2"; c "3"; d "4"']
    table, _ = fit(newline.join(gtf).encode(), s=20)
    assert rows(table, ["kind", "name", "start", "end"]) == [("gene", "g h", 0, 9)]


def test_columns_behind_those_of_bed_are_not_read():
    twelve = "s\t0\t20\tt\t0\t+\t3\t9\t0\t2\t5,5,\t0,15,"
    other = "s\t2\t3\tm\t9\t+\t2\t3\t0,0,0\t7\t85.71\t6\t1\t0\t0\t0\t0\t0"
    for more in ("", "\tx", "\tx\ty", "\tn\tcmpl\tcmpl\t0,0,\tnone\tg\tg\tcoding"):
        table, _ = fit((twelve + more + "\n").encode(), s=20)
        assert rows(table[table["kind"] == "CDS"], ["start", "end"]) == [(3, 5)]
        assert rows(table[table["kind"] == "exon"], ["start", "end"]) == [(0, 5), (15, 20)]
    assert rows(fit((other + "\n").encode(), s=20)[0], ["kind", "start", "end"]) == [("region", 2, 3)]


@pytest.mark.parametrize(
    "row",
    [
        "585 463 13 6 17 chr1 100 600 -2400 + (CA)n Simple_repeat Simple_repeat 1 463 0 1",
        "585 13 463 6 17 chr1 100 600 -2400 + (CA)n Simple_repeat Simple_repeat 1 463 0 1",
        "585 NM_1 chr1 + 100 600 130 560 3 100,300,500, 200,400,600, 0 abc cmpl cmpl 0,1,0,",
        "chrom start end name",
    ],
    ids=["repeats", "repeats that look like BED", "genePred", "a header"],
)
def test_tables_of_other_kinds_are_refused_with_what_is_read(row):
    with pytest.raises(InputError, match=r"a.txt, line 1: .*; give a GFF3, GTF, BED or GenBank file$"):
        read_features(("\t".join(row.split()) + "\n").encode(), name="a.txt")


@pytest.mark.parametrize("form", LINES)
def test_every_format_has_the_same_coordinates_names_and_ends(form):
    line = LINES[form]
    text = line(3, 9, "-") + line(19, 20, ".") + line(15, 21, "+")
    table, warnings = fit(text.encode(), chrs=20, s=20)
    assert rows(table, ["sequence", "start", "end", "strand"]) == [("s", 3, 9, "-"), ("s", 19, 20, ".")]
    assert "[15, 21) on s)" in warnings[-1] and "(first: line 3, " in warnings[-1]
    only, _ = fit(line(0, 2, "+").encode(), chrs=20)
    assert only["sequence"].tolist() == ["chrs"]


LINEAR = RECORD.replace("circular", "linear  ")


@pytest.mark.parametrize("location", ["20..12", "0..9", "complement(20..12)"])
def test_a_genbank_feature_without_a_place_is_left_out_and_told(location):
    text = LINEAR.replace("complement(12..20)", location).encode()
    table, notes = fit_features(read_features(text, name="a.gb"), [Sequence("TOY1.2", b"A" * 30, kind="dna")])
    assert "CDS" not in set(table["kind"]) and len(table) == 4
    assert notes == (
        "a.gb: record 'TOY1.2': feature 3, CDS t2, has no place that Biopython can read; it is left out: correct "
        "its location, START..END counted from 1",
    )


@pytest.mark.parametrize("given", ["one", "0", "4"])
def test_a_codon_start_that_is_none_is_read_as_1_and_told(given):
    text = RECORD.replace('/product="protein"', f"/codon_start={given}").encode()
    table, notes = fit_features(read_features(text, "a.gb"), [Sequence("TOY1.2", b"A" * 30, kind="dna")])
    assert with_phase(table) == [(11, 20, "-", 0)]
    assert notes == (
        f"a.gb: record 'TOY1.2': feature 3, CDS t2: codon_start '{given}' is none of 1 2 3; it is read as 1",
    )


def test_genbank_features_beyond_their_record_are_left_out_and_counted():
    sequences = [Sequence("TOY1.2", b"A" * 30, kind="dna")]
    table = read_features(LINEAR.replace("complement(12..20)", "12..40").encode(), name="a.gb")
    table, warnings = fit_features(table, sequences, "a.gb")
    assert "CDS" not in set(table["kind"]) and "1 features reach beyond the end" in warnings[0]
    assert "(first: CDS [11, 40) on TOY1.2)" in warnings[0]


def test_parts_of_a_genbank_feature_in_another_record_are_left_out():
    record = LINEAR.replace("complement(12..20)", "join(OTHER.1:1..4,12..20)").encode()
    assert with_phase(read_features(record)) == [(11, 20, "+", 2)]
