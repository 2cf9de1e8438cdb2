"""python -m analysis compare with its further tables."""

import json

import oxbow
import pandas as pd
import pytest

from analysis import schema
from analysis.commands import cli
from analysis.references import models as models_by_name
from analysis.references.names import is_reference, segmenter
from hnet_core.checkpoint import save_model
from tests.analysis.fake_model import FakeModel
from tests.tiny import tiny_model

MODELS = {
    "words": FakeModel("words", info={"domain": "english", "n_stages": 2}),
    "commas": FakeModel("commas", cuts=(b" ,",), info={"domain": "english", "n_stages": 1}),
    "points": FakeModel("points", cuts=(b" .",), info={"domain": "english", "n_stages": 1}),
}
TEXT = "The cat sat. The dog, too. " * 40


@pytest.fixture(autouse=True)
def models(monkeypatch):
    monkeypatch.setattr(
        models_by_name, "load_model", lambda name, *_: segmenter(name) if is_reference(name) else MODELS[name]
    )
    blank = {name: FakeModel("blank", cuts=(b"a", b"t")[: model.n_stages]) for name, model in MODELS.items()}
    monkeypatch.setattr("analysis.commands.compare.untrained_model", lambda name, *_: blank[name])


@pytest.fixture
def call(tmp_path, capsys):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)

    def run(*arguments, out="out.csv"):
        options = [str(tmp_path / a[1:]) if a.startswith("@") else a for a in arguments]
        models = [part for name in MODELS for part in ("--model", name)]
        code = cli.main(["compare", str(path), *models, *options, "--out", str(tmp_path / out)])
        return code, capsys.readouterr()

    return run


def test_every_further_table(call, tmp_path):
    names = ("groups", "consensus", "density", "controls")
    options = [part for name in names for part in (f"--{name}", f"@{name}.csv")]
    code, shown = call(*options, "--model", "ref:spaces", "--shifts", "50", "--untrained", "2")
    assert code == 0 and "warning: " in shown.err and "in density by more than 1.5 times" in shown.err
    tables = {name: pd.read_csv(tmp_path / f"{name}.csv") for name in ("out", *names)}
    assert list(tables["out"].columns) == ["file", *schema.AGREEMENT]
    assert list(tables["groups"].columns) == ["file", *schema.GROUPS]
    assert set(tables["groups"]["group_b"]) == {
        "domain english, depth 1",
        "ref:spaces",
    }
    assert list(tables["consensus"].columns) == ["file", "group", "stage", *schema.CONSENSUS]
    shallow = tables["consensus"][tables["consensus"]["group"] == "domain english, depth 1"]
    assert shallow.loc[shallow["byte"] == 4, "n_models"].item() == 2  # behind the first space
    assert list(tables["density"].columns[5:]) == list(schema.DENSITY)
    assert list(tables["controls"].columns) == ["file", *schema.AGREEMENT, "f1_star_beyond_pairs"]
    controls = tables["controls"]["model_b"]
    assert set(controls[tables["controls"]["model_a"] == "commas"]) == {
        "random like commas",
        "periodic like commas",
        "commas on shuffled input",
        "untrained commas, 0",
        "untrained commas, 1",
    }
    assert "alike beside alike: " in shown.out
    about = json.loads((tmp_path / "controls.csv.json").read_text())
    assert about["command"] == "compare" and about["options"]["untrained"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--by", "colour"), "give one or more of domain, depth, seed, data"),
        (("--groups", "@out.csv"), "two tables would be written to one file"),
        (("--groups", "@g.bed"), "has no positions"),
        (("--shuffle-word", "9"), "must be 1 to 8"),
        (("--untrained", "-1"), "must be 0 or more"),
        (("--model", "ref:wrods"), "did you mean ref:words"),
    ],
)
def test_wrong_options_say_so_and_nothing_is_written(options, message, call, tmp_path):
    code, shown = call(*options)
    assert code == 2 and message in shown.err and shown.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


DNA = ">one\nACGTACGTACGTTTAACCGG\n>two\nGGGATTACAGATTACA\n"


@pytest.fixture
def call_dna(tmp_path, capsys, monkeypatch):
    """compare of three models over two records; what each cuts at is known letter by letter."""
    found = {
        name: FakeModel(name, cuts=(letters,), info={"domain": "dna", "n_stages": 1, "seed": seed})
        for seed, (name, letters) in enumerate({"a": b"A", "b": b"AC", "c": b"G"}.items())
    }
    monkeypatch.setattr(models_by_name, "load_model", lambda name, *_: found[name])
    path = tmp_path / "g.fa"
    path.write_text(DNA)

    def run(*arguments):
        models = [part for name in found for part in ("--model", name)]
        out = ["--out", str(tmp_path / "o.csv")]
        code = cli.main(["compare", str(path), *models, *out, "--shifts", "20", *arguments])
        return code, capsys.readouterr()

    return run


