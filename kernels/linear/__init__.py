"""The linear map without bias, by whichever matrix product is fastest where it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

from kernels import backend
from kernels.linear import reference

PRECISIONS = ("fp32", "bf16")
_precision: ContextVar[str] = ContextVar("linear_precision", default="fp32")


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Inside, CPU kernels round the factors of every product to `name`: bf16 trains faster where the CPU has it.

    Inputs, outputs, weights and their gradients stay in float32. On CUDA, torch.autocast does the same.
    """
    if name not in PRECISIONS:
        raise ValueError(f"{name!r} is not a precision; choose one of {', '.join(PRECISIONS)}")
    token = _precision.set(name)
    try:
        yield
    finally:
        _precision.reset(token)


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """x (T, D_in), weight (D_out, D_in) -> (T, D_out), x @ weight.T"""
    if x.shape[-1] != weight.shape[1]:
        raise ValueError(f"x {tuple(x.shape)} must end in weight's {weight.shape[1]} columns")
    if backend.choose("linear", x) == "numba":
        from kernels.linear import cpu

        return cpu.linear(x, weight, _precision.get())
    return reference.linear(x, weight)
