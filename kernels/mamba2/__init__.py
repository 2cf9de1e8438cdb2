"""What a Mamba-2 layer does between its two projections: convolution, state-space scan, gated norm."""

from torch import Tensor

from kernels import backend
from kernels.arguments import require, require_limits
from kernels.linear import GPU_ROW
from kernels.mamba2 import reference


def row_multiple(x: Tensor) -> int:
    """Numbers of which the rows of `projected`, made of x, are best a multiple: on a GPU slices of them are read."""
    return GPU_ROW if backend.choose("mamba2", x) == "triton" else 1


def mamba2(
    projected: Tensor,
    conv_weight: Tensor,
    conv_bias: Tensor,
    A: Tensor,
    D: Tensor,
    dt_bias: Tensor,
    norm_weight: Tensor,
    cu_seqlens: Tensor,
    conv_state: Tensor | None = None,
    scan_state: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """[z, x, B, C, dt] = projected;  x, B, C = causal_conv1d(x, B, C);  y = ssd(x, dt, B, C);  gated_rms_norm(y, z).

    The published code calls it mamba_split_conv1d_scan (arXiv 2405.21060). E = d_inner, C = E + 2 N channels.

    projected              (T, E + C + H or more); what fills up its rows is not read and has a gradient of 0
    conv_weight, conv_bias (C, 4), (C,)
    A, D, dt_bias          (H,), A < 0      norm_weight (E,)
    cu_seqlens             (R + 1,) int64   conv_state (R, C, 3)   scan_state (R, H, P, N), P = E / H; None: zeros
    returns  (T, E) in the dtype of projected, and the two states after each row
    Where projected is bfloat16, everything else may be float32.
    Raises ValueError if shapes or dtypes do not fit together.
    """
    parameters = conv_weight, conv_bias, A, D, dt_bias, norm_weight
    _check(projected, *parameters, cu_seqlens, conv_state, scan_state)
    match backend.choose("mamba2", projected):
        case "triton":
            from kernels.mamba2 import cuda as chosen
        case "numba":
            from kernels.mamba2 import cpu as chosen
        case _:
            chosen = reference
    return chosen.mamba2(projected, *parameters, cu_seqlens, conv_state, scan_state)


def _check(
    projected, conv_weight, conv_bias, A, D, dt_bias, norm_weight, cu_seqlens, conv_state, scan_state
) -> None:
    if projected.dim() != 2 or conv_weight.dim() != 2:
        given = tuple(projected.shape), tuple(conv_weight.shape)
        raise ValueError(
            f"projected must be (T, E + C + H) and conv_weight (C, 4), got {given[0]} and {given[1]}"
        )
    R = require_limits(cu_seqlens, projected.device, len(projected))
    C, E, H = len(conv_weight), len(norm_weight), len(A)
    N, P = (C - E) // 2, E // max(H, 1)
    if projected.shape[1] < E + C + H or C != E + 2 * N or E != H * P:
        raise ValueError(
            f"projected must be (T, E + C + H) with E = {E} (norm_weight) in {H} heads (A) and C = E + 2 N = {C} "
            f"(conv_weight), got {tuple(projected.shape)}"
        )
    wide = {
        "conv_weight": (conv_weight, (C, 4)),
        "conv_bias": (conv_bias, (C,)),
        "A": (A, (H,)),
        "D": (D, (H,)),
        "dt_bias": (dt_bias, (H,)),
        "norm_weight": (norm_weight, (E,)),
        "conv_state": (conv_state, (R, C, 3)),
        "scan_state": (scan_state, (R, H, P, N)),
    }
    require(projected, {}, wide)
