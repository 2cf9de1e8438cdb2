"""Every command over several files: rows for each, as if it had been given alone, or over all together."""

import json

import pandas as pd
import pytest

import analysis
from analysis.commands import cli
from hnet_core.checkpoint import save_model
from hnet_core.errors import InputError
from tests.tiny import random_bytes, tiny_model

TEXTS = {"a.txt": random_bytes(700, 1), "sub/b.txt": random_bytes(900, 2)}
COMMANDS = {
    "compare": ["--model", "ref:spaces", "--shifts", "20", "--density", "@d.csv", "--controls", "@c.csv"],
    "surprisal": [],
    "dictionary": ["--growth", "@d.csv", "--overlap", "@c.csv"],
    "stability": ["--edits", "3", "--curve", "@d.csv"],
    "account": [],
}
BANK = "\t".join(["1", "one", *"________"]) + "\n" + "\t".join(["2", "word", *"________"]) + "\n\n"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "in"
    for name, data in TEXTS.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


@pytest.fixture
def model(tmp_path):
    save_model(tmp_path / "m", tiny_model(2), {"name": "m"})
    return str(tmp_path / "m")


def tables(tmp_path, command, inputs, model, more):
    """The tables that a call writes, by the name of the file."""
    place = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
    place.mkdir()
    more = [str(place / part[1:]) if part.startswith("@") else part for part in more]
    call = [command, *map(str, inputs), "--model", model, "--out", str(place / "o.csv"), *more]
    assert cli.main(call) == 0
    return {path.name: pd.read_csv(path, keep_default_na=False) for path in sorted(place.glob("*.csv"))}


@pytest.mark.parametrize("command", COMMANDS)
def test_rows_of_each_file_are_those_of_the_file_alone(command, folder, model, tmp_path):
    more = COMMANDS[command]
    alone = [tables(tmp_path, command, [folder / name], model, more) for name in TEXTS]
    found = tables(tmp_path, command, [folder], model, more)
    assert len(found) == 1 + sum(part.startswith("@") for part in more)
    for name, table in found.items():
        assert table.columns[0] == "file" and set(table["file"]) == {str(folder / each) for each in TEXTS}
        pd.testing.assert_frame_equal(table, pd.concat([each[name] for each in alone], ignore_index=True))


@pytest.mark.parametrize("command", COMMANDS)
def test_together_they_are_the_records_of_one_file(command, folder, model, tmp_path):
    """As JSON lines, which hold many texts in one file."""
    texts = [data.decode("latin-1") for data in TEXTS.values()]
    for path, text in zip([folder / name for name in TEXTS], texts, strict=True):
        path.write_text(text)
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"text": each}) + "\n" for each in texts))
    more = COMMANDS[command]
    one = tables(tmp_path, command, [tmp_path / "t.jsonl"], model, more)
    found = tables(tmp_path, command, [folder], model, [*more, "--together"])
    for name, table in found.items():
        assert set(table["file"]) == {"2 files"}
        dropped = ["file", *({"sequence"} & set(table))]
        pd.testing.assert_frame_equal(table.drop(columns=dropped), one[name].drop(columns=dropped))


def test_what_is_wrong_with_one_file_names_it(folder, model, tmp_path, capsys):
    (folder / "tiny.txt").write_text("x")
    out = tmp_path / "o.csv"
    assert cli.main(["stability", str(folder), "--model", model, "--edits", "2", "--out", str(out)]) == 2
    said = capsys.readouterr().err
    last = said.splitlines()[-1]
    assert last.startswith(f"error: {folder / 'tiny.txt'}: a change shows in an input of two bytes")
    assert not out.exists()
    for command in ("compare", "surprisal", "dictionary", "account"):
        found = tables(tmp_path, command, [folder], model, COMMANDS[command])["o.csv"]
        assert str(folder / "tiny.txt") in set(found["file"]), command


def test_consensus_says_the_file_of_every_row(folder, model, tmp_path):
    more = ["--model", "ref:spaces", "--by", "domain", "--consensus", "@c.csv", "--shifts", "5"]
    table = tables(tmp_path, "compare", [folder], model, more)["c.csv"]
    assert set(zip(table["file"], table["sequence"], strict=True)) == {
        (str(folder / "a.txt"), "a.txt"),
        (str(folder / "sub/b.txt"), "b.txt"),
    }


