"""Recipes are checked before anything runs, and the bundled ones are sound."""

import json
from pathlib import Path

import pytest
import torch

import hnet_core.training
from hnet_core.errors import ConfigError
from hnet_core.model import HNetForCausalLM
from hnet_core.training.recipe import Recipe, read_recipe
from tests.hnet_core.training.recipes import tiny_recipe, write_recipe

BUNDLED = sorted((Path(hnet_core.training.__file__).parent / "recipes").glob("*.json"))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_bundled_recipes(path):
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    with torch.device("meta"):
        model = HNetForCausalLM(recipe.model)
    assert 0.7e6 < sum(p.numel() for p in model.parameters()) < 2.5e6


def test_all_four_are_bundled():
    assert {path.stem for path in BUNDLED} >= {
        "english_1stage",
        "english_2stage",
        "code_1stage",
        "dna_1stage",
    }


def test_survives_json():
    recipe = Recipe.from_dict(tiny_recipe(lr_multipliers=[2, 1], learning_rate=0.01))
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_settings_reach_every_part(tmp_path):
    settings = ["learning_rate=2e-3", "model.ssm_cfg.d_state=8", "name=other", "target=[6]", "bytes=1e4"]
    recipe = read_recipe(write_recipe(tmp_path), settings)
    assert recipe.training.learning_rate == 2e-3 and recipe.model.ssm_cfg.d_state == 8
    assert recipe.name == "other" and recipe.training.target == (6,) and recipe.training.bytes == 10_000


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("learning_rat=1", "unknown key 'learning_rat'; did you mean 'learning_rate'"),
        ("model.d_modle=[1]", "unknown key 'd_modle'; did you mean 'd_model'"),
        ("learning_rate=fast", "learning_rate='fast' must be a number"),
        ("bytes=1.5", "bytes=1.5 must be a whole number"),
        ("bytes=true", "bytes=True must be a whole number"),
        ("batch_bytes=0", "batch_bytes=0 must be 1 or more"),
        ("target=[3,3]", "must have 1 entries"),
        ("target=[1]", "above 1 position a chunk"),
        ("lr_multipliers=[1]", "must have 2 entries"),
        ("warmup=0.9", "warmup + decay=1.1"),
        ("domain=prose", "domain='prose' must be one of"),
        ('exclude=["chr1"]', "are for domain 'dna'"),
        ("learning_rate", "must be key=value"),
        ("name.x=1", "name holds no settings"),
    ],
)
def test_nonsense_is_refused_in_one_line(tmp_path, setting, words):
    with pytest.raises(ConfigError) as error:
        read_recipe(write_recipe(tmp_path), [setting])
    assert words in str(error.value) and "\n" not in str(error.value)


def test_files_that_are_no_recipe(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recipe(tmp_path / "none.json")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ConfigError, match="is not JSON"):
        read_recipe(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"name": "x"}')
    with pytest.raises(ConfigError, match="lacks domain, model, training"):
        read_recipe(tmp_path / "a.json")
