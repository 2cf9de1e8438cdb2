"""One gene, whoever wrote it down: sites counted by hand, on both strands, in GFF3, GTF, BED and GenBank."""

import pytest

from analysis.genome.codon_phase import codon_map
from tests.analysis.gene_models import (
    LENGTH,
    bed12,
    classes,
    fitted,
    found,
    genbank,
    lines_text,
    mirrored,
    place,
    turned,
)

EXONS = ((101, 200), (301, 400), (501, 600))
GTF_ID = 'gene_id "g"; transcript_id "t";'
GTF_EXONS = tuple(f"exon {a} {b} + . {GTF_ID}" for a, b in EXONS)
GFF3_EXONS = tuple(f"exon {a} {b} + . Parent=t" for a, b in EXONS)
GTF_CDS = (f"CDS 130 200 + 0 {GTF_ID}", f"CDS 301 400 + 1 {GTF_ID}")
GFF3_CDS = ("CDS 130 200 + 0 ID=c;Parent=t", "CDS 301 400 + 1 ID=c;Parent=t")
# 71 + 100 + 60 bases: 77 codons.
GENE = {
    "start +": [129],
    "stop +": [557],
    "donor +": [200, 400],
    "acceptor +": [300, 500],
}
UTR = {"UTR": [[100, 129], [560, 600]]}


def check(lines, wanted, labels=None):
    """Lines of GFF3 or GTF, and their mirror image."""
    assert found(lines_text(*lines)) == wanted
    assert found(lines_text(*lines, mirror=True)) == turned(wanted)
    if labels:
        assert classes(lines_text(*lines), *labels) == labels
        assert classes(lines_text(*lines, mirror=True), *labels) == mirrored(labels)


@pytest.mark.parametrize(
    "lines",
    [
        (*GTF_EXONS, *GTF_CDS, f"CDS 501 557 + 0 {GTF_ID}", f"stop_codon 558 560 + 0 {GTF_ID}"),
        (f"stop_codon 558 560 + 0 {GTF_ID}", f"CDS 501 557 + 0 {GTF_ID}", *GTF_CDS, *GTF_EXONS),
        (*GTF_EXONS, *GTF_CDS, f"CDS 501 560 + 0 {GTF_ID}", f"stop_codon 558 560 + 0 {GTF_ID}"),
        (*GFF3_EXONS, *GFF3_CDS, "CDS 501 560 + 0 ID=c;Parent=t"),
        (*GFF3_EXONS, *GFF3_CDS, "CDS 501 560 + 0 ID=c;Parent=t", "stop_codon 558 560 + 0 Parent=t"),
        (*GFF3_EXONS, *GFF3_CDS, "CDS 501 557 + 0 ID=c;Parent=t", "stop_codon 558 560 + 0 Parent=t"),
    ],
    ids=["GTF", "GTF in another order", "GTF with it in CDS", "GFF3", "GFF3 and a line", "GFF3 without it"],
)
def test_the_stop_codon_is_coding_wherever_it_stands(lines):
    check(lines, GENE, UTR)


def test_bed_and_genbank_say_the_same():
    for mirror, wanted in ((False, GENE), (True, turned(GENE))):
        at = {"TSS -": [899]} if mirror else {"TSS +": [100]}
        assert found(bed12(EXONS, (130, 560), mirror)) == wanted | at
        parts = [(130, 200), (301, 400), (501, 560)]
        assert found(genbank(f"CDS {place(parts, mirror)}")) == wanted
    assert classes(bed12(EXONS, (130, 560)), "UTR") == UTR


def test_a_stop_codon_is_no_utr_even_where_the_file_says_so():
    lines = (*GTF_EXONS, *GTF_CDS, f"CDS 501 557 + 0 {GTF_ID}", f"stop_codon 558 560 + 0 {GTF_ID}")
    lines += (f"UTR 101 129 + . {GTF_ID}", f"UTR 558 600 + . {GTF_ID}")
    check(lines, GENE, UTR)


SPLIT = ((129, 200), (301, 400), (501, 502))
"""72 + 100 + 2 bases: the last codon is 400 | 501, 502, the one before begins at 397."""


