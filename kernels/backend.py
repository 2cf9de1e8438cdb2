"""Which implementation of an operator runs: the only place that decides.

The environment variable HNET_KERNELS or, more locally, `with using(request)` says it. A request is one of BACKENDS for
all operators, exceptions for single ones, or both: "triton", "ssd=mamba_ssm", "triton,ssd=mamba_ssm,routing=reference".
What is not named is "auto".
"""

import importlib.util
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import torch
from torch import Tensor

ENVIRONMENT = "HNET_KERNELS"
INTERPRETER = "TRITON_INTERPRET"
BACKENDS = ("auto", "triton", "mamba_ssm", "numba", "reference")
OPERATORS = (
    "attention",
    "causal_conv1d",
    "chunking",
    "cross_entropy",
    "linear",
    "mamba2",
    "rms_norm",
    "routing",
    "smoothing",
    "ssd",
    "swiglu",
)

# Backend -> (the module of an operator's folder that holds it, the package it needs).
_MODULES = {
    "triton": ("cuda", "triton"),
    "mamba_ssm": ("mamba_ssm", "mamba_ssm"),
    "numba": ("cpu", "numba"),
    "reference": ("reference", "torch"),
}
_TRITON_DTYPES = (torch.float32, torch.bfloat16)
# The operators between two matrix products, which train in bfloat16 where that is asked for (kernels.linear.precision).
# Routing, smoothing and cross entropy widen it: they are float32 in training, and bfloat16 in a model that is.
_NUMBA_IN_BFLOAT16 = ("cross_entropy", "linear", "mamba2", "rms_norm", "routing", "smoothing", "swiglu")
# An operator that is also made of others -> those: where one of them is asked for by name, they run, not it.
_PARTS = {"mamba2": ("causal_conv1d", "rms_norm", "ssd")}
_INSTEAD = {"triton": f", or {INTERPRETER}=1 set before the start,", "mamba_ssm": ""}
_ALL = "*"
Request = Mapping[str, str]
_requested: ContextVar[Request | None] = ContextVar("kernels_backend", default=None)


class BackendError(RuntimeError):
    """The backend that was asked for does not exist, or cannot run this operator on this tensor."""


@contextmanager
def using(request: str) -> Iterator[None]:
    """Run every operator called inside the block as `request` says; wins over HNET_KERNELS as a whole. Nests."""
    token = _requested.set(_parsed(request, "using()"))
    try:
        yield
    finally:
        _requested.reset(token)


def choose(op: str, tensor: Tensor) -> str:
    """The backend that runs operator `op` (its folder's name) on `tensor`.

    auto: CUDA -> triton, CPU -> numba, where the operator has that kernel for the dtype; everything else -> reference.
    Where that is for want of a dtype or a package, and not because torch's own is as good, a warning says so, once.
    A CPU tensor may run on triton in Triton's interpreter (TRITON_INTERPRET=1), if triton is asked for; with the
    interpreter on, a CUDA tensor may not.
    Where triton or numba is asked for all operators, one that has no such kernel because torch's own is as good (a
    matrix product on a GPU) is the reference; asked for that operator by name, it is refused.
    mamba_ssm is a second backend of "ssd" alone: asked for all operators, the others run as in auto.
    Raises BackendError, with the reason, if an explicit request cannot be met.
    """
    request = _requested.get() or _parsed(os.environ.get(ENVIRONMENT) or "auto", ENVIRONMENT)
    name = request.get(op)
    if name is None and any(part in request for part in _PARTS.get(op, ())):
        return "reference"
    by_name, name = name is not None, name or request[_ALL]
    if name == "reference":
        return name
    if name == "auto":
        return _automatic(op, tensor)
    reason = _obstacle(name, op, tensor)
    if reason is None and not by_name and not _is_written(name, op):
        return "reference"
    reason = reason or _missing(name, op)
    if reason:
        raise BackendError(
            f"{name} cannot run {op}: {reason}; ask for auto or reference ({ENVIRONMENT} or using())"
        )
    return name


@cache
def _parsed(text: str, source: str) -> Request:
    """What each operator is asked to run on, by name; _ALL stands for those that are not named."""
    found: dict[str, str] = {}
    for item in text.split(","):
        op, given, name = item.strip().rpartition("=")
        op, name = (op.strip(), name.strip()) if given else (_ALL, name)
        if op not in (_ALL, *OPERATORS) or (given and op == _ALL):
            raise BackendError(
                f"{source}: {op!r} is not an operator; choose one of {', '.join(OPERATORS)}, as in ssd=reference"
            )
        if name not in BACKENDS:
            raise BackendError(f"{source}: {name!r} is not a backend; choose one of {', '.join(BACKENDS)}")
        if op in found:
            what = "all operators" if op == _ALL else op
            raise BackendError(f"{source}: {text!r} names two backends for {what}; give one")
        found[op] = name
    if found.get(_ALL) == "mamba_ssm":
        found = {"ssd": "mamba_ssm"} | found | {_ALL: "auto"}
    return {_ALL: "auto"} | found


def _automatic(op: str, tensor: Tensor) -> str:
    preferred = "triton" if tensor.is_cuda else "numba"
    if not _is_written(preferred, op):
        return "reference"
    reason = _obstacle(preferred, op, tensor) or _missing(preferred, op)
    if reason:
        _warn(preferred, op, reason)
    return "reference" if reason else preferred


@cache
def _warn(name: str, op: str, reason: str) -> None:
    """Say once that an operator runs in plain torch, which may be a loop over positions."""
    warnings.warn(
        f"{op} runs in plain torch, which is slow: {name} cannot run it, {reason}",
        RuntimeWarning,
        stacklevel=4,
    )


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
