"""Which precision this machine multiplies fastest in: what "auto" stands for, measured once a process.

A processor without bfloat16 instructions emulates them at a tenth of the speed of float32 or less, and nothing but a
measurement tells how one with them fares: some multiply bfloat16 twice as fast as float32, some no faster.
"""

import time
from dataclasses import dataclass
from functools import cache

import torch

from kernels import backend
from kernels.linear import PRECISIONS, linear, precision

AUTO = "auto"
NAMES = (AUTO, *PRECISIONS)
WORTH = 1.2
"""How many times as fast bfloat16 must be: rounding the factors for less would be a bad trade."""
ROWS, WIDTH, WIDENED = 1024, 64, 256
"""The product that is measured: positions, and the widths of a projection of a small encoder."""
ROUNDS, PATIENCE = 50, 0.05
"""Products in each precision at most, and seconds after which no other is begun."""
CAPABILITY = 8
"""Least major compute capability of the GPUs that multiply bfloat16 in hardware."""


@dataclass(frozen=True)
class Choice:
    """A precision of kernels.linear.PRECISIONS, and why it was taken, as a clause for a log."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"matrix products in {self.name}: {self.reason}"


def choose(name: str, device: str | torch.device = "cpu") -> Choice:
    """The precision that `name` (one of NAMES) stands for on `device`: itself, or for auto the faster one there."""
    if name not in NAMES:
        raise ValueError(f"{name!r} is not a precision; choose one of {', '.join(NAMES)}")
    if name != AUTO:
        return Choice(name, "as asked for")
    device = torch.device(device)
    if device.type == "cuda":
        return _of_gpu(torch.cuda.get_device_name(device), torch.cuda.get_device_capability(device))
    if device.type != "cpu" or backend.choose("linear", torch.empty(0)) != "numba":
        return Choice("fp32", "the kernels in use round no factors")
    return _of_cpu()


def _of_gpu(name: str, capability: tuple[int, int]) -> Choice:
    can = "multiplies bfloat16" if capability[0] >= CAPABILITY else "has no bfloat16 products"
    taken = "bf16" if capability[0] >= CAPABILITY else "fp32"
    return Choice(taken, f"{name} (compute capability {capability[0]}.{capability[1]}) {can}")


@cache
def _of_cpu() -> Choice:
    rates = measured()
    taken = "bf16" if rates["bf16"] > WORTH * rates["fp32"] else "fp32"
    shown = " and ".join(f"{rate / 1e9:.3g} GFLOP/s in {name}" for name, rate in rates.items())
    return Choice(taken, f"measured {shown}")


@torch.no_grad()
def measured() -> dict[str, float]:
    """FLOP/s of a product on the CPU in each precision, the best of several in turn, in less than 0.1 s."""
    x, weight = torch.ones(ROWS, WIDTH), torch.ones(WIDENED, WIDTH)
    best = dict.fromkeys(PRECISIONS, float("inf"))
    for name in PRECISIONS:  # A first product of each shape is compiled.
        _seconds(x[: ROWS // 8], weight, name)
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        for name in PRECISIONS:
            best[name] = min(best[name], _seconds(x, weight, name))
        if time.perf_counter() - begun > PATIENCE:
            break
    return {name: 2 * ROWS * WIDTH * WIDENED / seconds for name, seconds in best.items()}


def _seconds(x: torch.Tensor, weight: torch.Tensor, name: str) -> float:
    with precision(name):
        start = time.perf_counter()
        linear(x, weight)
        return time.perf_counter() - start
