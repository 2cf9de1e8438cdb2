"""Compiled gates give what plain ones give, at any length."""

import pytest
import torch

from hnet_core.block import SwiGLU
from hnet_core.errors import ConfigError
from hnet_core.training.compiling import compile_gates
from tests.tiny import tiny_model


def test_compiled_gates_change_nothing():
    """The graph is captured and differentiated as on CUDA, and runs without a code generator."""
    torch.manual_seed(0)
    gate = SwiGLU(16, 128)
    inputs = [torch.randn(n, 16) for n in (70, 45)]
    want = [torch.autograd.grad(gate(x).pow(2).sum(), gate.parameters()) for x in inputs]
    compile_gates(torch.nn.Sequential(gate), "cuda", backend="aot_eager")
    torch._dynamo.utils.counters.clear()
    for x, gradients in zip(inputs, want, strict=True):
        torch.testing.assert_close(torch.autograd.grad(gate(x).pow(2).sum(), gate.parameters()), gradients)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0, "nothing was compiled"


def test_a_cpu_is_refused():
    with pytest.raises(ConfigError, match="compile=true is for CUDA devices, not 'cpu'"):
        compile_gates(tiny_model(0), "cpu")
