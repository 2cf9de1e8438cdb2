"""--threshold: a stage cuts where p is above it, and inner stages read the chunks that this makes."""

import json

import numpy as np
import pandas as pd
import pytest

import analysis
import hnet_core
from analysis.boundaries.thresholds import parse_thresholds
from analysis.commands import cli
from hnet_core.checkpoint import save_model
from hnet_core.errors import InputError
from tests.tiny import random_bytes, tiny_model

TEXT = random_bytes(2000, 3)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("threshold")
    (place / "t.txt").write_bytes(TEXT)
    for name, stages in (("one", 1), ("two", 2)):
        save_model(place / name, tiny_model(stages), {"name": name})
    return place


def run(place, command, *options, model="two"):
    out = place / f"{command}.csv"
    code = cli.main(
        [command, str(place / "t.txt"), "--model", str(place / model), "--out", str(out), *options]
    )
    if code:
        return code
    return pd.read_csv(out), json.loads((place / f"{command}.csv.json").read_text())


def by_stage(table):
    return [part for _, part in table.groupby("stage")]


def test_cuts_are_where_p_is_above_it(place):
    trained = by_stage(run(place, "boundaries", "--table", "bytes")[0])
    table, about = run(place, "boundaries", "--table", "bytes", "--threshold", "0.6,0.45")
    outer, inner = by_stage(table)
    np.testing.assert_allclose(outer["prob"], trained[0]["prob"], atol=1e-6)  # stage 0 reads the same bytes
    for part, threshold in ((outer, 0.6), (inner, 0.45)):
        assert part["is_boundary"].tolist() == (part["prob"] > threshold).tolist()
        assert 1 < part["is_boundary"].sum() < len(part)
    assert outer["is_boundary"].sum() != trained[0]["is_boundary"].sum()
    assert inner["byte"].tolist() == outer.loc[outer["is_boundary"], "byte"].tolist()
    both = inner.merge(trained[1], on="byte")
    assert np.abs(both["prob_x"] - both["prob_y"]).max() > 1e-3, "inner p must be computed anew"
    assert about["options"]["threshold"] == "0.6,0.45"
    assert about["models"]["two"]["thresholds"] == [0.6, 0.45]


@pytest.mark.parametrize(("given", "same"), [("0.6", "0.6,0.6"), ("0.6,", "0.6,0.5"), (",0.4", "0.5,0.4")])
def test_one_for_all_stages_and_the_trained_rule_where_it_is_empty(given, same, place):
    first, about = run(place, "boundaries", "--threshold", given)
    pd.testing.assert_frame_equal(first, run(place, "boundaries", "--threshold", same)[0])
    assert about["options"]["threshold"] == given


def test_the_trained_rule_is_a_half(place):
    trained, about = run(place, "boundaries")
    pd.testing.assert_frame_equal(trained, run(place, "boundaries", "--threshold", "0.5")[0])
    assert about["options"]["threshold"] == "" and "thresholds" not in about["models"]["two"]


@pytest.mark.parametrize("command", ["compare", "dictionary", "surprisal", "stability", "account"])
def test_every_command_takes_it(command, place):
    """The numbers of boundaries are those of the boundaries at this threshold."""
    more = ["--model", str(place / "one"), "--shifts", "5"] if command == "compare" else []
    more += ["--edits", "5"] if command == "stability" else []
    plain, _ = run(place, command, *more)
    table, about = run(place, command, *more, "--threshold", "0.7")
    assert about["options"]["threshold"] == "0.7" and about["models"]["two"]["thresholds"] == [0.7, 0.7]
    chunks = by_stage(run(place, "boundaries", "--threshold", "0.7")[0])
    counts = [len(part) for part in chunks]
    if command == "compare":
        rows = table[table["model_a"] == "two"].drop_duplicates("stage_a")
        assert rows["n_a"].tolist() == [count - 1 for count in counts]
    elif command == "dictionary":
        assert table.groupby("stage")["count"].sum().tolist() == counts
    elif command == "surprisal":
        assert table[table["lag"] == 0]["n_boundaries"].tolist() == [count - 1 for count in counts]
    elif command == "account":
        assert table["main_steps_per_byte"][0] == pytest.approx(counts[1] / len(TEXT))
    assert not plain.equals(table)


def test_controls_are_cut_at_it_too(place):
    controls = ["--model", "ref:spaces", "--shifts", "5", "--untrained", "1", "--controls"]
    found = []
    for options in ([], ["--threshold", "0.8"]):
        assert run(place, "compare", *controls, str(place / "c.csv"), *options) != 2
        table = pd.read_csv(place / "c.csv")
        found.append(table[table["model_b"].str.startswith("untrained")]["n_b"].iloc[0])
    assert found[0] != found[1]


