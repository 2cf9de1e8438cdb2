"""The DNA tab's handlers: records, annotations, places, the base view."""

import gzip
import lzma
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pandas as pd
import pytest

from app.dna import bases, search
from app.dna import handlers as dna
from app.evidence.handlers import on_page
from app.server import session as limits
from app.source.reading import PROGRESS
from app.work.job import Job, Wish

FASTA = ">one first\n" + "ACGTTGCA" * 20 + "\n>two\n" + "GGGATTTACA" * 30 + "\n"
GFF = (
    "##gff-version 3\n{0}\t.\tgene\t11\t70\t.\t+\t.\tID=g1;Name=abc;locus_tag=b0001\n"
    "{0}\t.\tCDS\t11\t70\t.\t+\t0\tID=c1;Name=P1;Parent=g1\n"
)
GENBANK = """LOCUS       REC1                  60 bp    DNA     linear   BCT 01-JAN-2000
ACCESSION   REC1
VERSION     REC1.1
FEATURES             Location/Qualifiers
     gene            complement(4..33)
                     /gene="xyz"
                     /locus_tag="T_01"
     CDS             complement(4..33)
                     /gene="xyz"
ORIGIN
        1 acgtacgtac gtacgtacgt acgtacgtac gtacgtacgt acgtacgtac gtacgtacgt
//
"""


def records_of(session, text=FASTA, annotation=None):
    return dna.on_records(session, "paste", text, None, "lambda", annotation)


def run(session, records, record, start=1, end=100, text=FASTA, models=("auto",), annotation=None):
    place = (start, end, 60, 10)
    return dna.on_dna(
        session,
        Job(),
        PROGRESS,
        "paste",
        text,
        None,
        "lambda",
        annotation,
        records,
        record,
        list(models),
        *place,
    )


@pytest.fixture
def gff(tmp_path):
    path = tmp_path / "two.gff3"
    path.write_text(GFF.format("two"))
    return str(path)


@pytest.fixture
def opened(session, gff):
    records = records_of(session, annotation=gff)[0]
    return run(session, records, "two", annotation=gff)[5]


def test_records_are_offered_with_their_lengths(session):
    records, names, start, end, about_annotation, about_dna = records_of(session)
    assert [name for _, name in names["choices"]] == ["one", "two"] and names["value"] == "one"
    assert (start, end, about_annotation, about_dna) == (1, 160, "", "")
    assert dna.on_record(records, "two") == (1, 300, "", "")


def test_lambda_comes_with_its_genes(session):
    records, _, _, end, *_ = dna.on_records(session, "sample", "", None, "lambda", None)
    assert end == dna.FIRST_VIEW and len(records.features) > 70
    start, end, words, problem = search.on_find(records, "NC_001416.1", "cro", 1, 100)
    assert (start, end, problem) == (38023 - 30, 38315 + 30, "")
    assert words.startswith("gene cro 38,023-38,315 (+), 1 of ")
    places = []
    for _ in range(11):
        start, end, words, _ = search.on_find(records, "NC_001416.1", "cI", start, end)
        places.append(words.split()[0])
    assert places == ["gene", *["variation"] * 10]
    assert words.endswith("11 of 11; Enter again for the next, a gene")


def test_annotation_of_another_genome_is_told_beside_it_and_the_records_stay(session, tmp_path):
    path = tmp_path / "x.gff3"
    path.write_text(GFF.format("other"))
    records, *_, about_annotation, about_dna = records_of(session, annotation=str(path))
    assert "x.gff3: is of another genome" in about_annotation and about_dna == ""
    assert records.features is None and len(records.sequences) == 2
    path.write_text("this is no annotation\n")
    assert "x.gff3, line 1" in records_of(session, annotation=str(path))[4]


def test_genbank_brings_its_own_annotation(session, tmp_path):
    path = tmp_path / "r.gb"
    path.write_text(GENBANK)
    records, *_ = dna.on_records(session, "upload", "", str(path), "lambda", None)
    found = [search.on_find(records, "REC1.1", name, 1, 9) for name in ("xyz", "XYZ", "t_01")]
    assert [(start, end) for start, end, *_ in found] == [(1, 60)] * 3
    path.write_text(GENBANK.split("ORIGIN")[0] + "ORIGIN\n//\n")
    changed = dna.on_records(session, "upload", "", str(path), "lambda", None)
    assert changed[:5] == (gr.skip(),) * 5 and "ORIGIN" in changed[5]


