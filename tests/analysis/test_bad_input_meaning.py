"""Every awkward file through what asks for a meaning: a table, or one line and exit 2, and then nothing written."""

import pytest

from analysis.commands import cli
from analysis.references import models as models_by_name
from hnet_core.boundaries import BoundaryModel
from hnet_core.checkpoint import LoadedModel
from tests.analysis.fake_model import FakeModel
from tests.analysis.test_bad_input import AWKWARD, REFUSED
from tests.tiny import tiny_model

OPTIONS = {
    "surprisal": ("--shifts", "3"),
    "dictionary": ("--growth", "@growth.csv", "--overlap", "@overlap.csv"),
    "stability": ("--edits", "2", "--reach", "20", "--curve", "@curve.csv"),
    "account": (),
}


@pytest.fixture(autouse=True)
def models(monkeypatch, tmp_path_factory):
    """A real model, small, for what needs networks; for the rest one that can be read off."""
    model = tiny_model(1)
    whole = LoadedModel(model, model.config, {"row_bytes": 2048}, tmp_path_factory.mktemp("m"), "m")
    fakes = {"real": BoundaryModel(model, {"name": "m"}), "fake": FakeModel("m", cuts=(b"A ",), info={})}
    monkeypatch.setattr(models_by_name, "load_model", lambda name, *_: fakes[name])
    monkeypatch.setattr("analysis.commands.meaning.load_whole_model", lambda *_: whole)


@pytest.fixture
def call(tmp_path, capsys):
    """Exit code and what was said; refusals are checked for their form."""

    def run(command, path, *options):
        places = [str(tmp_path / each[1:]) if str(each).startswith("@") else str(each) for each in options]
        try:
            code = cli.main([command, *map(str, path), *places])
        except SystemExit as stop:
            code = stop.code
        said, where = capsys.readouterr(), (command, *path)
        assert code in (0, 2) and "Traceback" not in said.err, (where, said.err)
        if code:
            errors = [line for line in said.err.splitlines() if not line.startswith("warning: ")]
            assert len(errors) == 1 and errors[0].startswith("error: "), (where, said.err)
            assert list(tmp_path.iterdir()) == [], where
        else:
            assert not list(tmp_path.glob(".*.part")), where
            for made in tmp_path.iterdir():
                made.unlink()
        return code

    return run


def awkward(root):
    files = (path for path in sorted((root / AWKWARD).iterdir()) if path.name != "make_awkward.py")
    return [path for path in files if path.stat().st_size < 1_100 and path.suffix != ".xz"]


@pytest.mark.parametrize("command", OPTIONS)
def test_every_awkward_file(command, call, root):
    # A whole model predicts every byte, which takes its time: there every third does.
    files = awkward(root)[:: 3 if command == "surprisal" else 1]
    model = "fake" if command in ("dictionary", "stability") else "real"
    assert len(files) > 12
    refused = {
        path.name
        for path in files
        if call(command, [path], "--model", model, "--out", "@out.csv", *OPTIONS[command])
    }
    short = {"one_base.fasta", "one_byte.txt"} if command == "stability" else set()
    assert refused - short == REFUSED & {path.name for path in files} and short <= refused


def test_no_awkward_file_is_a_treebank_or_a_folder_of_runs(call, root):
    for path in awkward(root):
        assert call("evaluate", [], "--gold", path, "--model", "fake", "--out", "@out.csv") == 2, path.name
        assert call("query", ["SELECT 1"], "--runs", path, "--out", "@out.csv") == 2, path.name
        assert call("compare", [path], "--run", path, "--model", "fake", "--out", "@out.csv") == 2, path.name


@pytest.mark.parametrize("command", OPTIONS)
@pytest.mark.parametrize("data", ["", "a", "ab", "\n"])
def test_texts_of_no_one_or_two_bytes(command, data, call, tmp_path_factory):
    path = tmp_path_factory.mktemp("in") / "t.txt"
    path.write_text(data)
    code = call(command, [path], "--model", "real", "--out", "@out.csv", *OPTIONS[command])
    assert code == (2 if len(data) < (2 if command == "stability" else 1) else 0)


@pytest.mark.parametrize("gold", ["", "# text = a\n", "1\ta\t_\t_\t_\t_\t_\t_\t_\t_\n\n"])
def test_treebanks_of_nothing_or_one_letter(gold, call, tmp_path_factory):
    path = tmp_path_factory.mktemp("in") / "t.conllu"
    path.write_text(gold)
    code = call("evaluate", [], "--gold", path, "--model", "fake", "--out", "@out.csv", "--shifts", "3")
    assert code == (0 if gold.startswith("1") else 2)
