"""Motifs, feature classes, codon phase and both strands on the page, against the analysis and counts by hand."""

import re
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pandas as pd
import pytest

from analysis.genome.enrichment import DRAWS, annotate, enrichment_table
from analysis.genome.features import UPSTREAM, sites
from analysis.genome.motifs import motif_rows
from analysis.genome.profiles import profile_table
from analysis.genome.strands import as_forward_cuts
from analysis.inputs.annotations import fit_features, read_features
from analysis.inputs.bases import reverse_complement
from analysis.inputs.sources import Sequence
from app.dna import meaning
from app.dna.tracks import Opened, TrackFolder
from app.work.job import Job

DATA = np.random.default_rng(0).choice(np.frombuffer(b"ACGT", np.uint8), 4000).tobytes()
DATA = DATA[:500] + b"TATAAT" + DATA[506:900] + b"ATTATA" + DATA[906:]
GFF = "r\t.\tgene\t{a}\t{b}\t.\t{s}\t.\tName=g{a}\nr\t.\tCDS\t{a}\t{b}\t.\t{s}\t0\tID=c{a}\n"
GENES = [(301, 600, "+"), (1001, 1600, "+"), (2001, 2600, "-"), (3001, 3300, "-")]


@pytest.fixture(scope="module")
def opened(session):
    record = Sequence("r", DATA, (), "dna")
    text = "".join(GFF.format(a=a, b=b, s=s) for a, b, s in GENES).encode()
    features, _ = fit_features(read_features(text, "x.gff3"), [record])
    return Opened((session.analyse([record], "dna_a"),), features, (), TrackFolder())


def test_a_motif_is_found_on_both_strands(session, opened):
    shown, line, places, few, everything, problem = meaning.on_motif(session, opened, "box=tataat")
    assert problem == "" and few["interactive"] and everything["interactive"]
    table = pd.read_csv(everything["value"], keep_default_na=False)
    both = {(m, "+") for m in range(3995) if DATA[m : m + 6] == b"TATAAT"}
    both |= {(m, "-") for m in range(3995) if DATA[m : m + 6] == b"ATTATA"}
    assert {(500, "+"), (900, "-")} <= both and set(zip(table["start"], table["strand"], strict=True)) == both
    assert set(table["bases"]) == {"TATAAT"} and line.startswith(f"{len(both)} places of TATAAT")
    cuts = set(opened.analyses[0].chunks_of("r", 0)["start"])
    assert table["chunks"].tolist() == [
        1 + sum(a < c < b for c in cuts) for a, b in zip(table["start"], table["end"], strict=True)
    ]
    assert set(table["record"]) == {"r"} and set(table["model"]) == {"dna_a"} and set(table["stage"]) == {0}
    # The page counts bases from 1, and a click goes to 50 bases before and after.
    assert list(shown) == ["first", "last", "strand", "bases", "chunks"]
    assert shown["first"].tolist() == (table["start"] + 1).tolist()
    assert shown["last"].tolist() == table["end"].tolist()
    assert meaning.on_hit(SimpleNamespace(row_value=["501", "506"])) == (451, 556)
    assert meaning.on_hit(SimpleNamespace(row_value=["3", "8"])) == (1, 58)
    assert re.search(r"p (< 0\.0001|(≤ )?[01][.\d]*)\)", line)
    assert places["hits"] == table[["start", "end", "strand"]].values.tolist()


def test_letters_of_iupac_and_palindromes(opened):
    cuts = np.zeros(12, bool)
    hits = meaning.motif_hits(b"ACGTAAGCTTAA", "RCGY", cuts)
    assert hits[["start", "strand"]].values.tolist() == [[0, "+"]]  # its own reverse complement: once
    hits = meaning.motif_hits(b"ACGTAAGCTTAA", "NTTAA", cuts)
    assert hits[["start", "strand", "bases"]].values.tolist() == [[7, "+", "CTTAA"]]
    hits = meaning.motif_hits(b"ACGTAAGCTTAA", "AAG", np.isin(np.arange(12), [4, 6, 10]))
    assert hits[["start", "strand", "chunks"]].values.tolist() == [[4, "+", 2], [7, "-", 1]]


@pytest.mark.parametrize(
    ("text", "words"), [("TAX", "no nucleotide code"), ("", "two bases"), ("TATAAT" * 9, "does not occur")]
)
def test_bad_motifs_are_told_beside_the_field(session, opened, text, words):
    *others, problem = meaning.on_motif(session, opened, text)
    assert others == [gr.skip()] * 5 and words in problem and "\n" not in problem
    assert "press Analyse" in meaning.on_motif(session, None, "TATAAT")[5]


