"""The norms: the CPU kernels against the reference, and the reference against its definition."""

import pytest
import torch

from kernels import backend
from kernels.rms_norm import cpu, gated_rms_norm, reference, rms_norm
from tests.kernels.gradients import (
    assert_as_exact_as_eager,
    column_slice,
    max_error,
    nan_filled_allocations,
)
from tests.kernels.places import ALL, FLOAT32, Place

SIZES = [(0, 16), (1, 1), (33, 100), (100, 33), (257, 64)]


def example(n_positions, width, with_residual=True, seed=0) -> dict:
    noise = torch.Generator().manual_seed(seed)
    residual = column_slice(n_positions, width, noise)
    return {
        "x": column_slice(n_positions, width, noise),
        "weight": torch.randn(width, generator=noise),
        "eps": 1e-5,
        "residual": residual if with_residual else None,
    }


def gated_example(n_positions, width, seed=0) -> dict:
    noise = torch.Generator().manual_seed(seed)
    return {
        "y": column_slice(n_positions, width, noise),
        "z": 3 * column_slice(n_positions, width, noise),
        "weight": torch.randn(width, generator=noise),
        "eps": 1e-5,
    }


def judge(place: Place, name: str, inputs: dict) -> None:
    kernel = place.kernel("rms_norm", name)
    assert_as_exact_as_eager(kernel, getattr(reference, name), inputs, place.dtype, place.device)


@pytest.mark.parametrize("place", ALL)
@pytest.mark.parametrize(("n_positions", "width"), SIZES)
@pytest.mark.parametrize("with_residual", [True, False])
def test_kernel_is_as_exact_as_torch(place, n_positions, width, with_residual, monkeypatch):
    with nan_filled_allocations(monkeypatch):
        judge(place, "rms_norm", example(n_positions, width, with_residual))


@pytest.mark.parametrize("place", ALL)
@pytest.mark.parametrize(("n_positions", "width"), SIZES)
def test_gated_kernel_is_as_exact_as_torch(place, n_positions, width, monkeypatch):
    with nan_filled_allocations(monkeypatch):
        judge(place, "gated_rms_norm", gated_example(n_positions, width))


@pytest.mark.parametrize("place", ALL)
def test_activations_in_bfloat16_and_the_rest_in_float32(place):
    """What a model in bfloat16 passes: the residual stream stays in float32, gradients in the dtypes of the inputs."""
    inputs = example(33, 20)
    x, weight, residual = (inputs[key].to(place.device) for key in ("x", "weight", "residual"))
    given = x.bfloat16().requires_grad_(), weight.requires_grad_(), residual.requires_grad_()
    normed, summed = place.kernel("rms_norm")(given[0], given[1], 1e-5, given[2])
    assert (normed.dtype, summed.dtype) == (torch.bfloat16, torch.float32)
    assert torch.equal(summed, x.bfloat16() + residual)
    (normed.sum() + summed.sum()).backward()
    assert [value.grad.dtype for value in given] == [torch.bfloat16, torch.float32, torch.float32]
    torch.testing.assert_close(given[0].grad.float(), given[2].grad, rtol=2**-7, atol=0)


@pytest.mark.parametrize("place", ALL)
@pytest.mark.parametrize("narrow", ["x", "normed"])
def test_the_norm_in_another_dtype_than_its_input(place, narrow):
    """Where a stack begins, x is float32 and what goes into a product is not; where it ends, it is the other way."""
    inputs = example(33, 20)
    x, residual = inputs["x"].bfloat16(), inputs["residual"]
    want, _ = reference.rms_norm(x.double(), inputs["weight"].double(), 1e-5, residual.double())
    x, dtype = (x, torch.float32) if narrow == "x" else (x.float(), torch.bfloat16)
    given = (value.to(place.device) for value in (x, inputs["weight"]))
    normed, _ = place.kernel("rms_norm")(*given, 1e-5, residual.to(place.device), dtype)
    assert normed.dtype == dtype
    assert max_error(normed.cpu(), want) <= (2.0**-7 if narrow == "normed" else 2e-6) * float(
        want.abs().max()
    )


@pytest.mark.parametrize("place", FLOAT32)
@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize("with_residual", [True, False])
def test_either_output_alone_is_differentiable(place, output, with_residual):
    kernel = place.kernel("rms_norm")
    assert_as_exact_as_eager(
        lambda **given: kernel(**given)[output],
        lambda **given: reference.rms_norm(**given)[output],
        example(33, 20, with_residual),
        device=place.device,
    )


@pytest.mark.parametrize("blocks", [2, 3])
def test_kernels_in_blocks_on_threads(blocks, monkeypatch):
    monkeypatch.setattr(cpu, "n_blocks", lambda n_positions, width: blocks)
    with nan_filled_allocations(monkeypatch):
        assert_as_exact_as_eager(cpu.rms_norm, reference.rms_norm, example(200, 20))
        assert_as_exact_as_eager(cpu.gated_rms_norm, reference.gated_rms_norm, gated_example(200, 20))


@pytest.mark.parametrize("place", FLOAT32)
def test_many_positions_do_not_lose_digits_of_the_weight_gradient(place):
    inputs = example(20_000, 4)
    inputs["x"] = inputs["x"] + 3  # a sum that grows, the worst case for float32
    judge(place, "rms_norm", inputs)


@pytest.mark.parametrize("place", FLOAT32)
@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e12])
def test_small_and_large_rows(place, scale):
    inputs = example(8, 20, with_residual=False)
    inputs["x"] = inputs["x"] * scale
    judge(place, "rms_norm", inputs)


def test_reference_follows_its_definition():
    x, weight = torch.tensor([[3.0, 4.0]]), torch.tensor([1.0, 10.0])
    normed, summed = reference.rms_norm(x, weight, 0.0, torch.zeros(1, 2))
    torch.testing.assert_close(normed, torch.tensor([[3 / 12.5**0.5, 40 / 12.5**0.5]]))
    assert torch.equal(summed, x)
    z = torch.tensor([[1.0, -2.0]])
    gated = reference.gated_rms_norm(x, z, weight, 0.0)
    torch.testing.assert_close(gated, reference.rms_norm(x * z * torch.sigmoid(z), weight, 0.0)[0])


def test_reference_gradients():
    x, residual = (torch.randn(3, 5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    weight = torch.randn(5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *given: reference.rms_norm(given[0], given[1], 1e-5, given[2]), (x, weight, residual)
    )
    assert torch.autograd.gradcheck(reference.gated_rms_norm, (x, residual, weight))


def test_backends_agree():
    inputs, gated = example(33, 20), gated_example(33, 20)
    with backend.using("reference"):
        want = *rms_norm(**inputs), gated_rms_norm(**gated)
    for name in ("numba", "triton"):
        with backend.using(name):
            got = *rms_norm(**inputs), gated_rms_norm(**gated)
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight", torch.zeros(19)),
        ("residual", torch.zeros(8, 19)),
        ("residual", torch.zeros(8, 20).double()),
    ],
)
def test_wrong_shapes_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        rms_norm(**(example(8, 20) | {name: value}))


def test_wrong_gate_is_refused():
    with pytest.raises(ValueError, match="z must be"):
        gated_rms_norm(**(gated_example(8, 20) | {"z": torch.zeros(7, 20)}))