@pytest.mark.parametrize(
    "lines",
    [
        (*GFF3_EXONS, *(f"CDS {a} {b} + . ID=c;Parent=t" for a, b in SPLIT)),
        (*GTF_EXONS, *(f"CDS {a} {b} + . {GTF_ID}" for a, b in SPLIT)),
        (
            *GTF_EXONS,
            f"CDS 129 200 + 0 {GTF_ID}",
            f"CDS 301 399 + 0 {GTF_ID}",
            f"stop_codon 400 400 + 0 {GTF_ID}",
            f"stop_codon 501 502 + 2 {GTF_ID}",
        ),
    ],
    ids=["GFF3", "GTF", "GTF, its lines"],
)
def test_a_stop_codon_split_by_an_intron(lines):
    check(lines, GENE | {"start +": [128], "stop +": [399]}, {"UTR": [[100, 128], [502, 600]]})


def test_a_split_stop_codon_in_bed_and_genbank():
    wanted = GENE | {"start +": [128], "stop +": [399]}
    for mirror in (False, True):
        want = turned(wanted) if mirror else wanted
        assert found(genbank(f"CDS {place(list(SPLIT), mirror)}")) == want
        whole = found(bed12(EXONS, (129, 502), mirror))
        assert {key: each for key, each in whole.items() if not key.startswith("TSS")} == want


@pytest.mark.parametrize(
    "lines",
    [
        ("gene 101 600 + . g", "transcript 101 600 + . t", *GTF_EXONS, *GTF_CDS, f"CDS 501 560 + 0 {GTF_ID}"),
        tuple(
            line.replace(GTF_ID, f"gene_version 1; {GTF_ID}")
            for line in (*GTF_EXONS, *GTF_CDS, f"CDS 501 560 + 0 {GTF_ID}")
        ),
        ("gene 101 600 + . ID=g;Name=n", *GTF_EXONS, *GTF_CDS, f"CDS 501 560 + 0 {GTF_ID}"),
        (
            *GFF3_EXONS,
            *(
                line.replace("=", " = ").replace(";", " ; ")
                for line in (*GFF3_CDS, "CDS 501 560 + 0 ID=c;Parent=t")
            ),
        ),
        tuple(f'exon {a} {b} + . name "m"; transcriptId 7' for a, b in EXONS)
        + tuple(
            f'CDS {a} {b} + {p} name "m"; proteinId 9'
            for a, b, p in ((130, 200, 0), (301, 400, 1), (501, 560, 0))
        ),
    ],
    ids=["bare names", "a number first", "GFF3 lines first", "blanks around =", "GFF2"],
)
def test_the_dialect_is_that_of_the_line(lines):
    wanted = GENE | ({"TSS +": [100]} if lines[1].startswith("transcript") else {})
    check(lines, wanted, UTR)


def test_coding_lines_without_a_transcript_are_told():
    lines = ("CDS 101 200 + 0 score 3", "CDS 301 400 + 0 score 4")
    _, notes = fitted(lines_text(*lines))
    assert notes == (
        "a: 2 CDS lines name no transcript; each counts as a coding sequence of its own "
        '(GTF has transcript_id "NAME")',
    )


def test_where_gtf_names_codons_a_protein_without_one_has_no_such_end():
    other = 'gene_id "h"; transcript_id "u";'
    whole = (
        f"CDS 101 157 + 0 {GTF_ID}",
        f"start_codon 101 103 + 0 {GTF_ID}",
        f"stop_codon 158 160 + 0 {GTF_ID}",
    )
    check((*whole, f"CDS 301 360 + 0 {other}"), {"start +": [100], "stop +": [157]})
    check(
        (*whole, f"CDS 301 360 + 0 {other}", f"start_codon 301 303 + 0 {other}"),
        {"start +": [100, 300], "stop +": [157]},
    )


@pytest.mark.parametrize(
    ("lines", "starts", "stops"),
    [
        (("CDS 101 400 + 0 ID=a;Parent=g", "CDS 201 400 + 1 ID=b;Parent=g"), [100], [397]),
        (("CDS 101 400 + 0 ID=a;Parent=g", "CDS 251 400 + 0 ID=b;Parent=g"), [100, 250], [397]),
        (("CDS 101 400 + . ID=a;Parent=g", "CDS 252 551 + . ID=b;Parent=g"), [100, 251], [397, 548]),
        (("CDS 101 400 + . Parent=g", "CDS 252 551 + . Parent=g"), [100, 251], [397, 548]),
        (
            ("exon 51 900 + . Parent=t", "CDS 101 400 + 0 ID=a;Parent=t", "CDS 501 800 + 0 ID=b;Parent=t"),
            [100, 500],
            [397, 797],
        ),
        (
            ("exon 51 900 + . Parent=t", "CDS 101 400 + 0 Parent=t", "CDS 501 800 + 0 Parent=t"),
            [100, 500],
            [397, 797],
        ),
        (("CDS 101 400 + 0 ID=a;Parent=g", "CDS 501 800 + 0 ID=b;Parent=g"), [100, 500], [397, 797]),
        (
            ("CDS 101 400 + 0 Parent=m;Derives_from=a", "CDS 501 800 + 0 Parent=m;Derives_from=b"),
            [100, 500],
            [397, 797],
        ),
        (
            (
                'CDS 101 400 + 0 transcript_id "t"; protein_id "a";',
                'CDS 501 800 + 0 transcript_id "t"; protein_id "b";',
            ),
            [100, 500],
            [397, 797],
        ),
    ],
    ids=[
        "start inside",
        "internal start",
        "two frames",
        "without IDs",
        "in one exon",
        "in one exon, no IDs",
        "an operon",
        "Derives_from",
        "GTF",
    ],
)
def test_several_proteins_of_one_parent(lines, starts, stops):
    check(lines, {"start +": starts, "stop +": stops})


