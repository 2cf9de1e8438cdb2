"""The DNA tab's handlers."""

import gradio as gr
import pandas as pd
import pytest

from app import dna
from app import session as limits
from app.job import Job

FASTA = ">one first\n" + "ACGTTGCA" * 20 + "\n>two\n" + "GGGATTTACA" * 30 + "\n"


def records_of(session, text=FASTA):
    return dna.on_records(session, "paste", text, None, "lambda", None)


def run(session, records, record, start=0, end=100, text=FASTA, model="auto", per_row=60):
    return dna.on_dna(
        session, Job(), "paste", text, None, "lambda", None, records, record, model, start, end, per_row, 10
    )


def test_records_are_offered_with_their_lengths(session):
    records, names, genes, start, end = records_of(session)
    assert [name for _, name in names["choices"]] == ["one", "two"] and names["value"] == "one"
    assert (genes["choices"], start, end) == ([], 0, 160)
    assert dna.on_record(records, "two")[1:] == (0, 300)


def test_lambda_comes_with_its_genes(session):
    records, _, genes, _, end = dna.on_records(session, "sample", "", None, "lambda", None)
    assert end == 48502 and any(label.startswith("cro ") for label, _ in genes["choices"])
    spot = next(value for label, value in genes["choices"] if label.startswith("cro "))
    first, last = dna.on_gene(spot)
    assert f"{first + 30}-{last - 30}" == spot and len(records.features) > 70


def test_annotation_of_another_genome_shows_no_genes(session, tmp_path):
    path = tmp_path / "x.gff3"
    path.write_text("##gff-version 3\nother\t.\tgene\t1\t9\t.\t+\t.\tID=g;Name=g\n")
    genes = dna.on_records(session, "paste", FASTA, None, "lambda", str(path))[2]
    assert genes["choices"] == []


def test_region_of_a_record(session):
    records, *_ = records_of(session)
    *_, first, last, done, value, stages, page = run(session, records, "two", 50, 1000)
    assert (first, last, page) == (50, 300, 1) and done.sequences[0].name == "two"
    assert value["origin"] == 50 and len(stages["choices"]) == 2
    again, *_ = dna.on_region(done, records, "two", 10, 40, 30, 3)
    assert again["origin"] == 10 and again["bases"] == {"perRow": 30, "group": 3}


def test_text_pasted_a_moment_ago_is_read_by_analyse(session):
    old, *_ = records_of(session)
    text = ">new\n" + "ACGT" * 30
    records, names, _, first, last, done, *_ = run(session, old, "two", 7, 9, text)
    assert done.sequences[0].name == names["value"] == "new" and (first, last) == (0, 120)
    assert run(session, records, "new", 0, 9, text)[0] == gr.skip()


def test_region_file_holds_what_overlaps(session):
    records, *_ = records_of(session)
    done = run(session, records, "two", 0, 300)[5]
    table = pd.read_csv(dna.on_region_files(session, done, 101, 140)["value"], keep_default_na=False)
    want = done.chunks[(done.chunks["end"] > 101) & (done.chunks["start"] < 140)]
    assert table["start"].tolist() == want["start"].tolist() and set(table["stage"]) == {0, 1}


@pytest.mark.parametrize(("start", "end"), [(-1, 10), (20, 20), (300, 310), (None, 10), (50, 10)])
def test_a_region_outside_is_refused(session, start, end):
    records, *_ = records_of(session)
    with pytest.raises(gr.Error, match="region"):
        run(session, records, "two", start, end)


def test_limits_are_told(session, monkeypatch):
    records, *_ = records_of(session)
    monkeypatch.setattr(limits, "MAX_SHOWN", 99)
    with pytest.raises(gr.Error, match="at most 99"):
        run(session, records, "two", 0, 100)
    monkeypatch.setattr(limits, "MAX_RECORD", 200)
    with pytest.raises(gr.Error, match="the page takes 200"):
        run(session, records, "two", 0, 50)


@pytest.mark.parametrize("text", ["MKVLAAGIVG", ">p\nMKVLAAGIVGLLLAQ\n", ">a\n>b\n"])
def test_what_is_no_dna_is_one_sentence(session, text):
    with pytest.raises(gr.Error) as raised:
        records_of(session, text)
    assert raised.value.message and "\n" not in raised.value.message


def test_empty_panel_clears_the_lists(session):
    assert dna.on_records(session, "paste", "", None, "lambda", None)[0] is None
    with pytest.raises(gr.Error, match="empty"):
        run(session, None, None, text="")


def test_region_before_analysis_says_what_to_do(session):
    records, *_ = records_of(session)
    with pytest.raises(gr.Error, match="press Analyse"):
        dna.on_region(None, records, "one", 0, 10, 60, 10)
    assert dna.on_look(None, records, "one", 0, 10, 60, 10) == (gr.skip(),) * 3


def test_picture_holds_the_region_shown_and_tables_the_whole_record(session):
    records, *_ = records_of(session)
    done = run(session, records, "two", 20, 80)[5]
    place = (records, 20, 80, 60, 10)
    picture = dna.on_region_picture(session, done, "html", *place)["value"]
    with open(picture, encoding="utf-8") as file:
        assert '"origin": 20' in file.read()
    table = dna.on_region_picture(session, done, "chunks.parquet", *place)["value"]
    assert pd.read_parquet(table)["end"].max() == 300
    assert dna.on_region_picture(session, None, "html", *place) == gr.skip()
