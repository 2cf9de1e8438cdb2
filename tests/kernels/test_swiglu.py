"""The gate of an MLP: the kernels against the reference, and the reference against its definition."""

import pytest
import torch

from kernels import backend
from kernels.swiglu import cpu, reference, swiglu
from tests.kernels.counting import counted_launches
from tests.kernels.gradients import assert_as_exact_as_eager, column_slice, nan_filled_allocations
from tests.kernels.places import ALL, NUMBA_IN_BFLOAT16


@pytest.mark.parametrize("place", [NUMBA_IN_BFLOAT16, *ALL])
@pytest.mark.parametrize(("n_positions", "width"), [(0, 16), (1, 1), (33, 100), (257, 64)])
def test_kernel_is_as_exact_as_torch(place, n_positions, width, monkeypatch):
    inputs = {"x": 3 * column_slice(n_positions, 2 * width, torch.Generator().manual_seed(0))}
    kernel = place.kernel("swiglu")
    with nan_filled_allocations(monkeypatch):
        assert_as_exact_as_eager(kernel, reference.swiglu, inputs, place.dtype, place.device)


def test_a_gpu_is_asked_once_each_way():
    x = torch.randn(40, 32, requires_grad=True)
    with backend.using("triton"), counted_launches() as (ours, of_torch):
        out = swiglu(x)
        out.backward(torch.ones_like(out.detach()))
    assert ours == {"swiglu.forward": 1, "swiglu.backward": 1}
    assert set(of_torch) <= {"ones_like"}


@pytest.mark.parametrize("blocks", [2, 3])
def test_kernel_in_blocks_on_threads(blocks, monkeypatch):
    monkeypatch.setattr(cpu, "n_blocks", lambda n_positions, width: blocks)
    inputs = {"x": column_slice(200, 40, torch.Generator().manual_seed(0))}
    assert_as_exact_as_eager(cpu.swiglu, reference.swiglu, inputs)


def test_values_come_first_and_gates_second():
    x = torch.tensor([[2.0, 3.0, 0.0, 1.0]])
    want = torch.tensor([[0.0, 3 / (1 + 0.36787944)]])
    for name in ("reference", "numba", "triton"):
        with backend.using(name):
            torch.testing.assert_close(swiglu(x), want)


@pytest.mark.parametrize("shape", [(3, 5), (4,), (2, 3, 4)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"must be \(T, 2 D\)"):
        swiglu(torch.zeros(shape))
