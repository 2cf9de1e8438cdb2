"""Operations a byte, against counts by hand and against what torch counts of the products that really run."""

import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import hnet_core.training
from hnet_core.blocks.attention import mean_visible
from hnet_core.checkpoint import save_model
from hnet_core.commands import run
from hnet_core.config import HNetConfig
from hnet_core.errors import ConfigError
from hnet_core.flops import PARTS, flops_per_byte
from hnet_core.flops.__main__ import main
from hnet_core.routers import ROUTERS
from hnet_core.training.recipe import read_recipe
from kernels import backend
from tests.tiny import tiny_config, tiny_model

RECIPES = Path(hnet_core.training.__file__).parent / "recipes"
SMALL = HNetConfig.from_dict(
    {
        "arch_layout": ["m1", ["T1"], "t1"],
        "d_model": [32, 64],
        "d_intermediate": [0, 100],
        "ssm_cfg": {"d_state": 8},
        "attn_cfg": {"num_heads": [1, 1], "rotary_emb_dim": [8, 8], "window_size": [3, -1]},
    }
)


def test_small_model_by_hand():
    flops = flops_per_byte(SMALL, [0.25], context=10)
    # m1 at width 32: d_inner 64, one head, 64 + 2 * 8 = 80 channels.
    encoder = 2 * 32 * (64 + 80 + 1) + 2 * 80 * 4 + 5 * 64 * 8 + 2 * 64 * 32
    # q and k projections, three inner products.
    router = 2 * (2 * 32 * 32) + 3 * (2 * 32)
    # T1 at width 64, d_intermediate 100 -> 128; 2.5 positions, the mean query sees (2.5 + 1) / 2 = 1.75 of them.
    network = 2 * 64 * 192 + 2 * 64 * 64 + 2 * (2 * 64 * 1.75) + 2 * 64 * 256 + 2 * 128 * 64
    # t1 at width 32 sees (1 + 2 + 3 + 7 * 4) / 10 = 3.4 positions; residual projection; average of a quarter chunk.
    decoder = 2 * 32 * 96 + 2 * 32 * 32 + 2 * (2 * 32 * 3.4) + 2 * 32 * 32 + 3 * 32 / 4
    head = 2 * 32 * 256
    want = {
        "encoder": encoder,
        "router": router,
        "main_network": network / 4,
        "decoder": decoder,
        "head": head,
    }
    assert flops.by_part == pytest.approx(want)
    assert flops.total == pytest.approx(sum(want.values())) and flops.training == pytest.approx(
        3 * flops.total
    )


@pytest.mark.parametrize(("length", "window", "want"), [(1, -1, 1), (4, -1, 2.5), (5, 1, 9 / 5), (3, 9, 2)])
def test_visible_positions(length, window, want):
    assert mean_visible(length, window) == pytest.approx(want)


@pytest.mark.parametrize("router", [name for name in ROUTERS if "cosine" not in name])
def test_other_routers_cost_less(router):
    chunking = {"router": router, **({"stride": 4} if router == "fixed_stride" else {})}
    config = HNetConfig.from_dict(SMALL.to_dict() | {"chunking": chunking})
    other, cosine = (flops_per_byte(c, [0.25], 10).by_part for c in (config, SMALL))
    assert other.pop("router") == (64 if "linear" in router else 0) and cosine.pop("router")
    assert other == cosine


def test_products_are_those_that_torch_runs():
    """A model without scans, windows or smoothing, so that all it does is matrix products of torch."""
    config = tiny_config(
        1,
        arch_layout=["T1", ["T2"], "T1"],
        chunking={"router": "fixed_stride", "stride": 4, "smoothing": False},
    )
    n = 64
    model, ids = (
        tiny_model(1, **{k: v for k, v in config.to_dict().items() if k in ("arch_layout", "chunking")}),
        torch.arange(n),
    )
    with FlopCounterMode(display=False) as counter, backend.using("reference"), torch.no_grad():
        model(ids, cu_seqlens=torch.tensor([0, n]))
    scores = sum(v for k, v in counter.get_flop_counts()["Global"].items() if "attention" in str(k))
    products = counter.get_total_flops() - scores
    # One position sees one: what is left of attention is its projections (and 4 * width, taken off here).
    ours = flops_per_byte(config, [0.25], context=1).total - 4 * (2 * 32 + 2 * 64 / 4)
    assert products == pytest.approx(n * ours)


def test_tokens_are_shared_by_their_bytes():
    config = tiny_config(0, vocab_size=1000)
    per_token = flops_per_byte(config, [], context=12).total
    assert flops_per_byte(config, [], context=48, bytes_per_position=4).total == pytest.approx(per_token / 4)


@pytest.mark.parametrize("rates", [[], [0.5, 0.5], [0], [1.1]])
def test_rates_must_fit(rates):
    with pytest.raises(ConfigError, match="rates"):
        flops_per_byte(SMALL, rates, 10)


MATCHED = {
    "english_isotropic_transformer": 1.0,
    "english_isotropic_mamba": 1.0,
    "english_fixed_stride": 1.0,
    "english_space_like": 1.0,
    "english_bpe_transformer": 3.286,
    "english_transformer_encoders": 1.0,
    "english_hybrid": 1.0,
    "english_no_attention": 1.0,
    "english_4stage": 1.0,
    "english_windowed_transformer": 1.0,
    "dna_2stage": 1.0,
    "dna_isotropic_transformer": 1.0,
    "dna_isotropic_mamba": 1.0,
}
"""Recipes compared with the 1-stage recipe of their domain -> bytes of data a position of the outermost stage has."""


@pytest.mark.parametrize("name", MATCHED)
def test_baselines_cost_what_the_hnet_costs(name):
    base = f"{name.split('_')[0]}_1stage"
    ours, other = (read_recipe(RECIPES / f"{n}.json") for n in (base, name))
    want = flops_per_byte(ours.model, [1 / ours.training.target[0]], ours.training.row_bytes).total
    rates = [1 / n for n in other.training.target]
    got = flops_per_byte(other.model, rates, other.training.row_bytes, MATCHED[name]).total
    assert got == pytest.approx(want, rel=0.05)


def test_command_takes_recipes_configs_and_models(tmp_path, capsys):
    recipe = RECIPES / "english_1stage.json"
    assert run(main, ["--config", str(recipe), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    config = read_recipe(recipe).model
    assert printed["forward"] == pytest.approx(flops_per_byte(config, [0.2], 2048).total)
    assert set(printed["parts"]) == set(PARTS)
    save_model(tmp_path / "m", tiny_model(2), {"name": "m", "bytes_per_chunk": [2.0, 8.0], "row_bytes": 64})
    assert run(main, ["--model", str(tmp_path / "m"), "--json"]) == 0
    want = flops_per_byte(tiny_config(2), [0.5, 0.25], 64).total
    assert json.loads(capsys.readouterr().out)["forward"] == pytest.approx(want)
    assert (
        run(
            main,
            ["--config", str(tmp_path / "m" / "config.json"), "--rates", "0.5", "0.25", "--context", "64"],
        )
        == 0
    )
    assert f"forward {want:,.0f} FLOPs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [([], "give --rates"), (["--rates", "2", "1"], "at most 1"), (["--rates", "1"], "2 entries")],
)
def test_wrong_calls_end_with_one_line(tmp_path, capsys, more, words):
    (tmp_path / "config.json").write_text(json.dumps(tiny_config(2).to_dict()))
    assert run(main, ["--config", str(tmp_path / "config.json"), *more]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