def test_evaluate_takes_the_treebanks_of_a_folder(tmp_path, capsys):
    for name in ("x/one.conllu", "y/one.conllu", "y/notes.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(BANK * 5)
    out = tmp_path / "o.csv"
    call = [
        "evaluate",
        "--gold",
        str(tmp_path / "in"),
        "--model",
        "ref:words",
        "--out",
        str(out),
        "--shifts",
        "9",
    ]
    assert cli.main(call) == 0
    table = pd.read_csv(out)
    assert table["file"].unique().tolist() == [str(tmp_path / "in" / f"{each}/one.conllu") for each in "xy"]
    assert set(table["gold"]) == {"one"}
    assert "left out: 1 no .conllu files" in capsys.readouterr().err
    (tmp_path / "notes").mkdir()
    call[2] = str(tmp_path / "notes")
    assert cli.main(call) == 2 and "holds no .conllu file" in capsys.readouterr().err


GENOME = ">r1\n" + "ATGAAACCCGGGTTTTAAACGTACGT" * 4 + "\n"
GFF = "".join(f"r1\tx\tCDS\t{1 + 26 * i}\t{18 + 26 * i}\t.\t+\t0\tID=c{i};Parent=p{i}\n" for i in range(3))
OTHER = GFF.replace("\t+\t", "\t-\t")


@pytest.fixture
def genomes(tmp_path):
    place = tmp_path / "genomes"
    place.mkdir()
    (place / "a.fa").write_text(GENOME)
    (place / "b.fna").write_text(GENOME.replace("CCC", "CAC"))
    return place


def enriched(tmp_path, inputs, *more):
    out = tmp_path / "e.csv"
    call = ["enrich", *map(str, inputs), "--model", "ref:kmers:2", "--shifts", "20", "--out", str(out)]
    code = cli.main([*call, "--profiles", str(tmp_path / "p.csv"), *map(str, more)])
    return (pd.read_csv(out), pd.read_csv(tmp_path / "p.csv")) if code == 0 else code


def test_enrich_pairs_genomes_with_annotations(genomes, tmp_path, capsys):
    (tmp_path / "one.gff3").write_text(GFF)
    (tmp_path / "two.gff3").write_text(OTHER)
    each = [
        enriched(tmp_path, [genomes / genome], "--annotation", tmp_path / annotation)
        for genome, annotation in (("a.fa", "one.gff3"), ("b.fna", "two.gff3"))
    ]
    pairs = ["--annotation", tmp_path / "one.gff3", "--annotation", tmp_path / "two.gff3"]
    for found, *alone in zip(enriched(tmp_path, [genomes], *pairs), *each, strict=True):
        pd.testing.assert_frame_equal(found, pd.concat(alone, ignore_index=True))
    (genomes / "a.gff3").write_text(GFF)
    (genomes / "b.gff").write_text(OTHER)
    beside = enriched(tmp_path, [genomes])
    for found, *alone in zip(beside, *each, strict=True):
        pd.testing.assert_frame_equal(found, pd.concat(alone, ignore_index=True))
    by_name = analysis.enrich(genomes, "ref:kmers:2", shifts=20)
    assert by_name["file"].unique().tolist() == [str(genomes / "a.fa"), str(genomes / "b.fna")]


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ([], "has no annotation of its name in its folder"),
        (["one.gff3"], "sequences of one name, so it cannot be the annotation of both"),
        (["one.gff3"] * 3, "2 genomes and 3 annotations; give one for all, or one a genome"),
    ],
)
def test_annotations_that_fit_no_genome_are_refused(annotations, message, genomes, tmp_path, capsys):
    (tmp_path / "one.gff3").write_text(GFF)
    options = [part for each in annotations for part in ("--annotation", tmp_path / each)]
    assert enriched(tmp_path, [genomes], *options) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1 and not (tmp_path / "e.csv").exists()


def test_one_annotation_of_a_genome_in_several_files(genomes, tmp_path):
    """Chromosome by chromosome: each file has the features of its own records."""
    (genomes / "b.fna").write_text(GENOME.replace("r1", "r2"))
    both = tmp_path / "both.gff3"
    both.write_text(GFF + OTHER.replace("r1", "r2").replace("=c", "=d").replace("=p", "=q"))
    whole = tmp_path / "whole.fa"
    whole.write_text(GENOME + GENOME.replace("r1", "r2"))
    for split, one in zip(
        enriched(tmp_path, [genomes], "--annotation", both, "--together"),
        enriched(tmp_path, [whole], "--annotation", both),
        strict=True,
    ):
        pd.testing.assert_frame_equal(split.drop(columns="file"), one.drop(columns="file"))


def test_genes_of_one_name_in_two_genomes_stay_two_genes(genomes, tmp_path):
    """As if every sequence and every gene had a name of its own."""
    for name in ("a.gff3", "b.gff3"):
        (genomes / name).write_text(GFF)
    both = tmp_path / "both.gff3"
    both.write_text(GFF + GFF.replace("r1", "r2").replace("=c", "=d").replace("=p", "=q"))
    whole = tmp_path / "whole.fa"
    whole.write_text(GENOME + GENOME.replace("r1", "r2").replace("CCC", "CAC"))
    for split, one in zip(
        enriched(tmp_path, [genomes], "--together"),
        enriched(tmp_path, [whole], "--annotation", both),
        strict=True,
    ):
        pd.testing.assert_frame_equal(split.drop(columns="file"), one.drop(columns="file"))


def test_python_takes_lists_and_folders(folder, tmp_path):
    done = analysis.analyse(folder, "ref:words")
    assert [each.file for each in done.sequences] == [str(folder / name) for name in TEXTS]
    table = analysis.compare([folder / name for name in TEXTS], ["ref:words", "ref:spaces"], shifts=5)
    assert table["file"].tolist() == [str(folder / name) for name in TEXTS]
    both = analysis.compare([folder], ["ref:words", "ref:spaces"], shifts=5, together=True)
    assert both["file"].tolist() == ["2 files"]
    assert analysis.compare([b"a b c", b"d e f"], ["ref:words", "ref:spaces"], shifts=5)["file"].tolist() == [
        "input 1",
        "input 2",
    ]
    (folder / "x.bin").write_bytes(b"\0")
    with pytest.warns(UserWarning, match="left out: 1 binary"):
        analysis.analyse(folder, "ref:words")
    with pytest.raises(InputError, match="is given twice"):
        analysis.analyse([folder / "a.txt", folder / "a.txt"], "ref:words")
