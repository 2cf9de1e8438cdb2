"""Tables and page from tiny models and little data, the page that is kept, and calls that are refused."""

import gzip
import json
import lzma
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from safetensors.torch import load_file, save_file

from analysis.commands import cli
from analysis.findings import data
from analysis.findings.features import profiles
from analysis.findings.report import TABLES, rounded
from analysis.findings.study import Study
from hnet_core.checkpoint import WEIGHTS, save_model
from tests.tiny import tiny_model

SAMPLES = Path(__file__).resolve().parents[3] / "assets" / "samples"
TEXT = (SAMPLES / "english_hound.txt").read_text(encoding="utf-8")
TREEBANK = "".join(
    f"# newdoc\n{''.join(f'{i}' + chr(9) + word + (chr(9) + '_') * 8 + chr(10) for i, word in enumerate(line, 1))}\n"
    for line in (["the", "hound", "ran", "over", "the", "moor"], ["and", "no", "one", "saw", "it", "again"])
)


def save(folder, name, domain, n_stages=1, seed=0):
    info = {
        "name": name,
        "domain": domain,
        "n_stages": n_stages,
        "seed": seed,
        "data_seed": 0,
        "bytes_seen": 10,
    }
    save_model(folder / name, tiny_model(n_stages, seed), info | {"row_bytes": 256})


