"""The gate of an MLP: the CPU kernel against the reference, and the reference against its definition."""

import pytest
import torch

from kernels import backend
from kernels.swiglu import cpu, reference, swiglu
from tests.kernels.gradients import assert_as_exact_as_eager, column_slice, nan_filled_allocations


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("n_positions", "width"), [(0, 16), (1, 1), (33, 100), (257, 64)])
def test_kernel_is_as_exact_as_torch(n_positions, width, dtype, monkeypatch):
    inputs = {"x": 3 * column_slice(n_positions, 2 * width, torch.Generator().manual_seed(0))}
    with nan_filled_allocations(monkeypatch):
        assert_as_exact_as_eager(cpu.swiglu, reference.swiglu, inputs, dtype)


@pytest.mark.parametrize("blocks", [2, 3])
def test_kernel_in_blocks_on_threads(blocks, monkeypatch):
    monkeypatch.setattr(cpu, "n_blocks", lambda n_positions, width: blocks)
    inputs = {"x": column_slice(200, 40, torch.Generator().manual_seed(0))}
    assert_as_exact_as_eager(cpu.swiglu, reference.swiglu, inputs)


def test_values_come_first_and_gates_second():
    x = torch.tensor([[2.0, 3.0, 0.0, 1.0]])
    want = torch.tensor([[0.0, 3 / (1 + 0.36787944)]])
    for name in ("reference", "numba"):
        with backend.using(name):
            torch.testing.assert_close(swiglu(x), want)


@pytest.mark.parametrize("shape", [(3, 5), (4,), (2, 3, 4)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"must be \(T, 2 D\)"):
        swiglu(torch.zeros(shape))
