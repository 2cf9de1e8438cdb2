"""Next-byte cross entropy inside rows, and the published losses."""

import json

import pytest
import torch
from safetensors.torch import load_file

from hnet_core.config import HNetConfig
from hnet_core.losses import next_bytes
from hnet_core.model import HNetForCausalLM
from hnet_core.training.objective import objective
from kernels.cross_entropy import IGNORED


def test_targets_stop_at_row_ends():
    ids, cu_seqlens = torch.tensor([5, 6, 7, 8, 9], dtype=torch.uint8), torch.tensor([0, 2, 3, 5])
    assert next_bytes(ids, cu_seqlens).tolist() == [6, IGNORED, IGNORED, 9, IGNORED]


@pytest.mark.parametrize("name", ["a_1stage", "b_2stage"])
def test_losses_equal_the_published_ones(golden, name):
    folder = golden / name
    model = HNetForCausalLM(HNetConfig.from_file(folder / "config.json"))
    model.load_state_dict(load_file(folder / "weights.safetensors"))
    meta = json.loads((folder / "meta.json").read_text())
    want = meta["loss"]
    rows = load_file(folder / "golden.safetensors")["packed.input_ids"].long()
    ids, cu_seqlens = rows.flatten(), torch.arange(len(rows) + 1) * rows.shape[1]
    output = model(ids, cu_seqlens=cu_seqlens)
    got = objective(output, ids, cu_seqlens, target=meta["ratio_N"], alpha=meta["ratio_weight"])
    assert got.cross_entropy.item() == pytest.approx(want["ce"], abs=1e-5)
    assert [r.item() for r in got.ratios] == pytest.approx(want["ratio"], abs=1e-5)
    assert got.total.item() == pytest.approx(want["total"], abs=1e-5)