@pytest.mark.parametrize("name", ["r.gb", "r.gb.txt", "r.txt.gz", "r.gb.xz", "r"])
def test_genbank_brings_its_genes_whatever_the_file_is_called(session, tmp_path, name):
    path, data = tmp_path / name, GENBANK.encode()
    packed = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)
    path.write_bytes(packed(data))
    records, *_, problem, _ = dna.on_records(session, "upload", "", str(path), "lambda", None)
    assert problem == "" and records.features["name"].tolist() == ["xyz", "xyz"]


def test_pasted_genbank_brings_its_genes(session):
    records, *_, problem, _ = dna.on_records(session, "paste", GENBANK, None, "lambda", None)
    assert problem == "" and records.features["name"].tolist() == ["xyz", "xyz"]


def test_why_a_record_s_own_genes_are_missing_is_told_and_none_need_no_word(session):
    broken = GENBANK.replace("complement(4..33)", "complement(400..433)")
    records, *_, problem, about_dna = dna.on_records(session, "paste", broken, None, "lambda", None)
    assert records.features is None and about_dna == ""
    assert problem.startswith("the record's own genes are not shown: pasted text: ") and "\n" not in problem
    bare = GENBANK[: GENBANK.index("     gene")] + GENBANK[GENBANK.index("ORIGIN") :]
    records, *_, problem, _ = dna.on_records(session, "paste", bare, None, "lambda", None)
    assert records.features is None and problem == ""


def test_places_are_found_by_name_tag_part_and_region(session, gff):
    records = records_of(session, annotation=gff)[0]
    find = lambda text, start=1, end=9: search.on_find(records, "two", text, start, end)  # noqa: E731
    for text in ("abc", "ABC", "b0001", "ab", "b00"):
        assert find(text)[:2] == (1, 100), text
    for text in ("20-50", "two:20..50", "20 50", "20–50", "chr:2,0-50", "complement(20..50)", "<20..>50"):
        assert find(text) == (20, 50, "", ""), text
    for text in ("120", "two:120", "1,20"):
        assert find(text) == (90, 150, "", ""), text
    assert find("5")[:2] == (1, 35) and find("300")[:2] == (270, 300)
    start, end, words, problem = find("nothing")
    assert (start, end, words) == (gr.skip(), gr.skip(), "")
    assert "no feature of two is named 'nothing'" in problem
    for text, told in (
        ("200-301", "beyond the 300 bases of two"),
        ("301", "beyond the 300 bases of two"),
        ("50-20", "from base 50 to base 20: give two whole numbers from 1 to 300"),
        ("0-20", "from base 0 to base 20"),
        ("0", "from base 0"),
        ("one:20-50", "one is another record of this file"),
        ("[20, 50)", "no feature of two is named '[20, 50)'"),
        ("  ", "write a gene"),
    ):
        assert told in find(text)[3], text
    assert "no record yet" in search.on_find(None, None, "a", 1, 1)[3]


def test_a_name_comes_before_a_place_and_a_gene_before_what_else_has_its_name(session, tmp_path):
    path = tmp_path / "two.gff3"
    line = "two\t.\t{}\t{}\t{}\t.\t+\t.\tName={}\n"
    rows = [
        ("variation", 21, 21, "cI"),
        ("CDS", 41, 70, "cI"),
        ("gene", 81, 100, "cI"),
        ("gene", 121, 130, "ci"),
        ("gene", 141, 150, "cI857"),
        ("gene", 161, 170, "17"),
    ]
    path.write_text("".join(line.format(*row) for row in rows))
    records, at, kinds = records_of(session, annotation=str(path))[0], (1, 10), []
    for _ in range(3):
        *at, words, _ = search.on_find(records, "two", "cI", *at)
        at = tuple(at)
        kinds.append(words.split()[0])
    assert kinds == ["gene", "CDS", "variation"]
    assert search.on_find(records, "two", "ci", 1, 10)[:2] == (
        91,
        160,
    )  # as it is written, before another case
    assert search.on_find(records, "two", "17", 1, 10)[:2] == (131, 200)
    assert search.on_find(records, "two", "16", 1, 10)[:2] == (1, 46)  # no part of a name


