"""Recipes are checked before anything runs, and the bundled ones are sound."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import hnet_core.training
from hnet_core.encoding import encode
from hnet_core.errors import ConfigError
from hnet_core.lab.families import read_experiments
from hnet_core.model import HNetForCausalLM
from hnet_core.stage_config import ChunkingConfig
from hnet_core.training.aims import Aims
from hnet_core.training.objective import objective
from hnet_core.training.recipe import Recipe, read_recipe
from tests.hnet_core.training.recipes import tiny_recipe, write_recipe

BUNDLED = sorted((Path(hnet_core.training.__file__).parent / "recipes").glob("*.json"))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_bundled_recipes(path):
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    assert json.loads(path.read_text())["model"] == recipe.model.to_dict()
    with torch.device("meta"):
        model = HNetForCausalLM(recipe.model)
    assert 0.2e6 < sum(p.numel() for p in model.parameters()) < 3e6


HNETS = {
    *("english_1stage", "english_2stage", "chinese_1stage", "code_1stage", "code_2stage"),
    *("dna_1stage", "dna_2stage"),
}
BASELINES = {
    "english_isotropic_transformer",
    "english_isotropic_mamba",
    "english_fixed_stride",
    "english_space_like",
    "english_bpe_transformer",
    "english_windowed_transformer",
    "dna_isotropic_transformer",
    "dna_isotropic_mamba",
}
LAYOUTS = {
    "english_transformer_encoders": ("T2", "T3", "T2"),
    "english_hybrid": ("m4", "M3T1", "m4"),
    "english_no_attention": ("m4", "M3", "m4"),
    "english_4stage": ("m4", "m2", "m1", "m1", "T2", "m1", "m1", "m2", "m4"),
}
"""Ablations that are a matter of layout -> networks from the first encoder to the last decoder."""


def test_all_are_bundled():
    assert {path.stem for path in BUNDLED} == HNETS | BASELINES | set(LAYOUTS)


MODELS_OF_THE_FAMILIES = {
    "english_1stage": ((5,), 0.01, 1.6),
    "english_2stage": ((2.5, 2.5), 0.01, 2.0),
    "chinese_1stage": ((3,), 0.1, 1.6),
    "code_1stage": ((5,), 0.01, 1.6),
    "code_2stage": ((2.5, 2.5), 0.01, 2.0),
    "dna_1stage": ((3,), 0.02, 1.1),
    "dna_2stage": ((3, 3), 0.015, 2.7),
}
"""Recipe -> target, alpha, millions of parameters."""


@pytest.mark.parametrize("name", sorted(HNETS))
def test_families_are_the_size_and_aim_at_the_chunks_that_are_said(name):
    recipe = read_recipe(BUNDLED[0].parent / f"{name}.json")
    target, alpha, millions = MODELS_OF_THE_FAMILIES[name]
    assert (recipe.training.target, recipe.training.alpha) == (target, alpha)
    assert recipe.domain == name.split("_")[0]
    with torch.device("meta"):
        n_parameters = sum(p.numel() for p in HNetForCausalLM(recipe.model).parameters())
    assert round(n_parameters / 1e6, 1) == millions
    if recipe.domain == "dna":
        # Half of the rows are read on the other strand; no relative of the test genome may be read.
        assert recipe.training.reverse_complement == 0.5
        assert {"NC_000913.3", "NC_002695.1", "NC_001147.6"} <= set(recipe.training.exclude)


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_ablations_differ_from_the_one_they_are_set_beside_in_the_model_alone(name):
    rows = {each.name: each for each in read_experiments()}
    base = read_recipe(rows["ablation_base"].config, rows["ablation_base"].set)
    assert base.model.chunking == ChunkingConfig()
    ours = read_recipe(BUNDLED[0].parent / f"{name}.json", ["valid_every=500000"])
    levels = ours.model.layouts
    assert (*(level[0] for level in levels), *(level[1] for level in levels[-2::-1])) == LAYOUTS[name]
    assert replace(ours.training, target=(5,)) == base.training
    assert ours.training.target == ((2.0,) * 4 if name == "english_4stage" else (5,))


@pytest.mark.parametrize("name", sorted(HNETS | BASELINES | set(LAYOUTS)))
def test_all_learn_from_a_step(name):
    recipe = read_recipe(BUNDLED[0].parent / f"{name}.json")
    model, ids = (
        HNetForCausalLM(recipe.model).init_weights(0),
        torch.tensor(encode(b"the cat sat on it").tolist()),
    )
    limits = torch.tensor([0, len(ids)])
    losses = objective(model(ids, cu_seqlens=limits), ids, limits, Aims.of(recipe.training))
    losses.total.backward()
    assert losses.cross_entropy.isfinite() and model.embeddings.weight.grad.abs().sum() > 0
    assert len(losses.ratios) == recipe.model.n_stages


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        (["bytes=50000000"], 90_000 / 50_000_000),
        (["bytes=50000000", "warmup_bytes=0"], 0.03),
        (["bytes=1000000"], 0.03),
        (["bytes=3000000"], 0.03),
    ],
)
def test_a_long_training_starts_as_a_short_one_does(settings, share):
    options = read_recipe(BUNDLED[0].parent / "english_1stage.json", settings).training
    assert options.warmup_share == pytest.approx(share)


def test_an_option_that_is_no_more_is_read_where_it_asked_for_nothing():
    raw = tiny_recipe()
    assert Recipe.from_dict(tiny_recipe(compile=False)) == Recipe.from_dict(raw)
    assert "compile" not in Recipe.from_dict(tiny_recipe(compile=False)).to_dict()["training"]
    with pytest.raises(ConfigError, match="'compile'"):
        Recipe.from_dict(tiny_recipe(compile=True))


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
        ("warmup_bytes=-1", "warmup_bytes=-1 must be 0 or more"),
        ("domain=prose", "domain='prose' must be one of"),
        ('exclude=["chr1"]', "are for domain 'dna'"),
        ("learning_rate", "must be key=value"),
        ("name.x=1", "name holds no settings"),
        ("tokenizer=words", "tokenizer='words' must be one of bytes, bpe"),
        ("tokenizer=bpe", "for models of text without a router"),
        ("model.chunking.router=fixed", "did you mean 'fixed_stride'"),
    ],
)
def test_nonsense_is_refused_in_one_line(tmp_path, setting, words):
    with pytest.raises(ConfigError) as error:
        read_recipe(write_recipe(tmp_path), [setting])
    assert words in str(error.value) and "\n" not in str(error.value)


def test_tokens_need_a_vocabulary_beyond_the_bytes(tmp_path):
    settings = ['model.arch_layout=["T1"]', "model.d_model=[32]", "model.d_intermediate=[64]", "target=[]"]
    attention = {"num_heads": [1], "rotary_emb_dim": [8], "window_size": [-1]}
    settings += ["tokenizer=bpe", f"model.attn_cfg={json.dumps(attention)}"]
    with pytest.raises(ConfigError, match="vocab_size=256 has no token beside the bytes"):
        read_recipe(write_recipe(tmp_path), settings)
    assert read_recipe(write_recipe(tmp_path), [*settings, "model.vocab_size=300"]).tokenizer == "bpe"


def test_ablation_switches_are_settings_of_the_model(tmp_path):
    settings = ["model.chunking.smoothing=false", "model.chunking.router=linear"]
    recipe = read_recipe(write_recipe(tmp_path), settings)
    assert recipe.model.chunking == ChunkingConfig(router="linear", smoothing=False)
    assert recipe.to_dict()["model"]["chunking"] == {"router": "linear", "smoothing": False}
    assert "chunking" not in read_recipe(write_recipe(tmp_path)).to_dict()["model"]


def test_files_that_are_no_recipe(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recipe(tmp_path / "none.json")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ConfigError, match="is not JSON"):
        read_recipe(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"name": "x"}')
    with pytest.raises(ConfigError, match="lacks domain, model, training"):
        read_recipe(tmp_path / "a.json")
