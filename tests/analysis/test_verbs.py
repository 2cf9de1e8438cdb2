"""analysis.analyse, compare and enrich: the same tables as the commands write, from Python."""

import subprocess
import sys

import pandas as pd
import pytest

import analysis
import hnet_core
from analysis import schema
from analysis.commands.cli import main
from hnet_core.errors import InputError
from tests.analysis.fake_model import FakeModel

TEXT = b"The cat sat on the mat. The dog did not.\n" * 20


def test_importing_it_imports_neither_torch_nor_pandas():
    code = "import sys, analysis; assert not {'torch', 'pandas'} & set(sys.modules); print(analysis.compare.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "compare", done.stderr


def test_all_that_is_offered_is_there():
    for name in analysis.__all__:
        assert getattr(analysis, name).__doc__
    with pytest.raises(AttributeError, match="analyse"):
        analysis.nonesuch  # noqa: B018


def test_analyse_takes_bytes_paths_and_records(tmp_path):
    (tmp_path / "a.txt").write_bytes(TEXT)
    by_bytes = analysis.analyse(TEXT, "ref:words")
    by_path = analysis.analyse(tmp_path / "a.txt", "ref:words")
    by_record = analysis.analyse(analysis.Sequence("mine", TEXT), "ref:words")
    for done in (by_bytes, by_path, by_record):
        assert done.chunks["start"].tolist() == by_bytes.chunks["start"].tolist()
        assert list(done.chunks) == list(schema.CHUNKS)
    assert by_record.sequences[0].name == "mine"
    assert len(analysis.analyse([TEXT, analysis.Sequence("b", TEXT)], "ref:words").sequences) == 2


def test_compare_is_the_table_of_the_command(tmp_path):
    (tmp_path / "a.txt").write_bytes(TEXT)
    call = ["compare", str(tmp_path / "a.txt"), "--model", "ref:words", "--model", "ref:characters"]
    assert main([*call, "--out", str(tmp_path / "t.csv"), "--shifts", "50"]) == 0
    table = analysis.compare(tmp_path / "a.txt", ["ref:words", "ref:characters"], shifts=50)
    written = pd.read_csv(tmp_path / "t.csv", comment="#")
    pd.testing.assert_frame_equal(
        table.reset_index(drop=True), written, check_dtype=False, check_exact=False, atol=1e-4
    )


def test_enrich_is_the_table_of_the_command(tmp_path, samples):
    genome, annotation = samples / "lambda.fa", next(samples.glob("lambda*.gff3*"))
    call = ["enrich", str(genome), "--annotation", str(annotation), "--model", "ref:kmers:3"]
    assert main([*call, "--out", str(tmp_path / "t.parquet"), "--shifts", "20"]) == 0
    table = analysis.enrich(genome, "ref:kmers:3", annotation=annotation, shifts=20)
    written = pd.read_parquet(tmp_path / "t.parquet")
    written = written[written["analysis"] != "motif"].reset_index(drop=True)
    columns = ["analysis", "feature", "strand", "measure", "n_bases", "n_boundaries", "value"]
    pd.testing.assert_frame_equal(table[columns], written[columns], check_dtype=False)


def test_models_of_hnet_core_are_taken(tmp_path):
    from hnet_core.checkpoint import save_model
    from tests.tiny import tiny_model

    for name, seed in (("a", 0), ("b", 1)):
        save_model(tmp_path / name, tiny_model(1, seed), {"name": name})
    a, b = (hnet_core.load_model(tmp_path / name) for name in "ab")
    assert analysis.analyse(TEXT, a).model.name == "a"
    table = analysis.compare(TEXT, [a, b, "ref:words"], shifts=20)
    assert table["model_a"].tolist() == ["a", "a", "b"]
    assert analysis.analyse(TEXT, FakeModel()).model.n_stages >= 1


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: analysis.analyse("no/such.txt", "ref:words"), "give bytes"),
        (lambda: analysis.analyse(5, "ref:words"), "not int"),
        (lambda: analysis.analyse([], "ref:words"), "no input"),
        (lambda: analysis.analyse(TEXT, "ref:wrods"), "words"),
        (lambda: analysis.compare(TEXT, ["ref:words"]), "at least two"),
        (lambda: analysis.compare(TEXT, ["ref:words", "ref:words"]), "ref:words"),
        (lambda: analysis.enrich(b">a\nACGT\n", "ref:kmers:3"), "annotation is needed"),
    ],
)
def test_wrong_calls_are_refused_in_a_sentence(call, says):
    with pytest.raises(InputError, match=says):
        call()
