import pytest
import torch

from kernels import backend
from kernels.linear import cpu, factor_dtype, linear, precision, reference
from tests.kernels.gradients import assert_as_exact_as_eager, column_slice, max_error, output_and_grads


def some_inputs(n_rows: int, d_in: int, d_out: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(n_rows)
    x = column_slice(n_rows, d_in, generator)
    return {"x": x, "weight": torch.randn(d_out, d_in, generator=generator)}


@pytest.mark.parametrize("n_rows", [0, 1, 33, 100, 257])
@pytest.mark.parametrize(("d_in", "d_out"), [(32, 33), (100, 64)])
def test_cpu_kernel_is_as_exact_as_torch(n_rows, d_in, d_out):
    inputs = some_inputs(n_rows, d_in, d_out)
    assert_as_exact_as_eager(cpu.Linear.apply, reference.linear, inputs)
    assert_as_exact_as_eager(linear, reference.linear, inputs)


@pytest.mark.parametrize(("d_out", "filled"), [(33, 48), (48, 48), (1, 16)])
def test_rows_are_filled_up_with_zeros(d_out, filled):
    inputs = some_inputs(20, 32, d_out)
    wide = linear(**inputs, multiple=16)
    assert wide.shape == (20, filled) and wide[:, d_out:].eq(0).all()
    assert_as_exact_as_eager(lambda x, weight: linear(x, weight, 16)[:, :d_out], reference.linear, inputs)


def test_bf16_products_err_by_bf16_rounding_and_no_more():
    inputs = some_inputs(257, 100, 64)
    exact = output_and_grads(reference.linear, inputs, torch.float64)
    with precision("bf16"):
        rounded = output_and_grads(linear, inputs, torch.float32)
    for name, want in exact.items():
        error = max_error(rounded[name], want) / float(want.abs().max())
        assert 1e-5 < error < 2**-7, name
        assert rounded[name].dtype == torch.float32


def test_precision_ends_with_the_block():
    inputs = some_inputs(100, 32, 33)
    with pytest.raises(RuntimeError), precision("bf16"):
        raise RuntimeError
    assert torch.equal(linear(**inputs), cpu.Linear.apply(**inputs))
    with pytest.raises(ValueError, match="fp32, bf16"), precision("fp8"):
        pass


def test_backends_are_chosen(monkeypatch):
    used = []
    monkeypatch.setattr(cpu, "linear", lambda x, weight, precision: used.append("cpu"))
    monkeypatch.setattr(reference, "linear", lambda x, weight: used.append("reference"))
    x, weight = torch.zeros(100, 4), torch.zeros(3, 4)
    linear(x, weight)
    with backend.using("reference"):
        linear(x, weight)
    linear(x.double(), weight.double())
    assert used == ["cpu", "reference", "reference"]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"weight must be \(3, 4\).*got \(3, 5\)"):
        linear(torch.zeros(2, 4), torch.zeros(3, 5))
    with pytest.raises(ValueError, match=r"float32 on cpu, got .* in torch.float64"):
        linear(torch.zeros(2, 4), torch.zeros(3, 4).double())
    with pytest.raises(ValueError, match=r"x must be \(T, D_in\)"):
        linear(torch.zeros(4), torch.zeros(3, 4))


def test_narrow_activations_stay_narrow_and_weights_do_not_become_so():
    inputs = some_inputs(100, 32, 33)
    x, weight = inputs["x"].bfloat16().requires_grad_(), inputs["weight"].requires_grad_()
    y = linear(x, weight)
    with precision("bf16"):
        assert torch.equal(y.float(), linear(x.float(), weight))
    y.sum().backward()
    assert (y.dtype, x.grad.dtype, weight.grad.dtype) == (torch.bfloat16, torch.bfloat16, torch.float32)


def test_the_dtype_of_factors_follows_precision_and_backend():
    x = torch.zeros(2, 4)
    assert factor_dtype(x) == torch.float32
    with precision("bf16"):
        assert factor_dtype(x) == torch.bfloat16
        assert factor_dtype(x.double()) == torch.float64
        with backend.using("reference"):
            assert factor_dtype(x) == torch.float32