def test_asking_again_leads_to_the_next_of_that_name(session, tmp_path):
    path = tmp_path / "two.gff3"
    line = "two\t.\tgene\t{}\t{}\t.\t+\t.\tName=rep\n"
    path.write_text("".join(line.format(a, a + 19) for a in (41, 101, 201)))
    records, places, at = records_of(session, annotation=str(path))[0], [], (1, 10)
    for _ in range(4):
        *at, words, _ = search.on_find(records, "two", "rep", *at)
        at = tuple(at)
        places.append(at)
    assert places == [(11, 90), (71, 150), (171, 250), (11, 90)] and "1 of 3" in words


def test_region_of_a_record(session):
    records = records_of(session)[0]
    out = run(session, records, "two", 50, 1000)
    first, last, opened, done, tracks, value, stages, page = out[3:]
    assert (first, last, page) == (50, 300, 1) and done.sequences[0].name == "two"
    assert (
        value["origin"] == 49
        and len(stages["choices"]) == 2
        and (tracks["start"], tracks["end"]) == (49, 300)
    )
    again, start, end, *words = dna.on_place(opened, "two", 11, 40, 30, 10)
    assert again["origin"] == 10 and again["bases"] == {"perRow": 30, "group": 10}
    assert (start, end, words) == (11, 40, ["", ""]) and ("shown below", "11-40") in again["facts"]
    assert again["link"]["start"] == "10" and again["link"]["end"] == "40"
    moved = dna.on_locus(opened, "two", 30, 10, SimpleNamespace(start=10, end=40))
    assert moved == (again, 11, 40, "", "")


def test_text_pasted_a_moment_ago_is_read_by_analyse(session):
    old, *_ = records_of(session)
    text = ">new\n" + "ACGT" * 30
    records, names, _, first, last, opened, *_ = run(session, old, "two", 7, 9, text)
    assert opened.record.name == names["value"] == "new" and (first, last) == (1, 120)
    assert run(session, records, "new", 1, 9, text)[0] == gr.skip()


def test_another_annotation_leaves_the_record_and_its_region(session, gff):
    old, *_ = records_of(session)
    records, problem = dna.on_annotation(session, "paste", FASTA, None, "lambda", gff)
    assert problem == "" and records.features_of("two")["name"].tolist() == ["abc", "P1"]
    assert dna.on_annotation(session, "paste", "", None, "lambda", gff) == (None, "")
    # Analyse was pressed before the annotation had been read.
    records, names, problem, first, last, opened, *_ = run(session, old, "two", 20, 50, annotation=gff)
    assert (opened.record.name, first, last, names, problem) == ("two", 20, 50, gr.skip(), "")
    assert len(opened.features) == 2 and len(records.features_of("two")) == 2


def test_of_many_records_some_are_listed_and_any_can_be_named(session, monkeypatch):
    monkeypatch.setattr(dna, "MOST_LISTED", 3)
    records, names, *_ = records_of(session, "".join(f">r{i}\nACGT\n" for i in range(9)))
    assert [name for _, name in names["choices"]] == ["r0", "r1", "r2"]
    assert names["label"] == "Record: 3 of 9, or type a name" and dna.on_record(records, "r8") == (
        1,
        4,
        "",
        "",
    )
    assert "no record 'r9' here" in dna.on_record(records, "r9")[3]
    assert records_of(session)[1]["label"] == "Record"


def test_region_file_holds_what_overlaps_of_every_model(session):
    records, *_ = records_of(session)
    opened = run(session, records, "two", 1, 300, models=("dna_a", "english_a"))[5]
    table = pd.read_csv(dna.on_region_files(session, opened, 102, 140)["value"], keep_default_na=False)
    for each in opened.analyses:
        want = each.chunks[(each.chunks["end"] > 101) & (each.chunks["start"] < 140)]
        assert table[table["model"] == each.model.name]["start"].tolist() == want["start"].tolist()
    assert set(table["model"]) == {"dna_a", "english_a"}


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 10), (-5, 10), (21, 20), (301, 310), (None, 10), (5, None), (1.5, 10), (1e308, 1e308)],
)
def test_a_region_outside_is_refused_and_what_was_there_stays(session, opened, start, end):
    records, *_ = records_of(session)
    with pytest.raises(gr.Error, match=r"from base .* give two whole numbers from 1 to 300"):
        run(session, records, "two", start, end)
    *others, found, problem = dna.on_place(opened, "two", start, end, 60, 10)
    assert others == [gr.skip()] * 3 and found == "" and "from base " in problem
    # What follows a place stays as it was, too.
    assert dna.on_region_files(session, opened, start, end) == gr.skip()
    assert on_page(session, opened.analyses[0], 0, 1, start, end) == (gr.skip(),) * 4


