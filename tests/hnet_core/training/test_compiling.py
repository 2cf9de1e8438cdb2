"""Compiled gates give what plain ones give, at any length."""

import pytest
import torch

from hnet_core.blocks.mlp import SwiGLU
from hnet_core.errors import ConfigError
from hnet_core.training.compiling import compile_gates
from kernels.backend import using
from tests.tiny import random_bytes, tiny_model


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled_gates_change_nothing(backend):
    """As on CUDA: every gate of a model, of two widths and any length, in one graph each, with one rounding."""
    layers = {"arch_layout": ["T1", ["m1T1", ["T1"], "m1"], "T1"], "d_intermediate": [64, 200, 64]}
    model, want = tiny_model(2, **layers), tiny_model(2, **layers)
    compile_gates(model, "cuda", backend)
    gates = [module for module in model.modules() if isinstance(module, SwiGLU)]
    assert len({gate.fc2.in_features for gate in gates}) == 2 and len(gates) == 4
    torch._dynamo.utils.counters.clear()
    torch._dynamo.reset()
    for n in (90, 41, 64):
        ids, cu_seqlens = torch.tensor(list(random_bytes(n, seed=n))), torch.tensor([0, n])
        with using("reference"):
            for each in (model, want):
                each.zero_grad()
                each(ids, cu_seqlens=cu_seqlens).logits.square().mean().backward()
            ahead, stages = model.decide(ids, cu_seqlens), model(ids, cu_seqlens=cu_seqlens).stages
        for (name, got), other in zip(model.named_parameters(), want.parameters(), strict=True):
            torch.testing.assert_close(got.grad, other.grad, msg=name)
        for one, two in zip(ahead, stages, strict=True):
            assert torch.equal(one.prob, two.prob)
    counters = torch._dynamo.utils.counters
    assert counters["graph_break"] == {}
    assert 1 <= counters["stats"]["unique_graphs"] <= 4, "it was compiled anew for every length"


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_compiled_gate_is_the_same_with_gradient_and_without(backend):
    """So what looks ahead without gradient decides as the forward that is learned from."""
    gate = SwiGLU(16, 128)
    compile_gates(torch.nn.Sequential(gate), "cuda", backend)
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.randn(70, 256, generator=torch.Generator().manual_seed(1)).to(dtype)
        with torch.no_grad():
            ahead = gate.gate(x)
        assert torch.equal(gate.gate(x.requires_grad_()).detach(), ahead)


def test_a_cpu_is_refused():
    with pytest.raises(ConfigError, match="compile=true is for CUDA devices, not 'cpu'"):
        compile_gates(tiny_model(0), "cpu")
