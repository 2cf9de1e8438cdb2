"""What the kernel tests share: run an operator, take every gradient, and judge a kernel by torch's own rounding."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

FLOOR = 2e-6
"""Error always allowed, relative to the largest entry: a few roundings of float32."""


def output_and_grads(op: Callable, inputs: dict[str, object], dtype: torch.dtype) -> dict[str, Tensor]:
    """Run `op(**inputs)` in `dtype` and differentiate a fixed random weighting of everything it returns.

    inputs   the operator's arguments; floating tensors are cast to `dtype` and get a gradient, the rest passes as it is
    returns  out0, out1, ... and d<name> for every floating input
    A floating input keeps its strides: slices of a wider tensor stay slices of a wider tensor.
    """
    given = {name: _leaf(value, dtype) for name, value in inputs.items()}
    outputs = op(**given)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    noise = torch.Generator().manual_seed(7)
    loss = sum((out * torch.randn(out.shape, generator=noise).to(dtype)).sum() for out in outputs)
    wanted = {name: value for name, value in given.items() if _is_floating(value)}
    if loss.requires_grad:
        grads = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True, materialize_grads=True)
    else:  # no rows: the outputs hold nothing
        grads = [torch.zeros_like(value) for value in wanted.values()]
    results = {f"out{i}": out.detach() for i, out in enumerate(outputs)}
    return results | {f"d{name}": grad for name, grad in zip(wanted, grads, strict=True)}


def max_error(got: Tensor, want: Tensor) -> float:
    """The largest absolute difference; NaN anywhere counts as infinite; 0 for empty tensors."""
    assert got.shape == want.shape, f"shape {tuple(got.shape)} is not {tuple(want.shape)}"
    difference = (got.double() - want.double()).abs().nan_to_num(nan=torch.inf)
    return difference.max().item() if difference.numel() else 0.0


def assert_as_exact_as_eager(kernel: Callable, reference: Callable, inputs: dict[str, object]) -> None:
    """Outputs and every gradient of `kernel` in float32 err at most twice as much as `reference` in float32.

    Truth is `reference` in float64. FLOOR is added so that a lucky exact eager result is no trap.
    """
    exact = output_and_grads(reference, inputs, torch.float64)
    eager = output_and_grads(reference, inputs, torch.float32)
    fused = output_and_grads(kernel, inputs, torch.float32)
    for name, want in exact.items():
        largest = want.abs().max().item() if want.numel() else 0.0
        limit = 2 * max_error(eager[name], want) + FLOOR * largest
        error = max_error(fused[name], want)
        assert error <= limit, f"{name}: error {error:.3g} is above {limit:.3g} (largest entry {largest:.3g})"


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


def _leaf(value: object, dtype: torch.dtype) -> object:
    """The same numbers with the same strides, as a leaf that wants a gradient."""
    if not _is_floating(value):
        return value
    if value.dim() < 2 or value.numel() == 0 or value.is_contiguous():
        return value.detach().to(dtype).clone().requires_grad_()
    storage = value.detach().as_strided((value.untyped_storage().nbytes() // value.element_size(),), (1,), 0)
    copied = storage.to(dtype).clone()
    return copied.as_strided(value.shape, value.stride(), value.storage_offset()).requires_grad_()