def test_limits_are_told(session, monkeypatch):
    records, *_ = records_of(session)
    for models in ([], ["dna_a"] * 7):
        with pytest.raises(gr.Error, match="one to 6"):
            run(session, records, "two", 1, 50, models=models)
    monkeypatch.setattr(limits, "MAX_RECORD", 200)
    with pytest.raises(gr.Error, match="the page takes 200"):
        run(session, records, "two", 1, 50)


@pytest.mark.parametrize("text", ["MKVLAAGIVG", ">p\nMKVLAAGIVGLLLAQ\n", ">a\n>b\n"])
def test_what_is_no_dna_is_one_sentence_and_changes_nothing(session, text):
    *others, words = records_of(session, text)
    assert others == [gr.skip()] * 5 and words and "\n" not in words


def test_empty_panel_clears_the_lists(session):
    assert dna.on_records(session, "paste", "", None, "lambda", None)[0] is None
    with pytest.raises(gr.Error, match="empty"):
        run(session, None, None, text="")


def test_a_place_before_the_first_run_changes_nothing(opened):
    for before in (None, opened):
        assert dna.on_place(before, "one", 1, 10, 60, 10) == (gr.skip(), gr.skip(), gr.skip(), "", "")


def test_picture_holds_the_region_shown_and_tables_the_whole_record(session, opened):
    def save(done, key):
        wish = Wish()
        wish.key = key
        return dna.on_region_picture(session, wish, done, key, opened, 21, 80, 60, 10)

    picture = save(opened.analyses[0], "html")["value"]
    with open(picture, encoding="utf-8") as file:
        assert '"origin": 20' in file.read()
    table = save(opened.analyses[0], "chunks.parquet")["value"]
    assert pd.read_parquet(table)["end"].max() == 300
    assert save(None, "html") == gr.skip()


def test_a_wide_region_shows_its_middle_and_its_file_holds_just_that(session, opened, monkeypatch):
    monkeypatch.setattr(bases, "MOST", 60)
    value = bases.region_value(opened, 100, 300, 60, 10)
    assert value["origin"] == 170 and value["notes"][-1].startswith("The middle 60 bases")
    assert ("shown below", "171-230") in value["facts"]
    table = pd.read_csv(dna.on_region_files(session, opened, 101, 300)["value"], keep_default_na=False)
    assert table["end"].min() > 170 and table["start"].max() < 230 and table["start"].min() <= 170


def test_codons_stand_in_the_frame_of_their_gene(session, opened, tmp_path):
    """The gene is [10, 70) forward: threes from 10 on inside, from 70 on behind, from the region's start before it."""
    gaps = np.flatnonzero(bases.codon_gaps(opened, 2, 100)) + 2
    assert gaps.tolist() == [2, 5, 8, *range(10, 70, 3), *range(70, 100, 3)]
    path = tmp_path / "r.gff3"
    path.write_text("two\t.\tCDS\t12\t31\t.\t-\t0\tID=c\n")
    other = run(session, records_of(session, annotation=str(path))[0], "two", annotation=str(path))[5]
    # Read from 31 (1-based) down: codons 29-31, 26-28, ..., 14-16, and 12-13 begin one.
    assert np.flatnonzero(bases.codon_gaps(other, 11, 40))[:8].tolist() == [2, 5, 8, 11, 14, 17, 20, 23]
    value = bases.region_value(opened, 2, 100, 30, 3)
    assert value["bases"]["gaps"] and value["features"] == [
        {"start": 8, "end": 68, "strand": "+", "name": "abc", "kind": "gene"}
    ]