def shares():
    """(sequence, byte) -> share of the models a, b, c of call_dna that cut there: behind their letters."""
    by_letter = {"A": 2 / 3, "C": 1 / 3, "G": 1 / 3}
    records = [part.split("\n")[:2] for part in DNA.split(">")[1:]]
    return {
        (name, i): by_letter[letter]
        for name, bases in records
        for i, letter in enumerate(bases[:-1], 1)
        if letter in by_letter
    }


def test_the_consensus_as_bedgraph_is_read_back_by_another_library(call_dna, tmp_path):
    out = tmp_path / "consensus.bedgraph"
    assert call_dna("--consensus", str(out))[0] == 0
    comment, track, *lines = out.read_text().splitlines()
    about = json.loads(comment.removeprefix("# hnet_chunks "))
    assert about["command"] == "compare" and set(about["models"]) == {"a", "b", "c"}
    assert track == 'track type=bedGraph name="domain dna, depth 1 stage 0" viewLimits=0:1'
    (tmp_path / "plain.bedgraph").write_text("\n".join(lines) + "\n")
    back = oxbow.from_bed(str(tmp_path / "plain.bedgraph"), bed_schema="bedgraph").pd()
    # Of an interval of one base the end, which counts alike from 0 and from 1, says which base it is.
    got = {(row.chrom, row.end - 1): row.value for row in back.itertuples()}
    assert got == pytest.approx(shares(), rel=1e-5)


def test_the_consensus_as_bigwig_is_read_back_by_another_library(call_dna, tmp_path):
    out = tmp_path / "consensus.bw"
    assert call_dna("--consensus", str(out))[0] == 0
    assert json.loads((tmp_path / "consensus.bw.json").read_text())["command"] == "compare"
    back = oxbow.from_bigwig(str(out)).pd()
    got = {(row.chrom, row.end - 1): row.value for row in back.itertuples()}
    assert got == pytest.approx(shares(), rel=1e-5)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_consensus_as_a_table(call_dna, tmp_path, suffix):
    out = tmp_path / f"consensus.{suffix}"
    assert call_dna("--consensus", str(out))[0] == 0
    table = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    got = {(r.sequence, r.byte): r.share for r in table.itertuples()}
    assert got == pytest.approx(shares())


def test_a_consensus_track_of_a_text_is_refused_before_any_work(call, tmp_path):
    code, shown = call("--consensus", "@c.bedgraph")
    assert code == 2 and "tracks are for DNA" in shown.err
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def test_a_bigwig_of_several_groups_is_refused_before_any_work(call_dna, tmp_path):
    code, shown = call_dna("--consensus", str(tmp_path / "c.bw"), "--by", "seed")
    assert code == 2 and "groups and stages here make 3" in shown.err
    assert [path.name for path in tmp_path.iterdir()] == ["g.fa"]


@pytest.mark.parametrize(("other", "code"), [("dna", 2), ("code", 0)])
def test_models_of_different_domains(call, monkeypatch, tmp_path, other, code):
    monkeypatch.setitem(MODELS, "words", FakeModel("words", info={"domain": other, "n_stages": 2}))
    got, shown = call("--shifts", "20")
    assert got == code and "english" in shown.err and f"words on {other}" in shown.err
    assert (tmp_path / "out.csv").exists() == (code == 0)
    if code:
        assert shown.err.startswith("error: models were trained on DNA and on text") and not shown.out
        assert shown.err.count("\n") == 1


def test_untrained_controls_are_of_different_seeds(tmp_path, monkeypatch):
    """Real models, which start from other weights for every seed."""
    monkeypatch.undo()
    for seed in (0, 1):
        info = {"name": f"m{seed}", "domain": "english", "n_stages": 1, "seed": seed}
        save_model(tmp_path / f"m{seed}", tiny_model(1, seed), info)
    (tmp_path / "t.txt").write_text(TEXT)
    out = [part for name in ("out", "controls") for part in (f"--{name}", str(tmp_path / f"{name}.csv"))]
    models = [part for name in ("m0", "m1") for part in ("--model", name)]
    call = ["compare", str(tmp_path / "t.txt"), "--models", str(tmp_path), *models, *out, "--untrained", "3"]
    assert cli.main([*call, "--seed", "5", "--shifts", "2"]) == 0
    table = pd.read_csv(tmp_path / "controls.csv")
    blank = table[(table["model_a"] == "m0") & table["model_b"].str.startswith("untrained")]
    assert blank["model_b"].tolist() == [f"untrained m0, {seed}" for seed in (5, 6, 7)]
    assert blank["f1_star"].nunique() == 3