@pytest.mark.parametrize(
    "lines",
    [
        ("CDS 101 200 + 0 ID=t.CDS.1;Parent=t", "CDS 301 500 + 2 ID=t.CDS.2;Parent=t"),
        ("CDS 101 200 + 0 Parent=t,t-Protein;", "CDS 301 500 + 2 Parent=t,t-Protein;"),
        (
            "exon 51 200 + . Parent=t",
            "exon 301 600 + . Parent=t",
            "CDS 101 200 + 0 ID=c1;Parent=t",
            "CDS 301 500 + 2 ID=c2;Parent=t",
        ),
        ("CDS 101 200 + 0 ID=c1;Parent=t,u", "CDS 301 500 + 2 ID=c2;Parent=u,t"),
    ],
    ids=["numbered", "a protein as second parent", "between exons", "shared"],
)
def test_parts_of_one_protein_with_other_ids(lines):
    check(lines, {"start +": [100], "stop +": [497], "donor +": [200], "acceptor +": [300]})


def test_a_slip_of_the_ribosome_is_one_protein():
    lines = ("CDS 101 200 + 0 ID=c;Parent=g", "CDS 200 399 + . ID=c;Parent=g")
    check(lines, {"start +": [100], "stop +": [396]})


TRANS = {"start -": [99], "stop +": [518], "donor +": [400], "acceptor +": [500]}
"""50 bases of the reverse strand, 51 to 100, then 301 to 400 and 501 to 521 of the forward one: 57 codons."""


@pytest.mark.parametrize("numbered", [True, False])
def test_a_gene_spliced_of_both_strands_in_gff3(numbered):
    one, two, three = (";part=1", ";part=2", ";part=3") if numbered else ("", "", "")
    lines = [
        f"gene 51 100 - . ID=g{one}",
        f"gene 301 521 + . ID=g{two}",
        f"CDS 51 100 - 0 ID=c;Parent=g{one};exception=trans-splicing",
        f"CDS 301 400 + 1 ID=c;Parent=g{two}",
        f"CDS 501 521 + 0 ID=c;Parent=g{three}",
    ]
    check(lines, TRANS)
    if numbered:
        check(lines[::-1], TRANS)


def test_a_gene_spliced_of_both_strands_in_genbank():
    for text, wanted in (
        ("join(complement(51..100),301..400,501..521)", TRANS),
        ("join(901..950,complement(601..700),complement(480..500))", turned(TRANS)),
    ):
        assert found(genbank(f"CDS {text} /trans_splicing", f"gene {text} /trans_splicing")) == wanted
        codons = codon_map(fitted(genbank(f"CDS {text}"))[0], LENGTH)
        assert codons.n_genes == 1 and codons.conflicts == 0


@pytest.mark.parametrize("phases", [("0", "1", "0"), (".", ".", ".")], ids=["by phases", "by a word"])
def test_parts_that_are_trans_spliced_on_one_strand(phases):
    """As chloroplasts have it: exon 1, on the reverse strand, lies before exons 3 and 2 in places."""
    places = ("51 100", "801 900", "601 621")
    word = "" if phases[0] == "0" else ";exception=trans-splicing"
    lines = [f"CDS {at} - {phase} ID=c{word}" for at, phase in zip(places, phases, strict=True)]
    check(lines, {"start -": [99], "stop -": [602], "donor -": [799], "acceptor -": [620]})


