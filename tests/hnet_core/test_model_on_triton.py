"""The whole model on the Triton kernels against the reference: forward, loss, every gradient; float32 and bfloat16.

Without a GPU the same comparison runs in Triton's interpreter.
"""

import os
from functools import cache

import pytest
import torch
from torch import Tensor

from hnet_core.losses import next_byte_nll
from hnet_core.model import HNetForCausalLM
from hnet_core.routing import ratio_loss
from kernels import backend
from tests.kernels.gradients import FLOOR, max_error
from tests.tiny import random_bytes, tiny_model

LIMITS = (0, 13, 13, 24)
MARGIN = 0.05
"""How far every probability is from the threshold: nearer, rounding decides what is a boundary."""
DEVICES = [pytest.param("cpu", id="interpreter"), pytest.param("cuda", id="gpu", marks=pytest.mark.gpu)]


def model_of(dtype: torch.dtype, device: str = "cpu") -> HNetForCausalLM:
    """One stage, all kinds of blocks, weights rounded to bfloat16.

    Even and odd bytes point to opposite sides, so that neighbours are either alike or not, and nothing between.
    """
    model = tiny_model()
    side = 1 - 2.0 * (torch.arange(256) % 2)
    with torch.no_grad():
        model.embeddings.weight.mul_(0.2).add_(2 * side[:, None])
    return model.set_dtype(torch.bfloat16).set_dtype(dtype).to(device)


def run(model: HNetForCausalLM, kernels: str, ids: Tensor) -> dict[str, Tensor]:
    """Everything that a training step computes, on the CPU."""
    cu_seqlens = torch.tensor(LIMITS, device=ids.device)
    with backend.using(kernels):
        out = model(ids, cu_seqlens=cu_seqlens)
        loss = next_byte_nll(
            out.logits.float() if out.logits.dtype != torch.float64 else out.logits, ids, cu_seqlens
        )
        total = loss.mean() + 0.03 * ratio_loss(out.stages[0].prob, out.stages[0].is_boundary, 3.0)
        total.backward()
    found = {
        "logits": out.logits,
        "loss": total,
        "prob": out.stages[0].prob,
        "is_boundary": out.stages[0].is_boundary,
    }
    found |= {f"grad {name}": parameter.grad for name, parameter in model.named_parameters()}
    return {name: value.detach().cpu() for name, value in found.items()}


@cache
def case(dtype: torch.dtype) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """Bytes, and what the reference makes of them in float64 and in `dtype`."""
    ids = torch.tensor(list(random_bytes(LIMITS[-1])))
    exact = run(model_of(torch.float32).double(), "reference", ids)
    assert float((exact["prob"] - 0.5).abs().min()) > MARGIN
    return ids, exact, run(model_of(dtype), "reference", ids)


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_training_step_is_as_exact_as_the_reference(dtype, device):
    if device == "cuda" and os.environ.get("TRITON_INTERPRET") == "1":
        pytest.skip("Triton's interpreter is on in this process: run `make gpu`")
    ids, exact, eager = case(dtype)
    got = run(model_of(dtype, device), "triton", ids.to(device))
    assert torch.equal(got.pop("is_boundary"), exact["is_boundary"])
    assert 2 < int(exact["is_boundary"].sum()) < LIMITS[-1]
    for name, value in got.items():
        largest = float(exact[name].abs().max())
        limit = 2 * max_error(eager[name], exact[name]) + 2 * FLOOR[dtype] * max(largest, 1e-3)
        assert max_error(value, exact[name]) <= limit, name
