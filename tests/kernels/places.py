"""Where a kernel test runs: the Numba kernels, the Triton kernels in Triton's interpreter, and those on a GPU."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import pytest
import torch


@dataclass(frozen=True)
class Place:
    """A module of an operator's folder, the device it works on, and the dtype that its inputs are rounded to."""

    module: str
    device: str = "cpu"
    dtype: torch.dtype = torch.float32

    def kernel(self, op: str, name: str | None = None) -> Callable:
        """The function `name` (the operator's own name, if not given) of kernels.<op>."""
        if self.device == "cuda" and os.environ.get("TRITON_INTERPRET") == "1":
            pytest.skip("Triton's interpreter is on in this process: run `make gpu`")
        return getattr(import_module(f"kernels.{op}.{self.module}"), name or op)


NUMBA = pytest.param(Place("cpu"), id="numba")
NUMBA_IN_BFLOAT16 = pytest.param(Place("cpu", dtype=torch.bfloat16), id="numba-bf16")
INTERPRETER = [
    pytest.param(Place("cuda"), id="interpreter"),
    pytest.param(Place("cuda", dtype=torch.bfloat16), id="interpreter-bf16"),
]
GPU = [
    pytest.param(Place("cuda", "cuda"), id="gpu", marks=pytest.mark.gpu),
    pytest.param(Place("cuda", "cuda", torch.bfloat16), id="gpu-bf16", marks=pytest.mark.gpu),
]
TRITON = [*INTERPRETER, *GPU]
ALL = [NUMBA, *TRITON]
FLOAT32 = [NUMBA, INTERPRETER[0], GPU[0]]