def test_classes_and_codons_are_those_of_the_analysis(session, opened):
    shown, codons, starts, stops, few, everything, profiles = meaning.on_genes(session, Job(), opened)
    shown = shown.data
    cuts = opened.analyses[0].chunks_of("r", 0)["start"].to_numpy()[1:]
    row = shown[(shown["bases of"] == "CDS") & (shown["stage"] == 0)].iloc[0]
    coding = np.zeros(4000, bool)
    for a, b, _ in GENES:
        coding[a - 1 : b] = True
    assert row["bases"] == 1800 and row["cuts"] == coding[cuts].sum()
    assert row["cuts a base"] == pytest.approx(row["cuts"] / 1800, abs=1e-4)
    read = pd.read_csv(few["value"])
    assert read["cuts"].tolist() == shown["cuts"].tolist() and set(read["model"]) == {"dna_a"}
    assert set(shown["model"]) == {"DNA, 2 stages"}  # as the page calls it; files have its name
    forward = next(trace for trace in codons.data if trace.name.startswith("A0 +"))
    inside = [c - a + 1 for c in cuts for a, b, s in GENES if s == "+" and a - 1 <= c < b]
    assert list(forward.y) == pytest.approx([sum(i % 3 == k for i in inside) / 300 for k in range(3)])
    at_start = {(c - a + 1) for c in cuts for a, b, s in GENES if s == "+"}
    assert re.search(r"R \d\.\d{3}, p (< 0\.0001|(≤ )?[01][.\d]*)$", forward.name)
    trace = next(trace for trace in starts.data if trace.name == "A +")
    assert trace.y[list(trace.x).index(0)] == sum(c in (300, 1000) for c in cuts) / 2 and at_start
    assert set(pd.read_csv(profiles["value"])["site"]) == {"start", "stop"} and len(stops.data) == 2
    assert {"codon_phase", "feature"} <= set(pd.read_csv(everything["value"])["analysis"])


def test_levels_of_chance_are_those_of_the_command(session, opened):
    """As many shifts as `enrich` takes by itself, 20 times as many in the profiles: the same p."""
    _, _, _, _, few, everything, profiles = meaning.on_genes(session, Job(), opened)
    found, cuts = pd.read_csv(everything["value"]), meaning.cuts_of(opened)
    genome = annotate(opened.features, ["r"], [4000], UPSTREAM)
    assert found["shifts"].max() == DRAWS == 1000
    assert found["p_value"].tolist() == pytest.approx(
        enrichment_table(cuts, genome)["p_value"].tolist(), nan_ok=True
    )
    where = {key: at for key, at in sites(opened.features, 4000).items() if key[0] in ("start", "stop")}
    want = profile_table(cuts, where, window=meaning.WINDOW, draws=20_000)
    assert pd.read_csv(profiles["value"])["p_value"].tolist() == pytest.approx(want["p_value"].tolist())
    q = found.loc[(found["measure"] == "rate") & (found["strand"] == "."), "q_value"]
    assert pd.read_csv(few["value"])["q"].tolist() == pytest.approx(q.tolist(), rel=1e-9)  # not rounded away
    line = meaning.on_motif(session, opened, "TAT")[1]
    assert all(row["shifts"] == 1000 for row in motif_rows(cuts[0], [DATA], {"TAT": "TAT"}, meaning.DRAWS, 0))
    assert ", p " in line


def test_a_model_in_step_with_all_is_marked_at_the_least_p(session, opened):
    """A table whose rows are as far out as shifts can be, or nearly."""
    _, _, _, _, _, everything, _ = meaning.on_genes(session, Job(), opened)
    found = pd.read_csv(everything["value"])
    out, least = meaning.class_rows(found.assign(p_value=2 / 1001, q_value=0.01))
    assert least.all() and (out["q"] == 0.01).all()
    _, least = meaning.class_rows(found.assign(p_value=3 / 1001))
    assert not least.any()
    chosen = found.assign(p_value=1 / 1001)
    traces = meaning.codon_figure(chosen, {"dna_a": "A"}).data
    assert traces and all("p ≤ 0.000999" in trace.name for trace in traces)
    traces = meaning.codon_figure(chosen.assign(p_value=0.0), {"dna_a": "A"}).data
    assert all("p < 0.0001" in trace.name for trace in traces)


def test_without_annotation_the_sentence_says_what_to_give(session, opened):
    bare = Opened(opened.analyses, None, (), opened.folder)
    job = Job()
    with pytest.raises(gr.Error, match="no annotation; give a GFF3"):
        meaning.on_genes(session, job, bare)
    assert "no annotation" in job.failure


def test_both_strands_are_read(session, opened):
    shown, file = meaning.on_strands(session, Job(), opened)
    shown = shown.data
    other = session.analyse([Sequence("r", reverse_complement(DATA), (), "dna")], "dna_a")
    for stage, jaccard in zip(shown["stage"], shown["Jaccard"], strict=True):
        marks = np.zeros(4000, bool)
        marks[other.chunks_of("r", stage)["start"]] = True
        marks[0] = False
        there = set(np.flatnonzero(as_forward_cuts(marks)))
        here = set(opened.analyses[0].chunks_of("r", stage)["start"]) - {0}
        assert jaccard == pytest.approx(len(here & there) / len(here | there), abs=1e-4)
    assert len(shown) == 2 and len(pd.read_csv(file["value"])) == 2


def test_several_models_have_their_letter_and_title(session, opened):
    record = opened.record
    both = Opened((opened.analyses[0], session.analyse([record], "english_a")), None, (), opened.folder)
    assert meaning.shown_names(both) == {"dna_a": "A: DNA, 2 stages", "english_a": "B: English, 1 stage"}
    shown, file = meaning.on_strands(session, Job(), both)
    assert set(shown.data["model"]) == {"A: DNA, 2 stages", "B: English, 1 stage"}
    assert set(pd.read_csv(file["value"])["model"]) == {"dna_a", "english_a"}


def test_another_record_clears_what_was_said():
    assert meaning.on_other(2, 1) == [None, None, gr.update(value=None, interactive=False)]
