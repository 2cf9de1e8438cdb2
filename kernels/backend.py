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
BACKENDS = ("auto", "triton", "mamba_ssm", "numba", "reference")

# Backend -> (the module of an operator's folder that holds it, the package it needs).
_MODULES = {
    "triton": ("cuda", "triton"),
    "mamba_ssm": ("mamba_ssm", "mamba_ssm"),
    "numba": ("cpu", "numba"),
    "reference": ("reference", "torch"),
}
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

    auto: CUDA -> triton, CPU float32 -> numba, where the operator has that kernel; everything else -> reference.
    A CPU tensor may run on triton in Triton's interpreter (TRITON_INTERPRET=1), if triton is asked for.
    mamba_ssm is a second backend of "ssd" alone: the other operators then run as in auto.
    Raises BackendError, with the reason, if an explicit request cannot be met.
    """
    name = _requested.get() or _checked(os.environ.get(ENVIRONMENT) or "auto", ENVIRONMENT)
    if name == "reference":
        return name
    if name == "auto" or (name == "mamba_ssm" and op != "ssd"):
        return _automatic(op, tensor)
    reason = _obstacle(name, op, tensor)
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
    return "reference" if _obstacle(preferred, op, tensor) else preferred


def _obstacle(name: str, op: str, tensor: Tensor) -> str | None:
    """Why backend `name` cannot run `op` on `tensor`; None if it can."""
    if name == "numba":
        if tensor.device.type != "cpu":
            return f"it needs tensors on the CPU and this one is on {tensor.device}"
        if tensor.dtype != torch.float32:
            return f"it needs float32 and this tensor is {tensor.dtype}"
    elif not tensor.is_cuda and not (name == "triton" and os.environ.get("TRITON_INTERPRET") == "1"):
        return f"it needs tensors on a CUDA device and this one is on {tensor.device}"
    return _missing(name, op)


@cache
def _missing(name: str, op: str) -> str | None:
    """What is not installed or not written for (backend, operator); None if nothing is missing."""
    module, package = _MODULES[name]
    if importlib.util.find_spec(package) is None:
        return f"the package {package} is not installed"
    if importlib.util.find_spec(f"kernels.{op}.{module}") is None:
        return f"{op} has no {name} kernel"
    return None
