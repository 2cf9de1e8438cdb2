"""python -m analysis surprisal, dictionary, stability, account."""

import pandas as pd
import pytest

from analysis import schema
from analysis.commands import cli
from hnet_core.checkpoint import save_model
from tests.tiny import random_bytes, tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("meaning")
    save_model(path / "tiny", tiny_model(1), {"name": "tiny", "domain": "english", "row_bytes": 128})
    (path / "text.txt").write_bytes(random_bytes(600).decode("utf-8", "replace").encode())
    return path


@pytest.fixture
def call(folder, tmp_path, capsys):
    def run(command, *arguments):
        options = [str(tmp_path / a[1:]) if a.startswith("@") else a for a in arguments]
        code = cli.main([command, str(folder / "text.txt"), "--models", str(folder), *options])
        return code, capsys.readouterr()

    return run


def test_surprisal(call, tmp_path):
    code, shown = call(
        "surprisal", "--model", "tiny", "--model", "ref:spaces", "--out", "@s.csv", "--shifts", "20"
    )
    assert code == 0 and "tiny: " in shown.out and "bits per byte" in shown.out
    table = pd.read_csv(tmp_path / "s.csv")
    assert list(table.columns) == ["file", "surprised", *schema.SURPRISAL]
    assert set(table["model"]) == {"tiny", "ref:spaces"} and set(table["surprised"]) == {"tiny"}
    code, shown = call("surprisal", "--model", "ref:spaces", "--out", "@t.csv")
    assert code == 2 and "needs a model that predicts bytes" in shown.err


def test_dictionary(call, tmp_path):
    options = ("--model", "tiny", "--model", "ref:spaces", "--overlap", "@o.csv", "--growth", "@g.csv")
    code, shown = call("dictionary", *options, "--out", "@d.csv")
    assert code == 0 and "Heaps exponent" in shown.out
    for name, columns in (("d", schema.DICTIONARY), ("g", schema.GROWTH)):
        assert list(pd.read_csv(tmp_path / f"{name}.csv").columns) == ["file", "model", "stage", *columns]
    assert pd.read_csv(tmp_path / "o.csv")[["a", "b"]].values.tolist() == [
        ["tiny stage 0", "ref:spaces stage 0"]
    ]


def test_stability_and_account(call, tmp_path):
    code, shown = call(
        "stability",
        "--model",
        "tiny",
        "--edits",
        "3",
        "--reach",
        "40",
        "--curve",
        "@c.csv",
        "--out",
        "@s.csv",
    )
    assert code == 0 and "tiny stage 0, insert: Jaccard" in shown.out
    assert list(pd.read_csv(tmp_path / "s.csv").columns) == ["file", *schema.STABILITY]
    assert list(pd.read_csv(tmp_path / "c.csv").columns) == ["file", *schema.STABILITY_CURVE]
    code, shown = call("account", "--model", "tiny", "--out", "@a.csv")
    assert code == 0 and "main steps a byte" in shown.out
    assert list(pd.read_csv(tmp_path / "a.csv").columns) == ["file", "model", *schema.ACCOUNT]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stability", "--model", "tiny", "--edits", "0", "--out", "@x.csv"), "--edits 0 must be 1 or more"),
        (("dictionary", "--model", "tiny", "--growth", "@x.csv", "--out", "@x.csv"), "to one file"),
        (("dictionary", "--model", "tiny", "--out", "@x.bed"), "has no positions"),
        (("account", "--model", "ref:words", "--out", "@x.csv"), "no networks to account for"),
        (("account", "--model", "nobody", "--out", "@x.csv"), "no model named 'nobody'"),
    ],
)
def test_wrong_calls_say_so_and_nothing_is_written(arguments, message, call, tmp_path):
    code, shown = call(*arguments)
    assert code == 2 and message in shown.err and shown.err.count("error: ") == 1
    assert not list(tmp_path.iterdir())
