"""Saved runs in the place of models: the same tables, and one line where a run does not fit."""

import json

import numpy as np
import pandas as pd
import pytest

from analysis.commands import cli
from analysis.files.provenance import code_hash, file_hash
from analysis.files.runs import read_run, saved_runs
from analysis.files.saved_models import saved_models
from analysis.inputs.bases import reverse_complement
from analysis.inputs.sources import Sequence
from analysis.references import models as models_by_name
from tests.analysis.commands.test_cli import refused
from tests.analysis.commands.test_enrich import DNA, GFF3
from tests.analysis.fake_model import FakeModel

MODELS = {
    "a": FakeModel("a", cuts=(b"AC", b"A"), info={"domain": "dna", "seed": 1, "data_seed": 2}),
    "b": FakeModel("b", cuts=(b"AG",), info={"domain": "dna", "seed": 2}),
}


@pytest.fixture(autouse=True)
def models(monkeypatch):
    monkeypatch.setattr(models_by_name, "load_model", lambda name, *_: MODELS[name])


@pytest.fixture
def genome(tmp_path):
    (tmp_path / "g.fa").write_text(f">s1\n{DNA * 3}\n>s2\nACGTTGCA\n>s3\nA\n")
    (tmp_path / "g.gff3").write_text(GFF3)
    return tmp_path / "g.fa"


@pytest.fixture
def save(tmp_path, genome):
    """Saves a run of these models; its folder."""

    def run(*names, strand="+", runs="runs"):
        models = [part for name in names for part in ("--model", name)]
        arguments = ["boundaries", genome, *models, "--save-run", tmp_path / runs, "--strand", strand]
        assert cli.main([str(each) for each in arguments]) == 0
        return saved_runs(tmp_path / runs)[-1][0]

    return run


def table(command, genome, *arguments):
    out = genome.parent / "out.csv"
    assert (
        cli.main([str(each) for each in (command, genome, "--out", out, "--shifts", "30", *arguments)]) == 0
    )
    return pd.read_csv(out)


def test_compare_of_runs_is_that_of_the_models(genome, save):
    want = table("compare", genome, "--model", "a", "--model", "b")
    assert table("compare", genome, "--run", save("a", "b")).equals(want)
    assert table("compare", genome, "--model", "a", "--run", save("b", strand="both")).equals(want)
    about = json.loads((genome.parent / "out.csv.json").read_text())
    assert about["models"]["b"]["run"].startswith("2") and "run" not in about["models"]["a"]


def test_enrich_of_runs_is_that_of_the_models_on_both_strands(genome, save):
    options = ("--annotation", genome.parent / "g.gff3", "--reverse-complement")
    want = table("enrich", genome, "--model", "a", *options)
    assert "reverse_complement" in set(want["analysis"]) and 1 in set(want["stage"])
    assert table("enrich", genome, "--run", save("a", strand="both"), *options).equals(want)
    assert (
        table("enrich", genome, "--model", "a", "--run", save("b", strand="both"), *options).shape
        > want.shape
    )


@pytest.mark.parametrize("strand", ["+", "both"])
def test_tracks_are_those_of_the_model(strand, genome, save):
    sequences = [Sequence("s1", (DNA * 3).encode()), Sequence("s2", b"ACGTTGCA"), Sequence("s3", b"A")]
    strands = "+-" if strand == "both" else "+"
    [saved] = saved_models([str(save("a", strand=strand))], sequences, strands).values()
    assert (saved.name, saved.n_stages, saved.info["data_seed"]) == ("a", 2, 2)
    data = [each.data for each in sequences]
    for read in [data] if strand == "+" else [data, list(map(reverse_complement, data))]:
        steps = []
        found = saved.boundaries_many(read, progress=lambda *at, steps=steps: steps.append(at))
        for got, want in zip(found, MODELS["a"].boundaries_many(read), strict=True):
            for one, other in zip(got, want, strict=True):
                for name in ("byte", "prob", "is_boundary"):
                    assert np.array_equal(getattr(one, name), getattr(other, name)), name
        assert steps[-1] == (sum(map(len, read)),) * 2
        [whole] = saved.open().feed_all([read[0][:5], read[0][5:]])
        assert whole is found[0]


def test_one_model_in_two_runs_is_named_by_the_runs(genome, save):
    runs = [save("a"), save("a")]
    found = table("compare", genome, "--run", runs[0], "--run", runs[1])
    assert set(found["model_a"]) == {str(runs[0])} and set(found["model_b"]) == {str(runs[1])}
    assert found.loc[found["stage_a"] == found["stage_b"], "f1_star"].tolist() == [1, 1]
    both = table("compare", genome, "--run", save("a", "b"), "--model", "b")
    assert {f"{saved_runs(runs[0].parent)[-1][0]}:b", "b"} <= {*both["model_a"], *both["model_b"]}


def changed(run, **facts):
    """The manifest with other facts, and the checksum of the table as it is now."""
    path = run / "manifest.json"
    about = json.loads(path.read_text()) | facts
    about["files"]["bytes.parquet"]["sha256"] = file_hash(run / "bytes.parquet")
    path.chmod(0o644)
    path.write_text(json.dumps(about))


