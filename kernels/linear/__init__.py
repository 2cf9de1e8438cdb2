"""The linear map without bias, by whichever matrix product is fastest where it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import Tensor

from kernels import backend
from kernels.arguments import require
from kernels.linear import reference

PRECISIONS = ("fp32", "bf16")
GPU_ROW = 16
"""Numbers of which a row is a multiple where kernels of a GPU read slices of it: see `linear`."""
_precision: ContextVar[str] = ContextVar("linear_precision", default="fp32")


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Inside, CPU kernels round the factors of every product to `name`: bf16 trains faster where the CPU has it.

    Weights and their gradients stay in float32, and so does what the caller does not narrow by `factor_dtype`. On CUDA,
    torch.autocast does the same.
    """
    if name not in PRECISIONS:
        raise ValueError(f"{name!r} is not a precision; choose one of {', '.join(PRECISIONS)}")
    token = _precision.set(name)
    try:
        yield
    finally:
        _precision.reset(token)


def factor_dtype(x: Tensor) -> torch.dtype:
    """The dtype that x is rounded to when it is a factor of `linear`: who makes x spares a copy by making it so."""
    narrowed = _precision.get() == "bf16" and backend.choose("linear", x) == "numba"
    return torch.bfloat16 if narrowed else x.dtype


def linear(x: Tensor, weight: Tensor, multiple: int = 1) -> Tensor:
    """x (T, D_in), weight (D_out, D_in) -> (T, D_out), x @ weight.T in the dtype of x

    multiple  (T, D_out) is filled up with columns of zeros to a multiple of so many numbers. Where each row begins at a
              multiple of 16 bytes, a GPU reads slices of it 16 bytes at a time, and not 2.

    Where x is bfloat16, weight may be float32. Raises ValueError if shapes, dtypes or devices do not fit together.
    """
    if x.dim() != 2 or weight.dim() != 2:
        raise ValueError(
            f"x must be (T, D_in) and weight (D_out, D_in), got {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    require(x, {}, {"weight": (weight, (len(weight), x.shape[1]))})
    if len(weight) % multiple:
        weight = F.pad(weight, (0, 0, 0, -len(weight) % multiple))
    if backend.choose("linear", weight) == "numba":
        from kernels.linear import cpu

        return cpu.linear(x, weight, _precision.get())
    return reference.linear(x, weight)
