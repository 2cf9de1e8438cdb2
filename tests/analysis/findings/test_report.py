"""The whole page from tiny models and little data, and calls that are refused."""

import gzip
import json
import lzma
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from analysis.commands import cli
from analysis.findings import data
from analysis.findings.features import profiles
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
    lines = "\n".join(json.dumps({"text": part}) for part in (TEXT[:1500], TEXT[1500:2500])).encode()
    for name in ("english_valid", "english_train"):
        (root / "text" / f"{name}.jsonl.xz").write_bytes(lzma.compress(lines))
    source = (SAMPLES / "python_textwrap.py").read_text(encoding="utf-8")
    (root / "code" / "python_valid.jsonl.xz").write_bytes(
        lzma.compress(json.dumps({"text": source}).encode())
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


def call(folder, models, out):
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
        ]
    )


@pytest.fixture(scope="module")
def page(folder, models, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "page.md"
    assert call(folder, models, out) == 0
    return out


def test_every_section_is_there_and_every_plot_that_it_shows(page):
    text = page.read_text(encoding="utf-8")
    for title in ("Agreement", "Codon phase", "Features", "Surprisal", "Gold words", "Chunks"):
        assert f". {title}" in text
    shown = {part.split(")")[0] for part in text.split("](page/")[1:]}
    assert shown == {path.name for path in page.with_suffix("").iterdir()} and len(shown) == 8
    assert "nan" not in text.replace("resonan", "").split("## 6.")[0]


def test_the_page_names_models_data_and_controls(page):
    text = page.read_text(encoding="utf-8")
    for word in (
        "english-b / 1",
        "codons of genes",
        "models before training",
        "random places, same rate",
        "evenly spaced, same rate",
        "input shuffled, pairs of bytes kept",
        "beyond pairs",
        "`text/english_valid.jsonl.xz`",
    ):
        assert word in text
    assert "English, one depth" not in text and "English: no two models of one depth are bundled" in text
    assert "Phage lambda, one depth: " in text


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
    text = page.read_text(encoding="utf-8")
    surprisal, words = text.split("## 4. Surprisal")[1].split("## 5. Gold words")
    assert "dna-b / 0" in surprisal and "python-a / 0" not in surprisal
    assert "Python: python-a cannot predict" in surprisal
    assert "python-a / 0" in words


def test_one_model_twice(folder, models, tmp_path):
    """A page needs neither two models nor DNA; the second run gives the same and leaves no older plots."""
    few = tmp_path / "models"
    shutil.copytree(models / "english-a", few / "english-a")
    out = tmp_path / "page.md"
    pages = []
    for _ in range(2):
        assert call(folder, few, out) == 0
        plots = {path.name: path.read_bytes() for path in (tmp_path / "page").glob("*.svg")}
        pages.append((out.read_bytes(), plots))
        (tmp_path / "page" / "old.svg").write_text("<svg/>")
        (tmp_path / "page" / "notes.txt").write_text("mine")
    assert pages[0] == pages[1]
    assert "old.svg" not in pages[1][1] and (tmp_path / "page" / "notes.txt").exists()
    text = out.read_text(encoding="utf-8")
    assert "Codon phase" not in text and "no two models of one depth" in text


REFUSED = {
    "no folder": (("--data", "nowhere", "--out", "page.md"), "nowhere"),
    "no name": (("--data", "", "--out", "page.md"), "DATA=FOLDER"),
    "an empty folder": (("--data", ".", "--out", "page.md"), "holds nothing"),
    "not Markdown": (("--data", ".", "--out", "page.html"), ".md"),
    "no place": (("--data", ".", "--out", "no/such/page.md"), "no folder"),
    "all of more": (("--data", ".", "--out", "page.md", "--share", "2"), "--share"),
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
