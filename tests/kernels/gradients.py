"""What the kernel tests share: run an operator, take every gradient, and judge a kernel by torch's own rounding."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

FLOOR = {torch.float32: 2e-6, torch.bfloat16: 2.0**-7}
"""Error always allowed, relative to the largest entry: a few roundings of float32; one of bfloat16, towards zero as
Triton's interpreter rounds (a GPU rounds to the nearest)."""
CEILING = {torch.float32: torch.inf, torch.bfloat16: 2.0**-5}
"""Error never allowed, relative to the largest entry or to 1: torch in bfloat16 throughout may err a lot more."""
SMALL, FEW = 1 / 150, 16
"""Entries below this share of the largest are judged once more among themselves, where there are at least so many: an
error that is small beside the largest may be all there is of them."""
NORMS = {"all": 2.0**-6, "small": 0.5}
"""Norm of the error in bfloat16 never allowed, relative to the norm of the entries judged."""


def output_and_grads(
    op: Callable, inputs: dict[str, object], dtype: torch.dtype, device: str = "cpu"
) -> dict[str, Tensor]:
    """Run `op(**inputs)` in `dtype` and differentiate a fixed random weighting of everything floating it returns.

    inputs   the operator's arguments; floating tensors are cast to `dtype` and get a gradient; tensors go to `device`
    returns  out0, out1, ... and d<name> for every floating input, on the CPU
    A floating input keeps its strides: slices of a wider tensor stay slices of a wider tensor.
    """
    given = {name: _leaf(value, dtype, device) for name, value in inputs.items()}
    outputs = op(**given)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    noise = torch.Generator().manual_seed(7)
    # Weights that bfloat16 holds exactly, so that every dtype differentiates the same function.
    weights = [torch.randn(out.shape, generator=noise).bfloat16() for out in outputs]
    pairs = [(out, weight) for out, weight in zip(outputs, weights, strict=True) if out.is_floating_point()]
    loss = sum((out * weight.to(out)).sum() for out, weight in pairs)
    wanted = {name: value for name, value in given.items() if _is_floating(value)}
    if loss.requires_grad:
        grads = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True, materialize_grads=True)
    else:  # no rows: the outputs hold nothing
        grads = [torch.zeros_like(value) for value in wanted.values()]
    results = {f"out{i}": out.detach().cpu() for i, out in enumerate(outputs)}
    return results | {f"d{name}": grad.cpu() for name, grad in zip(wanted, grads, strict=True)}


def max_error(got: Tensor, want: Tensor) -> float:
    """The largest absolute difference; NaN anywhere counts as infinite; 0 for empty tensors."""
    assert got.shape == want.shape, f"shape {tuple(got.shape)} is not {tuple(want.shape)}"
    difference = (got.double() - want.double()).abs().nan_to_num(nan=torch.inf)
    return difference.max().item() if difference.numel() else 0.0


def assert_as_exact_as_eager(
    kernel: Callable,
    reference: Callable,
    inputs: dict[str, object],
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> None:
    """Outputs and every gradient of `kernel` in `dtype` err at most twice as much as `reference` in `dtype`.

    Truth is `reference` in float64 on inputs rounded to `dtype`. FLOOR is added so that a lucky exact eager result is
    no trap; CEILING holds where eager is bad. In bfloat16 the norm of the error is judged as well (NORMS).
    """
    inputs = {name: _rounded(value, dtype) for name, value in inputs.items()}
    exact = output_and_grads(reference, inputs, torch.float64)
    eager = output_and_grads(reference, inputs, dtype)
    fused = output_and_grads(kernel, inputs, dtype, device)
    for name, want in exact.items():
        largest = want.abs().max().item() if want.numel() else 0.0
        limit = 2 * max_error(eager[name], want) + FLOOR[dtype] * largest
        limit = min(limit, CEILING[dtype] * max(largest, 1.0))
        error = max_error(fused[name], want)
        assert error <= limit, f"{name}: error {error:.3g} is above {limit:.3g} (largest entry {largest:.3g})"
        if dtype == torch.bfloat16:
            _judge_norms(name, fused[name].double(), want.double())


def _judge_norms(name: str, got: Tensor, want: Tensor) -> None:
    """The error as a whole, and that of the entries which the largest hides."""
    size = want.abs()
    small = size < SMALL * (size.max() if size.numel() else 0.0)
    for which, entries in (("all", torch.ones_like(small)), ("small", small)):
        norm, error = want[entries].norm().item(), (got - want)[entries].norm().item()
        if int(entries.sum()) >= FEW and norm > 0:
            assert error <= NORMS[which] * norm, (
                f"{name}: error of {which} entries {error:.3g} beside norm {norm:.3g}"
            )


@contextmanager
def nan_filled_allocations(monkeypatch) -> Iterator[None]:
    """Inside, what torch.empty, torch.empty_like and new_empty hand out is full of NaN."""

    def poisoned(allocate: Callable) -> Callable:
        def allocate_nan(*args, **kwargs):
            fresh = allocate(*args, **kwargs)
            return fresh.fill_(torch.nan) if fresh.is_floating_point() else fresh

        return allocate_nan

    with monkeypatch.context() as patch:
        for owner, name in ((torch, "empty"), (torch, "empty_like"), (Tensor, "new_empty")):
            patch.setattr(owner, name, poisoned(getattr(owner, name)))
        yield


def column_slice(n_rows: int, n_columns: int, generator: torch.Generator) -> Tensor:
    """Standard normal (n_rows, n_columns) as the middle columns of a wider tensor: row stride n_columns + 7."""
    return torch.randn(n_rows, n_columns + 7, generator=generator)[:, 3 : 3 + n_columns]


def row_limits(*lengths: int) -> Tensor:
    """cu_seqlens of rows with these lengths."""
    return torch.tensor([0, *lengths]).cumsum(0)


def _is_floating(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _rounded(value: object, dtype: torch.dtype) -> object:
    """Floating tensors rounded to `dtype`, with their own dtype and strides."""
    return (
        _in_place_of(value, lambda tensor: tensor.to(dtype).to(tensor.dtype))
        if _is_floating(value)
        else value
    )


def _leaf(value: object, dtype: torch.dtype, device: str) -> object:
    """The same numbers with the same strides, on `device`, as a leaf that wants a gradient."""
    if not isinstance(value, Tensor):
        return value
    if not _is_floating(value):
        return value.to(device)
    return _in_place_of(value, lambda tensor: tensor.to(device, dtype)).requires_grad_()


def _in_place_of(value: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """A changed copy with the strides of `value`; what lies between its entries is changed along."""
    if value.dim() < 2 or value.numel() == 0 or value.is_contiguous():
        return change(value.detach()).clone()
    storage = value.detach().as_strided((value.untyped_storage().nbytes() // value.element_size(),), (1,), 0)
    return change(storage).clone().as_strided(value.shape, value.stride(), value.storage_offset())
