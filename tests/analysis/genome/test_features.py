"""Classes and sites of an annotation that can be counted by hand."""

import numpy as np
import pandas as pd
import pytest

from analysis.genome.features import feature_classes, merged, painted, runs, sites
from analysis.inputs.annotations import fit_features, laid_end_to_end, read_features
from analysis.inputs.sources import Sequence

LENGTH = 100


def features(*lines, length=LENGTH):
    text = "".join("s\tx\t" + "\t".join(line.split()) + "\n" for line in lines)
    table, _ = fit_features(read_features(text.encode()), [Sequence("s", b"A" * length, kind="dna")])
    return table


GENE = (
    "gene 21 80 . + . ID=g",
    "mRNA 21 80 . + . ID=t;Parent=g",
    "exon 21 40 . + . Parent=t",
    "exon 61 80 . + . Parent=t",
    "CDS 31 40 . + 0 ID=c;Parent=t",
    "CDS 61 71 . + 2 ID=c;Parent=t",
)


def test_unions_and_runs_by_hand():
    assert merged(np.array([5, 0, 7]), np.array([8, 3, 9]), 10).tolist() == [[0, 3], [5, 9]]
    mask = np.array([1, 1, 0, 1], bool)
    assert runs(mask).tolist() == [[0, 2], [3, 4]]
    assert painted(runs(mask), 4).tolist() == mask.tolist()
    assert runs(np.zeros(3, bool)).tolist() == [] and runs(np.ones(3, bool)).tolist() == [[0, 3]]


def test_classes_of_a_gene_with_an_intron():
    found = {
        key: each.tolist() for key, each in feature_classes(features(*GENE), LENGTH, upstream=15).items()
    }
    forward = {
        "CDS": [[30, 40], [60, 71]],
        "UTR": [[20, 30], [71, 80]],
        "exon": [[20, 40], [60, 80]],
        "intron": [[40, 60]],
        "upstream": [[5, 20]],
    }
    want = {(label, strand): each for label, each in forward.items() for strand in "+."}
    assert found == want | {("intergenic", "."): [[0, 20], [80, 100]]}


def test_upstream_is_cut_at_the_next_gene_and_at_the_end():
    table = features("gene 11 20 . + . ID=a", "gene 31 40 . + . ID=b", "gene 90 96 . - . ID=c")
    found = feature_classes(table, LENGTH, upstream=15)
    assert found["upstream", "+"].tolist() == [[0, 10], [20, 30]]
    assert found["upstream", "-"].tolist() == [[96, 100]]


@pytest.mark.parametrize(
    ("kind", "label"),
    [("tRNA", "tRNA"), ("repeat_region", "repeat"), ("five_prime_UTR", "UTR"), ("rRNA", "rRNA")],
)
def test_terms_have_classes(kind, label):
    assert feature_classes(features(f"{kind} 3 5 . - . ID=a"), LENGTH)[label, "-"].tolist() == [[2, 5]]


def test_the_sequence_itself_is_no_class():
    table = features("region 1 100 . + . ID=s", "gene 3 5 . + . ID=a")
    assert {label for label, _ in feature_classes(table, LENGTH)} == {"intergenic", "upstream"}


def test_a_slip_and_the_origin_are_no_introns():
    slip = features("CDS 1 30 . + 0 ID=c", "CDS 30 50 . + 0 ID=c")
    origin = features("CDS 91 100 . + 0 ID=c", "CDS 1 20 . + 2 ID=c")
    for table in (slip, origin):
        assert ("intron", ".") not in feature_classes(table, LENGTH)
    assert ("start", "+") not in sites(origin, LENGTH)


def test_sites_of_both_strands():
    reverse = [line.replace(" + ", " - ") for line in GENE[:4]]
    reverse += ["CDS 31 40 . - 1 ID=c;Parent=t", "CDS 61 71 . - 0 ID=c;Parent=t"]
    forward = {key: each.tolist() for key, each in sites(features(*GENE), LENGTH).items()}
    backward = {key: each.tolist() for key, each in sites(features(*reverse), LENGTH).items()}
    assert forward == {
        ("start", "+"): [30],
        ("stop", "+"): [68],
        ("TSS", "+"): [20],
        ("donor", "+"): [40],
        ("acceptor", "+"): [60],
    }
    assert backward == {
        ("start", "-"): [70],
        ("stop", "-"): [32],
        ("TSS", "-"): [79],
        ("donor", "-"): [59],
        ("acceptor", "-"): [39],
    }


def test_a_shared_exon_bounds_the_introns_of_each_transcript():
    table = features(
        "exon 1 10 . + . ID=e;Parent=t,u", "exon 31 40 . + . Parent=t", "exon 61 70 . + . Parent=u"
    )
    assert sites(table, LENGTH)["acceptor", "+"].tolist() == [30, 60]
    assert isinstance(table, pd.DataFrame)


def test_sequences_end_to_end_have_the_classes_and_sites_of_each():
    """Genes that touch the borders, one transcript name on both, a gene that would reach upstream over a border."""
    lines = [
        "gene 1 96 . + . ID=g",
        "exon 1 30 . + . Parent=t",
        "exon 61 96 . + . Parent=t",
        "CDS 4 30 . + 0 ID=c;Parent=t",
        "CDS 61 93 . + 0 ID=c;Parent=t",
        "tRNA 91 98 . - . ID=r",
        "region 1 100 . + . ID=whole",
        "repeat_region 1 10 . . . ID=x",
        "repeat_region 91 100 . . . ID=y",
    ]
    text = "".join(f"{name}\tx\t" + "\t".join(line.split()) + "\n" for name in "ab" for line in lines)
    text += "c\tx\tgene\t5\t100\t.\t+\t.\tID=h\n"
    sequences = [Sequence(name, b"A" * LENGTH, kind="dna") for name in "abc"]
    table, _ = fit_features(read_features(text.encode()), sequences)
    lengths = [LENGTH] * 3
    laid = laid_end_to_end(table, "abc", lengths)
    for function in (feature_classes, sites):
        together, apart = function(laid, lengths), {}
        for i, name in enumerate("abc"):
            for key, each in function(table[table["sequence"] == name], LENGTH).items():
                apart.setdefault(key, []).append(each + i * LENGTH)
        assert {key: each.tolist() for key, each in together.items()} == {
            key: np.concatenate(each).tolist() for key, each in apart.items()
        }
    assert sites(laid, lengths)["donor", "+"].tolist() == [30, 130]
    found = feature_classes(laid, lengths)
    assert found["upstream", "+"].tolist() == [[200, 204]]
    assert found["repeat", "."].tolist() == [[0, 10], [90, 100], [100, 110], [190, 200]]


def test_upstream_of_a_reverse_gene_begins_behind_its_last_base():
    """Bases 11 to 20 are the gene's; read backwards the five before it are 21 to 25, with room behind them."""
    found = feature_classes(features("gene 11 20 . - . ID=a"), LENGTH, upstream=5)
    assert found["upstream", "-"].tolist() == [[20, 25]]
    forward = feature_classes(features("gene 11 20 . + . ID=a"), LENGTH, upstream=5)
    assert forward["upstream", "+"].tolist() == [[5, 10]]
