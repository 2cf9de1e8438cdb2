"""Causal depthwise convolution over time, width 4, with bias and SiLU (the short convolution of a Mamba-2 layer)."""

from torch import Tensor

from kernels import backend
from kernels.arguments import require, require_limits
from kernels.causal_conv1d import reference

WIDTH = 4


def causal_conv1d(
    x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """y[t] = silu(bias + sum_i weight[:, i] * x[t - 3 + i]), where x before a row's start is its state, or 0.

    x           (T, C)       rows laid end to end; may be a slice of columns (last stride 1)
    weight      (C, 4)       weight[:, 3] meets the current position
    bias        (C,)
    cu_seqlens  (R + 1,)     int64 limits of the rows: row r is x[cu_seqlens[r] : cu_seqlens[r + 1]]; rows may be empty
    state       (R, C, 3)    the last three inputs before each row, oldest first; None: zeros
    returns     y (T, C), and the state after each row (R, C, 3)
    Where x is bfloat16, weight, bias and state may be float32.
    Raises ValueError if shapes or dtypes do not fit together.
    """
    _check(x, weight, bias, cu_seqlens, state)
    match backend.choose("causal_conv1d", x):
        case "triton":
            from kernels.causal_conv1d import cuda as chosen
        case "numba":
            from kernels.causal_conv1d import cpu as chosen
        case _:
            chosen = reference
    return chosen.causal_conv1d(x, weight, bias, cu_seqlens, state)


def _check(x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor, state: Tensor | None) -> None:
    if x.dim() != 2:
        raise ValueError(f"x must be (T, C), got {tuple(x.shape)}")
    n_channels, n_rows = x.shape[1], require_limits(cu_seqlens, x.device, len(x))
    wide = {
        "weight": (weight, (n_channels, WIDTH)),
        "bias": (bias, (n_channels,)),
        "state": (state, (n_rows, n_channels, WIDTH - 1)),
    }
    require(x, {}, wide)