def test_a_file_that_lists_parts_as_they_are_read_is_believed():
    """51, 102 and 21 bases agree with all phases in the order of places too."""
    lines = ["CDS 51 101 - 0 ID=c", "CDS 801 902 - 0 ID=c", "CDS 601 621 - 0 ID=c"]
    other = ["CDS 251 259 - 0 ID=d", "CDS 201 209 - 0 ID=d"]
    for more, start, stop in ((other, 100, 602), (other[::-1], 901, 52), ([], 901, 52)):
        sites = found(lines_text(*lines, *more))
        assert start in sites["start -"] and stop in sites["stop -"], more


RNA = [(101, 200), (301, 400), (501, 600)]


@pytest.mark.parametrize("kind", ["mRNA", "tRNA", "ncRNA"])
def test_a_spliced_rna_begins_once(kind):
    for mirror in (False, True):
        wanted = {"TSS +": [100], "donor +": [200, 400], "acceptor +": [300, 500]}
        assert found(genbank(f"{kind} {place(RNA, mirror)}")) == (turned(wanted) if mirror else wanted)


def test_rna_and_cds_over_the_origin():
    over = "join(901..1000,1..200)"
    for text, wanted in (
        (over, {"start +": [900], "stop +": [197], "TSS +": [900]}),
        (f"complement({over})", {"start -": [199], "stop -": [902], "TSS -": [199]}),
    ):
        ring = genbank(f"CDS {text}", f"tRNA {text}", topology="circular")
        assert found(ring) == wanted
    ring = "region 1 1000 + . ID=s;Is_circular=true"
    for strand, wanted in (
        ("+", {"start +": [900], "stop +": [197], "TSS +": [900]}),
        ("-", {"start -": [199], "stop -": [902], "TSS -": [199]}),
    ):
        one_line = (ring, f"CDS 901 1200 {strand} 0 ID=c", f"tRNA 901 1200 {strand} . ID=r")
        assert found(lines_text(*one_line)) == wanted
        two_lines = [
            f"{kind} {at} {strand} . ID={kind}" for kind in ("CDS", "tRNA") for at in ("901 1000", "1 200")
        ]
        assert found(lines_text(ring, *two_lines)) == wanted
        # Nobody says that this is a ring; it may be a contig that a gene fills.
        assert not any(key[:2] == "st" for key in found(lines_text(*two_lines)))


@pytest.mark.parametrize("ends", [(False, False), (True, False), (False, True), (True, True)])
def test_ends_that_are_missing_are_no_sites(ends):
    first, last = ends
    wanted = {} if first else {"start +": [100], "TSS +": [100]}
    wanted |= {} if last else {"stop +": [397]}
    tags = f"{';start_range=.,101' * first}{';end_range=400,.' * last}{';partial=true' * (first or last)}"
    swapped = f"{';start_range=.,601' * last}{';end_range=900,.' * first}{';partial=true' * (first or last)}"
    bits = f"partial={int(first)}{int(last)}"
    for mirror, about, two in ((False, tags, bits), (True, swapped, f"partial={int(last)}{int(first)}")):
        want = turned(wanted) if mirror else wanted
        for more in (about, f";{two}"):
            lines = (f"CDS 101 400 + 0 ID=c{more}", f"mRNA 101 400 + . ID=r{more}")
            assert found(lines_text(*lines, mirror=mirror)) == want
        at = place([(101, 400)], mirror, first, last)
        assert found(genbank(f"CDS {at}", f"mRNA {at}")) == want
    nf = f"{GTF_ID} {'tag ' + chr(34) + 'basic' + chr(34) + ';'}"
    nf += f"{' tag ' + chr(34) + 'cds_start_NF' + chr(34) + ';' if first else ''}"
    nf += f"{' tag ' + chr(34) + 'cds_end_NF' + chr(34) + ';' if last else ''}"
    check((f"CDS 101 400 + 0 {nf}",), {key: each for key, each in wanted.items() if key[:3] != "TSS"})


def test_partial_without_a_side_and_ends_inside_a_codon():
    check(("CDS 101 400 + 0 ID=c;partial=true",), {})
    check(("CDS 101 399 + 0 ID=c",), {"start +": [100]})
    check(("CDS 101 400 + 2 ID=c",), {})
    check(("CDS 101 402 + 2 ID=c",), {"stop +": [399]})


def test_big_gene_pred_says_which_end_is_missing():
    more = "\tname\tincmpl\tcmpl\t0,1,0,\tnone\tg\tg\tcoding"
    assert "start +" not in found(bed12(EXONS, (130, 560), more=more))
    assert found(bed12(EXONS, (130, 560), more=more))["stop +"] == [557]
    # Its low end is the end of a gene of the reverse strand.
    assert found(bed12(EXONS, (130, 560), True, more=more))["start -"] == [870]
    assert "stop -" not in found(bed12(EXONS, (130, 560), True, more=more))