def test_enrich_evaluate_and_both_strands(place, capsys):
    (place / "g.fa").write_text(">r\n" + "ATGAAACCCGGGTTTTAA" * 20 + "\n")
    (place / "g.gff3").write_text("r\tx\tCDS\t1\t18\t.\t+\t0\tID=c\n")
    words = TEXT.decode("latin-1").split()
    bank = "".join("\t".join(["1", each, *"________"]) + "\n\n" for each in words)
    (place / "w.conllu").write_text(bank)
    calls = (
        ["enrich", str(place / "g.fa"), "--annotation", str(place / "g.gff3"), "--reverse-complement"],
        ["evaluate", "--gold", str(place / "w.conllu")],
    )
    for call in calls:
        tables = []
        for more in ([], ["--threshold", "0.7"]):
            out = place / "x.csv"
            code = cli.main([*call, "--model", str(place / "two"), "--shifts", "5", "--out", str(out), *more])
            assert code == 0
            tables.append(pd.read_csv(out))
        assert not tables[0].equals(tables[1])
    capsys.readouterr()


def test_references_stay_as_they_are(place):
    out = [place / "a.csv", place / "b.csv"]
    for path, more in zip(out, ([], ["--threshold", "0.9"]), strict=True):
        call = ["boundaries", str(place / "t.txt"), "--model", "ref:words", "--out", str(path), *more]
        assert cli.main(call) == 0
    assert out[0].read_bytes() == out[1].read_bytes()


@pytest.mark.parametrize("given", ["0", "1", "-0.1", "nan", "half", "0.4;0.5", "2,0.5", "inf"])
def test_what_is_no_threshold_is_refused(given, place, capsys):
    out = place / "no.csv"
    call = [
        "boundaries",
        str(place / "t.txt"),
        "--model",
        "ref:words",
        "--out",
        str(out),
        f"--threshold={given}",
    ]
    with pytest.raises(SystemExit) as stop:
        cli.main(call)
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.count("\n") == 1 and not out.exists()
    assert "give a number above 0 and below 1, or one a stage such as 0.4,,0.7" in said


def test_nothing_but_empty_ones_is_the_trained_rule():
    assert (
        parse_thresholds(None)
        == parse_thresholds("")
        == parse_thresholds(",")
        == parse_thresholds((None,))
        == ()
    )


def test_more_than_there_are_stages_is_refused(place, capsys):
    assert run(place, "boundaries", "--threshold", "0.4,,0.7") == 2
    assert "there are 3 thresholds, and no model here has more than 2 stages" in capsys.readouterr().err
    assert run(place, "boundaries", "--threshold", "0.4,0.7", model="one") == 2


def test_a_saved_run_keeps_its_cuts_and_says_them(place, capsys):
    runs = place / "runs"
    call = ["boundaries", str(place / "t.txt"), "--model", str(place / "two"), "--save-run", str(runs)]
    assert cli.main([*call, "--threshold", "0.7"]) == 0
    [saved] = runs.iterdir()
    table, about = run(place, "compare", "--run", str(saved), "--shifts", "5", model="one")
    assert about["models"]["two"]["thresholds"] == [0.7, 0.7] and "thresholds" not in about["models"]["one"]
    at, _ = run(place, "boundaries", "--threshold", "0.7")
    assert table["n_b"].tolist()[:2] == [len(part) - 1 for part in by_stage(at)]
    assert run(place, "compare", "--run", str(saved), "--threshold", "0.7", model="one") == 2
    assert "was cut when it was saved; leave --threshold out" in capsys.readouterr().err


def test_python_takes_it_as_the_command_does(place):
    written, _ = run(place, "boundaries", "--threshold", "0.6,0.45")
    model = hnet_core.load_model(place / "two")
    for given in ((0.6, 0.45), [0.6, 0.45], "0.6,0.45"):
        done = analysis.analyse(place / "t.txt", model, threshold=given)
        assert done.chunks["start"].tolist() == written["start"].tolist()
    assert len(analysis.analyse(TEXT, model).chunks) != len(written)  # the model given is as it was
    table = analysis.compare(TEXT, [model, "ref:words"], threshold=0.6, shifts=5)
    assert table["n_a"][0] == (analysis.analyse(TEXT, model, threshold=0.6).chunks["stage"] == 0).sum() - 1
    for given in (0, 1.0, "x", (0.5, 0.5, 0.5), {}):
        with pytest.raises(InputError, match="threshold"):
            analysis.analyse(TEXT, model, threshold=given)
