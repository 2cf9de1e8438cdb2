"""The published kernels of the same operators, where their packages are installed: what ours are measured against."""

import importlib.util
from collections.abc import Callable

from torch import Tensor

from kernels.ssd import mamba_ssm

PEERS = {"ssd": "mamba_ssm", "causal_conv1d": "causal_conv1d"}
"""Operator -> the package that has it too."""


def peer(op: str) -> Callable | None:
    """The operator by its peer's package, on the same inputs, rows packed; None where there is none."""
    if op not in PEERS or importlib.util.find_spec(PEERS[op]) is None:
        return None
    return mamba_ssm.packed if op == "ssd" else _causal_conv1d


def _causal_conv1d(x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor) -> Tensor:
    """Its packed rows need channels side by side in memory, as ours are: (1, C, T) as a view of (T, C)."""
    from causal_conv1d import causal_conv1d_fn

    rows = mamba_ssm.rows_of(cu_seqlens, len(x))
    return causal_conv1d_fn(x.T[None], weight, bias, seq_idx=rows, activation="silu")[0].T