@pytest.mark.parametrize("command", ["compare", "enrich"])
@pytest.mark.parametrize(
    ("made_by", "words"),
    [("0f" * 32, "other code (0f0f0f0f0f0f, this is"), (None, "code that it does not name")],
)
def test_a_run_of_other_code_is_read_and_said_so(genome, save, capsys, command, made_by, words):
    run, same = save("a"), save("b")
    options = ["--annotation", genome.parent / "g.gff3"] if command == "enrich" else []
    want = table(command, genome, "--run", run, "--run", same, *options)
    assert "was saved by" not in capsys.readouterr().err
    changed(run, code_sha256=made_by)
    assert table(command, genome, "--run", run, "--run", same, *options).equals(want)
    errors = capsys.readouterr().err
    assert errors.count("was saved by") == 1
    assert f"warning: run {run}: was saved by {words}" in errors and "which may cut elsewhere" in errors
    about = json.loads((genome.parent / "out.csv.json").read_text())
    assert about["code_sha256"] == code_hash() == about["models"]["b"]["run_code_sha256"]
    assert about["models"]["a"]["run_code_sha256"] == made_by


def without_stage_1(run):
    rewritten(run, lambda rows: rows[rows["stage"] == 0])


def without_some_rows(run):
    rewritten(run, lambda rows: rows[rows["byte"] != 3])


def rewritten(run, keep):
    path = run / "bytes.parquet"
    path.chmod(0o644)
    keep(pd.read_parquet(path)).to_parquet(path)
    changed(run)


def other_values(run):
    path = run / "bytes.parquet"
    path.chmod(0o644)
    pd.read_parquet(path).assign(prob=np.float32(0.5)).to_parquet(path)


def no_parquet(run):
    (run / "bytes.parquet").chmod(0o644)
    (run / "bytes.parquet").write_bytes(b"PAR1 no more")
    changed(run)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: changed(run, code_version="0.0.9"), "was saved by version 0.0.9, and this is"),
        (
            lambda run: changed(run, input={"sha256": "00", "bytes": 7}),
            "is of another input (7 bytes, sha256 00",
        ),
        (lambda run: changed(run, models={}), "names no model with boundaries"),
        (lambda run: changed(run, models={"a": {"name": "a"}}), "is no manifest of a run"),
        (lambda run: changed(run, input=[]), "is no manifest of a run"),
        (without_stage_1, "stage 1 of a in s1 is incomplete; save the run anew"),
        (without_some_rows, "stage 0 of a in s1 is incomplete"),
        (other_values, "bytes.parquet: was changed since it was saved"),
        (no_parquet, "bytes.parquet: is cut off or no Parquet file"),
        (lambda run: (run / "bytes.parquet").unlink(), "bytes.parquet is missing"),
        (lambda run: (run / "manifest.json").unlink(), "is no run of boundaries --save-run DIR"),
    ],
)
@pytest.mark.parametrize("command", ["compare", "enrich"])
def test_a_run_that_does_not_fit_is_refused(genome, save, capsys, damage, message, command):
    run = save("a")
    damage(run)
    annotation = ["--annotation", genome.parent / "g.gff3"] if command == "enrich" else []
    capsys.readouterr()
    out = genome.parent / "out.csv"
    error = refused(capsys, command, genome, "--model", "b", "--run", run, "--out", out, *annotation)
    assert message in error and "run" in error and not out.exists()


def test_another_genome_is_refused(genome, save, capsys):
    run = save("a", "b")
    other = genome.with_name("h.fa")
    other.write_text(genome.read_text().replace("ACGTTGCA", "ACGTTGCC"))
    capsys.readouterr()
    error = refused(capsys, "compare", other, "--run", run, "--out", genome.parent / "out.csv")
    assert "is of another input" in error and "give the input that it was saved from" in error


def test_calls_that_name_no_or_too_few_or_wrong_runs(genome, save, capsys):
    run = save("a")
    capsys.readouterr()
    out = ("--out", genome.parent / "out.csv")
    assert "at least two models" in refused(capsys, "compare", genome, "--run", run, *out)
    assert "give --model NAME, or --run" in refused(capsys, "compare", genome, *out)
    assert "give --model NAME, or --run" in refused(
        capsys, "enrich", genome, "--annotation", genome.parent / "g.gff3", *out
    )
    twice = refused(capsys, "compare", genome, "--run", run, "--run", run, *out)
    assert "is given twice" in twice
    above = refused(capsys, "compare", genome, "--model", "b", "--run", run.parent, *out)
    assert f"name one of the runs in it, such as {run}" in above
    assert "name a folder in DIR" in refused(capsys, "compare", genome, "--run", genome, *out)
    controls = ("--controls", genome.parent / "c.csv")
    error = refused(capsys, "compare", genome, "--model", "b", "--run", run, *out, *controls)
    assert "--controls has models read shuffled input" in error
    strand = refused(
        capsys,
        *("enrich", genome, "--run", run, *out, "--reverse-complement"),
        *("--annotation", genome.parent / "g.gff3"),
    )
    assert "has strand + alone, and + and - is needed" in strand
    other = save("a", "b", strand="-", runs="minus")
    capsys.readouterr()
    minus = refused(capsys, "compare", genome, "--run", other, *out)
    assert "has strand - alone, and + is needed; save it anew with boundaries --strand both" in minus
    assert sorted(path.name for path in genome.parent.iterdir()) == ["g.fa", "g.gff3", "minus", "runs"]
    assert read_run(run)["models"]["a"]["data_seed"] == 2
