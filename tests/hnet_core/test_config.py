"""A configuration refuses nonsense at construction, and says what to write instead."""

import pytest

from hnet_core.config import HNetConfig, parse_layout
from hnet_core.errors import ConfigError
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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"d_modle": [1]}, "did you mean 'd_model'"),
        ({"d_model": [32]}, "nests 2 levels"),
        ({"d_model": [64, 32]}, "narrower"),
        ({"d_model": [32, "64"]}, "whole numbers"),
        ({"d_model": [33, 64]}, "num_heads|multiple of 64"),
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
