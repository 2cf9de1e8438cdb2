"""Calls with values that no one means: exit code 2, one line, and no work begun."""

import pytest

from analysis.commands.cli import main as analysis
from hnet_core.evaluate.__main__ import main as evaluate

LONG = "a" * 5000


def refused(code: int, capsys) -> str:
    said = capsys.readouterr().err
    assert code == 2 and said.startswith("error: ") and said.count("\n") == 1 and len(said) <= 1100, said
    return said


@pytest.mark.parametrize("value", ["9" * 30, "9" * 5000, "1000001", "²", "1e3", "nan", "x" * 5000])
@pytest.mark.parametrize("command", ["compare", "enrich"])
def test_numbers_beyond_all_use_are_refused(command, value, tmp_path, capsys):
    """A number of draws is so much memory."""
    (tmp_path / "g.fa").write_text(">one\nACGTTGCATT\n")
    (tmp_path / "g.gff3").write_text("one\tx\tgene\t2\t9\t.\t+\t.\tID=g\n")
    more = ["--annotation", str(tmp_path / "g.gff3")] if command == "enrich" else ["--model", "ref:kmers:2"]
    call = [command, str(tmp_path / "g.fa"), "--model", "ref:codons", *more, "--out", str(tmp_path / "o.csv")]
    with pytest.raises(SystemExit) as ended:
        analysis([*call, "--shifts", value])
    assert "--shifts" in refused(ended.value.code, capsys)


@pytest.mark.parametrize(
    "call",
    [
        ["boundaries", LONG, "--model", "ref:words", "--out", "o.csv"],
        ["evaluate", "--gold", LONG, "--model", "ref:words", "--out", "o.csv"],
        ["boundaries", __file__, "--model", LONG, "--out", "o.csv"],
        ["boundaries", __file__, "--model", "ref:words", "--save-run", LONG],
        ["boundaries", __file__, "--model", "ref:words", "--out", LONG + ".csv"],
        ["query", "SELECT 1", "--runs", LONG],
    ],
)
def test_names_that_no_file_can_have_are_refused(call, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    refused(analysis(call), capsys)


def test_a_model_by_such_a_name_is_refused_by_the_other_commands(capsys):
    from hnet_core.commands import run

    refused(run(evaluate, ["--model", LONG, "--data", __file__]), capsys)
    refused(run(evaluate, ["--model", "english-1stage-seed0", "--data", LONG]), capsys)
