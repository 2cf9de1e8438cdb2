"""A block kind, a router and a merge that are registered from outside work in all that a model does."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from hnet_core.blocks import KINDS
from hnet_core.boundaries import load_boundary_model
from hnet_core.checkpoint import load_model
from hnet_core.commands import run
from hnet_core.config import HNetConfig
from hnet_core.convert import main as convert
from hnet_core.encoding import encode
from hnet_core.errors import ConfigError
from hnet_core.flops import flops_per_byte
from hnet_core.generate import main as generate
from hnet_core.merging import MERGES
from hnet_core.model import HNetForCausalLM
from hnet_core.routers import ROUTERS
from hnet_core.training.__main__ import main as train
from hnet_core.verify import main as verify
from tests.hnet_core.toy_parts import FIRM, GatedMerge, ToyMixer, ToyRouter
from tests.hnet_core.training.recipes import tiny_recipe, write_text
from tests.tiny import random_bytes

MODEL = {
    "arch_layout": ["s1m1", ["S1", ["T1"], "s1"], "m1"],
    "d_model": [32, 32, 48],
    "d_intermediate": [0, 64, 64],
    "ssm_cfg": {"d_state": 4},
    "attn_cfg": {"num_heads": [1, 1, 1], "rotary_emb_dim": [8, 8, 8], "window_size": [-1, -1, -1]},
    "chunking": [{"router": "toy", "merge": "gated"}, {"router": "fixed_stride", "stride": 2}],
}


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(KINDS, "s", ToyMixer)
    monkeypatch.setitem(ROUTERS, "toy", ToyRouter)
    monkeypatch.setitem(MERGES, "gated", GatedMerge)


@pytest.fixture
def trained(tmp_path):
    """The folder of a training of a few steps by the command."""
    recipe = tiny_recipe(bytes=4_000, target=[3, 2]) | {"model": MODEL}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    call = ["--config", tmp_path / "recipe.json", "--data", write_text(tmp_path), "--out", tmp_path / "out"]
    assert train([*map(str, call), "--device", "cpu"]) == 0
    return tmp_path / "out"


def limits(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *np.cumsum(lengths).tolist()])


def test_a_training_teaches_all_of_them(trained):
    model = load_model(trained / "model").model
    began = HNetForCausalLM(model.config).init_weights(0)
    before, after = dict(began.named_parameters()), load_file(trained / "model" / "model.safetensors")
    assert set(before) == set(after)
    for name in (
        "backbone.encoder.layers.0.mixer.out_proj.weight",
        "backbone.main_network.encoder.layers.0.mixer.out_proj.weight",
        "backbone.routing_module.head.weight",
        "backbone.gate_proj.weight",
    ):
        assert not torch.equal(before[name], after[name]), name
    # The published merge is at the other stage alone.
    assert (
        "backbone.main_network.residual_proj.weight" in after and "backbone.residual_proj.weight" not in after
    )


def test_rows_alone_packed_and_step_by_step_agree(trained):
    model = load_model(trained / "model").model
    texts = [torch.tensor(list(random_bytes(n, seed=n))) for n in (40, 1, 23)]
    with torch.no_grad():
        packed = model(torch.cat(texts), cu_seqlens=limits(*map(len, texts))).logits
        alone = [model(text, cu_seqlens=limits(len(text))).logits for text in texts]
        state, steps = model.new_state(3), [[] for _ in texts]
        for low, high in [(0, 7), (7, 8), (8, 9), (9, 30), (30, 40)]:
            parts = [text[low:high] for text in texts]
            out = model(torch.cat(parts), cu_seqlens=limits(*map(len, parts)), state=state)
            state = out.state.clone()
            for row, logits in zip(steps, out.logits.split([len(p) for p in parts]), strict=True):
                row.append(logits)
    torch.testing.assert_close(torch.cat(alone), packed, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(torch.cat([torch.cat(row) for row in steps]), packed, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("window", [5, None])
def test_boundaries_stream_from_a_boundary_only_folder(trained, tmp_path, window):
    assert (
        run(convert, [str(trained / "model"), str(tmp_path / "edges"), "--boundary-only", "--dtype", "fp32"])
        == 0
    )
    names = load_file(tmp_path / "edges" / "model.safetensors")
    assert "backbone.routing_module.head.weight" in names and "backbone.gate_proj.weight" not in names
    data, whole = random_bytes(200, seed=3), load_model(trained / "model").model
    tracks = load_boundary_model(tmp_path / "edges").boundaries(data, window=window)
    ids = torch.from_numpy(encode(data).astype(np.int64))
    with torch.no_grad():
        out = whole(ids, cu_seqlens=limits(len(ids)))
        ahead = whole.decide(ids, limits(len(ids)))
    assert torch.equal(out.stages[0].is_boundary, out.stages[0].prob > FIRM)
    assert ((out.stages[0].prob > FIRM) & (out.stages[0].prob <= 0.5)).any(), "as a half would have it"
    at = np.arange(-1, len(data))
    for track, stage, decided in zip(tracks, out.stages, ahead, strict=True):
        assert torch.equal(stage.is_boundary, decided.is_boundary)
        at = at[stage.is_boundary.numpy()]
        assert track.byte[track.is_boundary].tolist() == sorted({max(0, b) for b in at.tolist()})


def test_the_routers_loss_reaches_the_training(trained, monkeypatch):
    """With the same seed and data, a router without its loss ends with other weights."""
    forward = ToyRouter.forward

    def without(self, x, rows, state=None):
        decision, state = forward(self, x, rows, state)
        return type(decision)(decision.prob, decision.is_boundary, decision.sureness), state

    monkeypatch.setattr(ToyRouter, "forward", without)
    call = ["--config", trained.parent / "recipe.json", "--data", trained.parent / "text.jsonl"]
    assert train([*map(str, call), "--out", str(trained.parent / "other"), "--device", "cpu"]) == 0
    one, other = (
        load_file(folder / "model" / "model.safetensors") for folder in (trained, trained.parent / "other")
    )
    assert not torch.equal(
        one["backbone.routing_module.head.weight"], other["backbone.routing_module.head.weight"]
    )


def test_golden_numbers_can_be_written_and_verified(tmp_path, capsys):
    model = HNetForCausalLM(HNetConfig.from_dict(MODEL)).init_weights(0)
    ids = torch.tensor([list(random_bytes(20, seed=n)) for n in (1, 2)])
    with torch.no_grad():
        logits = model(ids.flatten(), cu_seqlens=limits(20, 20)).logits
    (tmp_path / "config.json").write_text(json.dumps(model.config.to_dict()))
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    for shift, code in ((0.0, 0), (0.01, 1)):
        save_file({"packed.input_ids": ids, "packed.logits": logits + shift}, tmp_path / "golden.safetensors")
        assert verify([str(tmp_path)]) == code
    assert "packed.logits" in capsys.readouterr().out


def test_a_text_is_continued(trained, capsys):
    assert run(generate, ["--model", str(trained / "model"), "--prompt", "the cat", "--bytes", "8"]) == 0
    assert capsys.readouterr().out.strip()


def test_their_operations_are_counted():
    config = HNetConfig.from_dict(MODEL)
    parts = {(row[0], row[1]): row[3] / row[2] for row in flops_per_byte(config, [0.5, 0.5], 64).rows}
    assert parts[0, "router"] == 2 * 32 and parts[1, "router"] == 0
    # One s block; one with an MLP of 128, of which fc1 yields value and gate.
    assert parts[1, "decoder"] == 2 * 32**2 + (2 * 32**2 + 3 * 32 * 0.5)
    assert parts[1, "encoder"] == 2 * 32**2 + 2 * 32 * 256 + 2 * 128 * 32


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"d_model": [32, 40, 48]}, "must be a multiple of 16 for blocks of kind s"),
        ({"d_intermediate": [0, 0, 64]}, "stage 1 has S blocks"),
        ({"arch_layout": ["s1m1", ["S1", ["T1"], "x1"], "m1"]}, "block kinds m, M, t, T, s, S"),
        ({"chunking": [{"router": "toyy"}, {}]}, r"chunking\[0\].router='toyy' .* did you mean 'toy'"),
        ({"chunking": [{"router": "toy"}]}, "chunking has 1 entries"),
        ({"chunking": [{}, {"merge": "gate"}]}, r"chunking\[1\].merge='gate' .* did you mean 'gated'"),
    ],
)
def test_what_they_refuse_is_told_like_everything_else(change, words):
    with pytest.raises(ConfigError, match=words):
        HNetConfig.from_dict(MODEL | change)


def test_a_configuration_by_stage_comes_back_as_it_was():
    assert HNetConfig.from_dict(MODEL).to_dict()["chunking"] == MODEL["chunking"]
