"""Root-mean-square norms of a block: with the residual sum before it, and with a SiLU gate."""

import torch
from torch import Tensor

from kernels import backend
from kernels.arguments import require
from kernels.rms_norm import reference


def rms_norm(
    x: Tensor,
    weight: Tensor,
    eps: float = 1e-5,
    residual: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """summed = x + residual; normed = summed / sqrt(mean(summed^2) + eps) * weight.

    x         (T, D)   may be a slice of columns (last stride 1)
    weight    (D,)
    residual  (T, D)   None: summed is x
    dtype     of normed; None: that of x
    returns   normed (T, D) and summed (T, D); gradients flow through both
    Where x is bfloat16, weight and residual may be float32; a sum is float32, for it is the residual stream.
    Raises ValueError if shapes or dtypes do not fit together.
    """
    _check(x, weight, "residual", residual)
    return _chosen(x).rms_norm(x, weight, eps, residual, dtype)


def gated_rms_norm(y: Tensor, z: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    """u / sqrt(mean(u^2) + eps) * weight with u = y * silu(z): the norm at the end of a Mamba-2 layer.

    y, z     (T, D)   may be slices of columns (last stride 1)
    weight   (D,)
    returns  (T, D)
    Raises ValueError if shapes or dtypes do not fit together.
    """
    _check(y, weight, "z", z)
    return _chosen(y).gated_rms_norm(y, z, weight, eps)


def _chosen(x: Tensor):
    """The module that computes the norms of x."""
    match backend.choose("rms_norm", x):
        case "triton":
            from kernels.rms_norm import cuda as chosen
        case "numba":
            from kernels.rms_norm import cpu as chosen
        case _:
            chosen = reference
    return chosen


def _check(x: Tensor, weight: Tensor, name: str, other: Tensor | None) -> None:
    if x.dim() != 2:
        raise ValueError(f"the input must be (T, D), got {tuple(x.shape)}")
    same, wide = {name: (other, x.shape)}, {"weight": (weight, x.shape[1:])}
    if name == "residual":
        same, wide = {}, same | wide
    require(x, same, wide)
