"""A configuration refuses nonsense at construction, and says what to write instead."""

import pytest
import torch

from hnet_core.blocks.layout import parse_layout
from hnet_core.blocks.mamba2 import CONV_WIDTH, MAMBA_HEAD_DIM, MAX_STATE
from hnet_core.config import HNetConfig
from hnet_core.errors import ConfigError
from hnet_core.stage_config import MAX_WIDTH
from kernels.causal_conv1d import WIDTH
from kernels.rms_norm import cuda as cuda_norm
from kernels.routing import cuda as cuda_routing
from kernels.ssd.tiles import sizes_of
from tests.tiny import tiny_config

GOOD = tiny_config(1).to_dict()
DEEP = ["T1"]
for _ in range(40):
    DEEP = ["m1", DEEP, "m1"]


def test_round_trip():
    assert HNetConfig.from_dict(GOOD).to_dict() == GOOD


@pytest.mark.parametrize(
    "chunking",
    [{"router": "fixed_stride", "stride": 5}, {"smoothing": False, "straight_through": False}],
)
def test_only_what_is_not_published_is_written_of_chunking(chunking):
    assert HNetConfig.from_dict(GOOD | {"chunking": chunking}).to_dict() == GOOD | {"chunking": chunking}
    published = {"router": "cosine", "smoothing": True, "straight_through": True, "stride": None}
    assert HNetConfig.from_dict(GOOD | {"chunking": published}).to_dict() == GOOD


def test_chunking_is_one_for_all_stages_or_one_a_stage():
    raw = tiny_config(2).to_dict()
    routers = [{"router": "space_like"}, {"router": "fixed_stride", "stride": 3}]
    config = HNetConfig.from_dict(raw | {"chunking": routers})
    assert config.to_dict()["chunking"] == routers
    assert [stage.chunking and stage.chunking.router for stage in config.stages] == [
        "space_like",
        "fixed_stride",
        None,
    ]
    same = HNetConfig.from_dict(raw | {"chunking": routers[:1] * 2})
    assert same.to_dict()["chunking"] == routers[0]
    assert same.stages == HNetConfig.from_dict(raw | {"chunking": routers[0]}).stages
    assert HNetConfig.from_dict(raw | {"chunking": [{}, {}]}).to_dict() == raw


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"d_modle": [1]}, "did you mean 'd_model'"),
        ({"d_model": [32]}, "nests 2 levels"),
        ({"d_model": [64, 32]}, "narrower"),
        ({"d_model": [32, "64"]}, "whole numbers"),
        ({"d_model": [33, 64]}, "num_heads|multiple of 64"),
        ({"d_model": [32, 16448]}, "d_model.1.=16448 must be a whole number from 1 to 16384"),
        (
            {"d_model": [12288, 12288]},
            "d_model.0.=12288 times expand=2 must be a multiple of 64, at most 16384",
        ),
        ({"ssm_cfg": {"d_conv": 3}}, "ssm_cfg.d_conv=3 must be 4"),
        ({"ssm_cfg": {"d_conv": 5}}, "ssm_cfg.d_conv=5 must be 4"),
        ({"ssm_cfg": {"d_state": 129}}, "ssm_cfg.d_state=129 must be from 1 to 128"),
        ({"d_model": [32, 10**9]}, "from 1 to"),
        ({"arch_layout": ["m2", ["x2"], "m2"]}, "runs such as"),
        ({"arch_layout": ["m2", ["T2"]]}, "must nest"),
        ({"arch_layout": ["m2", ["T999999999"], "m1"]}, "more than"),
        ({"arch_layout": "m2"}, "must nest"),
        ({"arch_layout": DEEP}, "nests 16 levels or more"),
        ({"d_intermediate": [0, 0]}, r"d_intermediate\[1\] must not be 0"),
        ({"ssm_cfg": {"d_stat": 8}}, "did you mean 'd_state'"),
        ({"ssm_cfg": {"d_state": -1}}, "ssm_cfg.d_state"),
        ({"ssm_cfg": 3}, "object of settings"),
        ({"vocab_size": 100}, "vocab_size"),
        ({"chunking": {"routr": "linear"}}, "did you mean 'router'"),
        ({"chunking": {"router": "cosin"}}, "did you mean 'cosine'"),
        ({"chunking": {"router": "fixed_stride"}}, "chunking.stride=None must be a whole number"),
        ({"chunking": {"router": "fixed_stride", "stride": 1}}, "chunking.stride=1 must be"),
        ({"chunking": {"router": "linear", "stride": 5}}, "stride=5 is for router 'fixed_stride'"),
        ({"chunking": {"early_smoothing": 1}}, "chunking.early_smoothing=1 must be true or false"),
        ({"chunking": {"router": "space_like", "early_smoothing": True}}, "is for routers that learn"),
        ({"chunking": {"smoothing": 1}}, "chunking.smoothing=1 must be true or false"),
        ({"chunking": [{}, {}]}, "chunking has 2 entries, but arch_layout nests 1 routing stages"),
        (
            {"chunking": [{"router": "linear", "stride": 2}]},
            r"chunking\[0\].stride=2 is for router 'fixed_stride'",
        ),
        ({"chunking": ["cosine"]}, r"chunking\[0\] must be an object of settings"),
        ({"chunking": {"router": ["cosine"]}}, r"chunking.router=\['cosine'\] must be one of"),
        ({"chunking": {"merge": "publisht"}}, "chunking.merge='publisht' .* did you mean 'published'"),
    ],
)
def test_nonsense_is_refused(change, words):
    with pytest.raises(ConfigError, match=words):
        HNetConfig.from_dict(GOOD | change)