def boundary_weights(model):
    """Leave the encoders and routers alone in the folder."""
    tensors = load_file(model / WEIGHTS)
    inner = ("main_network", "decoder", "lm_head")
    save_file({k: v for k, v in tensors.items() if not any(name in k for name in inner)}, model / WEIGHTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder of the samples, lambda as the one genome."""
    root = tmp_path_factory.mktemp("data")
    for name in ("text", "code", "dna", "segmentation"):
        (root / name).mkdir()
    parts = ("left", TEXT[:1500], "out", TEXT[1500:2500])
    lines = "\n".join(json.dumps({"text": part}) for part in parts).encode()
    for name in ("english_valid", "english_train"):
        (root / "text" / f"{name}.jsonl.xz").write_bytes(lzma.compress(lines))
    source = (SAMPLES / "python_textwrap.py").read_text(encoding="utf-8")
    (root / "code" / "python_valid.jsonl.xz").write_bytes(
        lzma.compress("\n".join(json.dumps({"text": part}) for part in ("pass", source)).encode())
    )
    for name in ("fa", "gff3"):
        (root / "dna" / f"lambda.{name}.gz").write_bytes(
            gzip.compress((SAMPLES / f"lambda.{name}").read_bytes())
        )
    (root / "segmentation" / "en_test-ud-test.conllu.xz").write_bytes(lzma.compress(TREEBANK.encode()))
    return root


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    save(root, "english-a", "english", seed=0)
    save(root, "english-b", "english", n_stages=2, seed=1)
    save(root, "python-a", "code")
    save(root, "dna-a", "dna", seed=0)
    save(root, "dna-b", "dna", seed=1)
    boundary_weights(root / "python-a")
    return root


def call(folder, models, out, *more):
    """A run at the smallest size that has genes in it."""
    return cli.main(
        [
            "findings",
            "--data",
            str(folder),
            "--models",
            str(models),
            "--out",
            str(out),
            "--share",
            "0.01",
            "--shifts",
            "19",
            *more,
        ]
    )


@pytest.fixture(scope="module")
def page(folder, models, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "page.md"
    assert call(folder, models, out) == 0
    return out


def read(page, name):
    return pd.read_parquet(page.with_suffix("") / f"{name}.parquet")


def test_the_page_is_short_and_says_whom_it_is_for(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("For ") and lines[2] == "# Findings" and len(lines) <= 150
    assert [line[:5] for line in lines if line.startswith("## ")] == [f"## {i}." for i in range(1, 7)]
    assert "nan" not in "\n".join(lines)


def test_every_question_has_an_answer_a_number_a_plot_and_a_doubt(page):
    for part in page.read_text(encoding="utf-8").split("\n## ")[1:]:
        said, *_ = part.split("\n\n")[1:]
        assert said.startswith(("**", "Of ", "Rates ")) and said.endswith(".")
        assert (
            len(re.findall(r"^\| --- \|", part, flags=re.M)) == 1
            and part.count("](page/") >= 2
            and part.count(".svg)") == 1
        )
        assert part.count("*What would change the answer.* ") == 1 and "\nTables: [" in part


def test_everything_that_is_linked_is_there_and_nothing_else(page):
    text = page.read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(page/([^)]+)\)", text))
    there = {path.name for path in page.with_suffix("").iterdir()}
    tables = {name.removesuffix(".csv") for name in linked if name.endswith(".csv")}
    assert len(linked - {f"{name}.csv" for name in tables}) == 6 and tables == set(TABLES)
    assert there == linked | {f"{name}{end}" for name in tables for end in (".csv.json", ".parquet")}


def test_csv_holds_what_parquet_holds_and_both_say_where_it_comes_from(page):
    for name in TABLES:
        path = page.with_suffix("") / f"{name}.parquet"
        one, other = pd.read_parquet(path), pd.read_csv(path.with_suffix(".csv"))
        assert list(one.columns) == list(other.columns) and len(one) == len(other) > 0
        numbers = one.select_dtypes("number").columns
        assert np.array_equal(one[numbers].astype(float), other[numbers].astype(float), equal_nan=True)
        about = json.loads(pyarrow.parquet.read_schema(path).metadata[b"hnet_chunks"])
        assert about == json.loads(Path(f"{path.with_suffix('.csv')}.json").read_text())
        assert about["command"] == "findings" and set(about["models"]) == set(read(page, "models")["model"])
        assert about["options"]["shifts"] == 19


def test_the_tables_answer_queries(page, tmp_path, capsys):
    out = tmp_path / "answer.csv"
    sql = "SELECT input, count(*) AS n FROM agreement JOIN inputs USING (input) WHERE kind = 'models' GROUP BY input"
    assert cli.main(["query", sql, "--tables", str(page.with_suffix("")), "--out", str(out)]) == 0
    found = pd.read_csv(out).set_index("input")["n"]
    # English: one stage beside two. DNA: two models of one stage.
    assert found.to_dict() == {"English": 2, "Phage lambda": 1}
    for name in TABLES:
        assert cli.main(["query", f"SELECT * FROM {name}", "--tables", str(page.with_suffix(""))]) == 0


def test_the_tables_hold_models_references_and_controls(page):
    pairs = read(page, "agreement")
    assert set(pairs["kind"]) == {
        "models",
        "references",
        "random places, same rate",
        "evenly spaced, same rate",
        "input shuffled, pairs of bytes kept",
        "models before training",
    }
    assert "codons of genes" in set(pairs["model_b"]) and pairs["f1_star_beyond_pairs"].notna().any()
    inputs = read(page, "inputs").set_index("input")
    assert inputs.loc["English", "file"] == "text/english_valid.jsonl.xz"


def test_the_page_is_written_anew_from_its_tables_alone(page, tmp_path):
    shutil.copytree(page.with_suffix(""), tmp_path / "page")
    for old in (tmp_path / "page").glob("*.svg"):
        old.unlink()
    assert cli.main(["findings", "--out", str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_bytes() == page.read_bytes()
    assert {path.name for path in (tmp_path / "page").iterdir()} == {
        p.name for p in page.with_suffix("").iterdir()
    }


def test_one_question_alone_is_computed_anew(folder, models, page, tmp_path, capsys):
    shutil.copytree(page.with_suffix(""), tmp_path / "page")
    out, kept = tmp_path / "page.md", (tmp_path / "page" / "words.parquet").read_bytes()
    table = tmp_path / "page" / "stability.parquet"
    pd.read_parquet(table).assign(jaccard=0.0).to_parquet(table)
    assert call(folder, models, out, "--only", "chunks") == 0
    assert out.read_bytes() == page.read_bytes()
    assert (tmp_path / "page" / "words.parquet").read_bytes() == kept
    few = tmp_path / "models"
    shutil.copytree(models / "english-a", few / "english-a")
    assert call(folder, few, out, "--only", "chunks") == 2
    assert "other models or data" in capsys.readouterr().err and out.read_bytes() == page.read_bytes()


def test_the_page_of_the_clone_is_what_its_tables_say(tmp_path):
    docs = Path(__file__).resolve().parents[3] / "docs"
    shutil.copytree(docs / "findings", tmp_path / "findings")
    assert cli.main(["findings", "--out", str(tmp_path / "findings.md")]) == 0
    kept = (docs / "findings.md").read_text(encoding="utf-8")
    assert (tmp_path / "findings.md").read_text(encoding="utf-8") == kept, (
        "python -m analysis findings --out docs/findings.md"
    )
    assert len(kept.splitlines()) <= 150


def test_numbers_keep_six_digits_that_count():
    table = pd.DataFrame({"x": [1234567.0, 0.000123456789, 0.0, np.nan, -np.inf], "n": [1234567] * 5})
    assert rounded(table)["x"].tolist()[:3] == [1234570.0, 0.000123457, 0.0]
    assert np.isnan(rounded(table)["x"][3]) and rounded(table)["x"][4] == -np.inf
    assert rounded(table)["n"].tolist() == [1234567] * 5


def test_controls_before_training_are_of_different_seeds(folder, models):
    study = Study(folder, data.Limits(untrained=3).scaled(0.01, 19), str(models), say=lambda _: None)
    (english, *_) = study.texts
    blanks = [stage.marks for (stage,) in study.untrained(english, "english-a")]
    assert len(blanks) == study.limits.untrained == 2 and not np.array_equal(*blanks)


def test_profiles_of_the_findings_rest_on_twenty_times_the_shifts(folder, models):
    study = Study(folder, data.Limits().scaled(0.1, 19), str(models), say=lambda _: None)
    (genome,) = study.genomes
    p = profiles(study, genome)["p_value"]
    counted = p[p < 1] * (1 + 20 * 19) / 2
    assert len(counted) > 10 and counted.tolist() == pytest.approx(counted.round().tolist(), abs=1e-6)


def test_boundary_weights_alone_have_no_surprisal(page):
    assert {"dna-b", "english-a"} <= set(read(page, "surprisal")["model"])
    assert "python-a" not in set(read(page, "surprisal")["model"]) and "python-a" in set(
        read(page, "words")["model"]
    )


def test_one_model_twice(folder, models, tmp_path):
    """Needs neither two models nor DNA; the second run gives the same and leaves no older tables and plots."""
    few = tmp_path / "models"
    shutil.copytree(models / "english-a", few / "english-a")
    out, beside = tmp_path / "page.md", tmp_path / "page"
    pages = []
    for _ in range(2):
        assert call(folder, few, out) == 0
        tables = {path.name: pd.read_parquet(path).to_csv() for path in beside.glob("*.parquet")}
        plots = {path.name: path.read_bytes() for path in beside.glob("*.svg")}
        pages.append((out.read_bytes(), tables, plots))
        for name in ("old.svg", "strands.csv", "strands.csv.json", "strands.parquet"):
            (beside / name).write_text("old")
        (beside / "notes.txt").write_text("mine")
    assert pages[0] == pages[1] and "strands.parquet" not in pages[1][1] and "old.svg" not in pages[1][2]
    assert (beside / "notes.txt").exists()
    text = out.read_text(encoding="utf-8")
    assert (
        "codons?" not in text
        and "Of English nothing can be said: there are no two models of one depth." in text
    )


def test_a_page_without_tables_is_refused(tmp_path, capsys):
    assert cli.main(["findings", "--out", str(tmp_path / "page.md")]) == 2
    assert "--data FOLDER" in capsys.readouterr().err
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "models.parquet").write_text("nothing")
    assert cli.main(["findings", "--out", str(tmp_path / "page.md")]) == 2
    said = capsys.readouterr().err
    assert "cannot be read" in said and said.count("\n") == 1 and not (tmp_path / "page.md").exists()


REFUSED = {
    "no folder": (("--data", "nowhere", "--out", "page.md"), "nowhere"),
    "no name": (("--data", "", "--out", "page.md"), "DATA=FOLDER"),
    "an empty folder": (("--data", ".", "--out", "page.md"), "holds none"),
    "not Markdown": (("--data", ".", "--out", "page.html"), ".md"),
    "no place": (("--data", ".", "--out", "no/such/page.md"), "no folder"),
    "all of more": (("--data", ".", "--out", "page.md", "--share", "2"), "--share"),
    "no question": (
        ("--data", ".", "--out", "page.md", "--only", "all"),
        "--only all: needs --data, and one of",
    ),
    "no data for a question": (("--out", "page.md", "--only", "words"), "--only words: needs --data"),
    "few shifts": (("--data", ".", "--out", "page.md", "--shifts", "5"), "--shifts"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_calls_write_nothing(case, tmp_path, monkeypatch, capsys, models):
    monkeypatch.chdir(tmp_path)
    arguments, named = REFUSED[case]
    assert cli.main(["findings", "--models", str(models), *arguments]) == 2
    error = capsys.readouterr().err
    assert named in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_genomes_are_those_of_the_recipes():
    """What the page says of training: every genome is left out by the DNA recipes, or is in no training file."""
    recipe = Path(__file__).resolve().parents[3] / "hnet_core" / "training" / "recipes" / "dna_1stage.json"
    left_out = json.loads(recipe.read_text(encoding="utf-8"))["training"]["exclude"]
    names = {record for _, _, record in data.GENOMES}
    assert names - set(left_out) == {"NZ_CP001668.1", "NC_001416.1"}
