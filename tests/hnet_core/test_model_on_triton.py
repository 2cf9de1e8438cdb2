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
from hnet_core.routers.ratio_loss import ratio_loss
from kernels import backend
from tests.kernels.gradients import FLOOR, max_error
from tests.tiny import random_bytes, tiny_model

LIMITS = (0, 13, 13, 24)
MARGIN = 0.05
"""How far every probability is from the threshold: nearer, rounding decides what is a boundary."""
DEVICES = [pytest.param("cpu", id="interpreter"), pytest.param("cuda", id="gpu", marks=pytest.mark.gpu)]


CASES = {
    "cosine": (1, {}),
    "linear": (1, {"chunking": {"router": "linear"}}),
    "space_like": (1, {"chunking": {"router": "space_like"}}),
    "no smoothing": (1, {"chunking": {"smoothing": False}}),
    "no straight-through": (1, {"chunking": {"straight_through": False}}),
    "two stages": (
        2,
        {
            "arch_layout": ["m1", ["t1", ["m1"], "m1"], "t1"],
            "chunking": {"router": "fixed_stride", "stride": 3},
        },
    ),
}
"""What is tried: stages and changes of the configuration. fixed_stride cuts at both stages where rounding cannot."""


def model_of(dtype: torch.dtype, device: str = "cpu", case: str = "cosine") -> HNetForCausalLM:
    """All kinds of blocks, weights rounded to bfloat16.

    Even and odd bytes point to opposite sides, so that neighbours are either alike or not, and nothing between.
    """
    n_stages, changes = CASES[case]
    model = tiny_model(n_stages, **changes)
    if case == "linear":  # one channel decides, and it says whether the byte is even
        model.backbone.routing_module.head.weight.data.zero_()[0, 0] = 4
    side = 1 - 2.0 * (torch.arange(256) % 2)
    with torch.no_grad():
        model.embeddings.weight.mul_(0.2).add_(2 * side[:, None])
    return model.set_dtype(torch.bfloat16).set_dtype(dtype).to(device)


def run(model: HNetForCausalLM, kernels: str, ids: Tensor, narrow: bool = False) -> dict[str, Tensor]:
    """Everything that a training step computes, on the CPU. narrow: inside autocast to bfloat16."""
    cu_seqlens = torch.tensor(LIMITS, device=ids.device)
    with backend.using(kernels), torch.autocast(ids.device.type, torch.bfloat16, enabled=narrow):
        out = model(ids, cu_seqlens=cu_seqlens)
        loss = next_byte_nll(
            out.logits.float() if out.logits.dtype != torch.float64 else out.logits, ids, cu_seqlens
        )
        total = loss.mean() + 0.03 * sum(ratio_loss(s.prob, s.is_boundary, 3.0) for s in out.stages)
        total.backward()
    found = {"logits": out.logits, "loss": total}
    for s, stage in enumerate(out.stages):
        found |= {f"prob {s}": stage.prob, f"is_boundary {s}": stage.is_boundary}
    found |= {f"grad {name}": parameter.grad for name, parameter in model.named_parameters()}
    return {name: value.detach().cpu() for name, value in found.items()}


@pytest.fixture(autouse=True)
def one_thread():
    """The order of torch's sums, and so their last digits, depends on the threads that an earlier test left."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def case(dtype: torch.dtype, name: str = "cosine") -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """Bytes, and what the reference makes of them in float64 and in `dtype`."""
    ids = torch.tensor(list(random_bytes(LIMITS[-1])))
    exact = run(model_of(torch.float32, case=name).double(), "reference", ids)
    assert min(float((p - 0.5).abs().min()) for n, p in exact.items() if n.startswith("prob")) > MARGIN
    return ids, exact, run(model_of(dtype, case=name), "reference", ids)


def assert_close(got: dict[str, Tensor], exact: dict[str, Tensor], eager: dict[str, Tensor], dtype) -> None:
    for name in [name for name in got if name.startswith("is_boundary")]:
        assert torch.equal(got.pop(name), exact[name])
        assert 2 < int(exact[name].sum()) < len(exact[name])
    for name, value in got.items():
        largest = float(exact[name].abs().max())
        limit = 2 * max_error(eager[name], exact[name]) + 2 * FLOOR[dtype] * max(largest, 1e-3)
        assert max_error(value, exact[name]) <= limit, name


def skip_gpu_in_the_interpreter(device: str) -> None:
    if device == "cuda" and os.environ.get("TRITON_INTERPRET") == "1":
        pytest.skip("Triton's interpreter is on in this process: run `make gpu`")


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_a_training_step_is_as_exact_as_the_reference(name, dtype, device):
    skip_gpu_in_the_interpreter(device)
    ids, exact, eager = case(dtype, name)
    assert_close(run(model_of(dtype, device, name), "triton", ids.to(device)), exact, eager, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_a_step_under_autocast_with_float32_weights(name, device):
    """What a training in bf16 does on CUDA; judged beside the reference under the same autocast."""
    skip_gpu_in_the_interpreter(device)
    ids, exact, _ = case(torch.float32, name)
    eager = run(model_of(torch.float32, case=name), "reference", ids, narrow=True)
    got = run(model_of(torch.float32, device, name), "triton", ids.to(device), narrow=True)
    assert got["prob 0"].dtype == torch.float32 and got["logits"].dtype == torch.bfloat16
    assert all(value.dtype == torch.float32 for n, value in got.items() if n.startswith("grad"))
    assert_close(got, exact, eager, torch.bfloat16)