def test_introns_and_utrs_are_worked_out_transcript_by_transcript():
    lines = (
        "tRNA 101 200 + . ID=r",
        "exon 101 120 + . Parent=r",
        "exon 181 200 + . Parent=r",
        "CDS 301 399 + 0 ID=c;Parent=g",
        "CDS 451 501 + 0 ID=c;Parent=g",
        # What this one names is believed: bases 711 to 720 are no UTR, and the exon is whole.
        "mRNA 601 720 + . ID=t",
        "exon 601 720 + . Parent=t",
        "five_prime_UTR 601 610 + . Parent=t",
        "CDS 611 640 + 0 ID=d;Parent=t",
        "CDS 661 710 + 0 ID=d;Parent=t",
        "mRNA 801 900 + . ID=u",
        "exon 801 900 + . Parent=u",
        "CDS 821 880 + 0 ID=e;Parent=u",
        "intron 921 940 + . Parent=v",
    )
    wanted = {
        "intron": [[120, 180], [399, 450], [920, 940]],
        "UTR": [[600, 610], [800, 820], [880, 900]],
    }
    assert classes(lines_text(*lines), *wanted) == wanted
    assert classes(lines_text(*lines, mirror=True), *wanted) == mirrored(wanted)


def test_a_cds_in_no_gene_has_an_upstream_of_its_own():
    lines = ("gene 301 400 + . ID=g", "CDS 331 400 + . ID=c;Parent=g", "CDS 701 760 + 0 ID=d")
    assert classes(lines_text(*lines), "upstream") == {"upstream": [[200, 300], [600, 700]]}
    assert classes(lines_text(*lines, mirror=True), "upstream") == {"upstream": [[300, 400], [700, 800]]}


def test_a_gene_of_several_parts_has_one_upstream_window():
    for mirror, wanted in ((False, [[100, 200]]), (True, [[800, 900]])):
        gene = place([(201, 300), (501, 600)], mirror)
        assert classes(genbank(f"gene {gene}"), "upstream") == {"upstream": wanted}


@pytest.mark.parametrize(
    "text",
    [
        lines_text("pseudogene 101 400 + . ID=g", "CDS 101 400 + 0 ID=c;Parent=g"),
        lines_text("gene 101 400 + . ID=g", "CDS 101 400 + 0 ID=c;Parent=g;pseudo=true"),
        lines_text(
            "pseudogene 101 400 + . ID=g", "mRNA 101 400 + . ID=t;Parent=g", "CDS 101 400 + 0 ID=c;Parent=t"
        ),
        lines_text(f'CDS 101 400 + 0 {GTF_ID} gene_biotype "unprocessed_pseudogene";'),
        genbank("CDS 101..400 /pseudo"),
        genbank('gene 101..400 /locus_tag="x" /pseudogene="unknown"', 'CDS 101..400 /locus_tag="x"'),
    ],
    ids=["gene", "pseudo=true", "transcript", "GTF", "/pseudo", "/locus_tag"],
)
def test_what_a_pseudogene_holds_is_not_coding(text):
    table, notes = fitted(text)
    assert not {key[:5] for key in found(text)} & {"start", "stop "}
    assert classes(text, "CDS", "pseudogene") == {"pseudogene": [[100, 400]]}
    assert not len(codon_map(table, LENGTH).base) and codon_map(table, LENGTH).unphased == 0
    assert notes == (
        "a: 1 CDS parts are of pseudogenes: they count as pseudogene and have no codon positions",
    )


def test_one_transcript_at_two_places():
    """Coding parts that end inside one exon and begin inside the next are not spliced."""
    lines = [f"exon {a} {a + 99} + . {GTF_ID}" for a in (101, 501)]
    lines += [f"CDS {a} {a + 59} + 0 {GTF_ID}" for a in (121, 521)]
    check(lines, {"start +": [120, 520], "stop +": [177, 577]})
    twice = [f"transcript {a} {a + 199} + . {GTF_ID}" for a in (101, 501)]
    twice += [f"exon {a} {b} + . {GTF_ID}" for a, b in ((101, 160), (241, 300), (501, 560), (641, 700))]
    check(
        twice,
        {"TSS +": [100, 500], "donor +": [160, 560], "acceptor +": [240, 640]},
    )
