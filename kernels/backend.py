"""Which implementation of an operator runs: the only place that decides.

The environment variable HNET_KERNELS or, more locally, `with using(name)` names one of BACKENDS; the default is "auto".
"""

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import torch
from torch import Tensor

ENVIRONMENT = "HNET_KERNELS"
INTERPRETER = "TRITON_INTERPRET"
BACKENDS = ("auto", "triton", "mamba_ssm", "numba", "reference")

# Backend -> (the module of an operator's folder that holds it, the package it needs).
_MODULES = {
    "triton": ("cuda", "triton"),
    "mamba_ssm": ("mamba_ssm", "mamba_ssm"),
    "numba": ("cpu", "numba"),
    "reference": ("reference", "torch"),
}
_TRITON_DTYPES = (torch.float32, torch.bfloat16)
# The operators between two matrix products, which train in bfloat16 where that is asked for (kernels.linear.precision).
_NUMBA_IN_BFLOAT16 = ("linear", "mamba2", "rms_norm", "swiglu")
_INSTEAD = {"triton": f", or {INTERPRETER}=1 set before the start,", "mamba_ssm": ""}
_requested: ContextVar[str | None] = ContextVar("kernels_backend", default=None)


class BackendError(RuntimeError):
    """The backend that was asked for does not exist, or cannot run this operator on this tensor."""


@contextmanager
def using(name: str) -> Iterator[None]:
    """Run every operator called inside the block on backend `name`; wins over HNET_KERNELS. Nests."""
    token = _requested.set(_checked(name, "using()"))
    try:
        yield
    finally:
        _requested.reset(token)


def choose(op: str, tensor: Tensor) -> str:
    """The backend that runs operator `op` (its folder's name) on `tensor`.

    auto: CUDA -> triton, CPU -> numba, where the operator has that kernel for the dtype; everything else -> reference.
    A CPU tensor may run on triton in Triton's interpreter (TRITON_INTERPRET=1), if triton is asked for; with the
    interpreter on, a CUDA tensor may not.
    Where triton or numba is asked for, an operator that has no such kernel because torch's own is as good (a matrix
    product on a GPU) is the reference.
    mamba_ssm is a second backend of "ssd" alone: the other operators then run as in auto.
    Raises BackendError, with the reason, if an explicit request cannot be met.
    """
    name = _requested.get() or _checked(os.environ.get(ENVIRONMENT) or "auto", ENVIRONMENT)
    if name == "reference":
        return name
    if name == "auto" or (name == "mamba_ssm" and op != "ssd"):
        return _automatic(op, tensor)
    reason = _obstacle(name, op, tensor)
    if reason is None and name in ("triton", "numba") and not _is_written(name, op):
        return "reference"
    reason = reason or _missing(name, op)
    if reason:
        raise BackendError(
            f"{name} cannot run {op}: {reason}; ask for auto or reference ({ENVIRONMENT} or using())"
        )
    return name


def _checked(name: str, source: str) -> str:
    if name not in BACKENDS:
        raise BackendError(f"{source}: {name!r} is not a backend; choose one of {', '.join(BACKENDS)}")
    return name


def _automatic(op: str, tensor: Tensor) -> str:
    preferred = "triton" if tensor.is_cuda else "numba"
    return "reference" if _obstacle(preferred, op, tensor) or _missing(preferred, op) else preferred


def _obstacle(name: str, op: str, tensor: Tensor) -> str | None:
    """Why backend `name` cannot run `op` on `tensor`, whatever is installed; None if it can."""
    if name == "numba":
        if tensor.device.type != "cpu":
            return f"it needs tensors on the CPU and this one is on {tensor.device}"
        narrow = tensor.dtype == torch.bfloat16 and op in _NUMBA_IN_BFLOAT16
        if tensor.is_floating_point() and tensor.dtype != torch.float32 and not narrow:
            return f"it needs float32 and this tensor is {tensor.dtype}"
    elif name == "triton" and tensor.is_floating_point() and tensor.dtype not in _TRITON_DTYPES:
        return f"it needs {' or '.join(map(str, _TRITON_DTYPES))} and this tensor is {tensor.dtype}"
    elif name == "triton" and os.environ.get(INTERPRETER) == "1":
        if tensor.device.type != "cpu":
            return f"{INTERPRETER}=1 runs it in Triton's interpreter, on the CPU, and this tensor is on {tensor.device}"
    elif not tensor.is_cuda:
        return f"it needs tensors on a CUDA device{_INSTEAD[name]} and this one is on {tensor.device}"
    return None


@cache
def _missing(name: str, op: str) -> str | None:
    """What is not installed or not written for (backend, operator); None if nothing is missing."""
    package = _MODULES[name][1]
    if importlib.util.find_spec(package) is None:
        return f"the package {package} is not installed"
    return None if _is_written(name, op) else f"{op} has no {name} kernel"


@cache
def _is_written(name: str, op: str) -> bool:
    return importlib.util.find_spec(f"kernels.{op}.{_MODULES[name][0]}") is not None