@pytest.mark.parametrize(
    ("key", "value"), [("num_heads", [5, 2]), ("rotary_emb_dim", [7, 8]), ("window_size", [-2, -1])]
)
def test_attention_must_fit_the_width(key, value):
    with pytest.raises(ConfigError, match=f"attn_cfg.{key}"):
        HNetConfig.from_dict(GOOD | {"attn_cfg": GOOD["attn_cfg"] | {key: value}})


def test_layout_runs():
    assert parse_layout("T1m4") == (("T", 1), ("m", 4))


@pytest.mark.parametrize("name", ["missing.json", "list.json", "broken.json"])
def test_files_that_are_no_config(tmp_path, name):
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ConfigError, match=name):
        HNetConfig.from_file(tmp_path / name)


@pytest.mark.parametrize(("heads", "allowed"), [(16, "may be 1, 2, 4, 8"), (64, "1, 2, 4, 8")])
def test_heads_are_a_multiple_of_eight_wide(heads, allowed):
    config = GOOD | {"d_model": [32, 64], "attn_cfg": GOOD["attn_cfg"] | {"num_heads": [2, heads]}}
    fitting = config | {"attn_cfg": config["attn_cfg"] | {"num_heads": [2, 8]}}
    assert HNetConfig.from_dict(fitting).attn_cfg.num_heads == (2, 8)
    with pytest.raises(
        ConfigError, match=rf"num_heads\[1\]={heads} makes heads {64 // heads} wide .*{allowed}"
    ):
        HNetConfig.from_dict(config)


def test_what_no_block_uses_need_not_fit():
    """A model without Mamba-2 or attention layers says nothing by their settings."""
    attention = GOOD | {"arch_layout": ["T1", ["T1"], "T1"], "ssm_cfg": {"d_conv": 3, "d_state": 1000}}
    assert HNetConfig.from_dict(attention).ssm_cfg.d_conv == 3
    mamba = GOOD | {
        "arch_layout": ["m1", ["m1"], "m1"],
        "attn_cfg": GOOD["attn_cfg"] | {"num_heads": [16, 0]},
    }
    assert HNetConfig.from_dict(mamba).attn_cfg.num_heads == (16, 0)


def test_the_limits_are_those_of_the_kernels():
    """What the configuration accepts, the kernels take, and no more."""
    limits = ((cuda_norm.MAX_WIDTH, MAX_WIDTH), (cuda_routing.MAX_WIDTH, MAX_WIDTH), (WIDTH, CONV_WIDTH))
    assert all(theirs == ours for theirs, ours in limits)
    x = torch.empty(64, 1, MAMBA_HEAD_DIM)
    assert sizes_of(x, torch.empty(64, MAX_STATE), 1)[1]["BLOCK_N"] == MAX_STATE
    with pytest.raises(ValueError, match="64 x 129"):
        sizes_of(x, torch.empty(64, MAX_STATE + 1), 1)
