"""The layer by the operators it is made of, each on the backend that is chosen for it."""

from torch import Tensor

from kernels.causal_conv1d import causal_conv1d
from kernels.rms_norm import gated_rms_norm
from kernels.ssd import ssd


def used(conv_weight: Tensor, A: Tensor, norm_weight: Tensor) -> int:
    """Columns of projected: E + C + H. What lies beyond fills up its rows."""
    return len(norm_weight) + len(conv_weight) + len(A)


def parts(
    projected: Tensor, conv_weight: Tensor, A: Tensor, norm_weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """z (T, E), x with B and C (T, C), and dt (T, H): slices of projected."""
    sizes = len(norm_weight), len(conv_weight), len(A)
    return projected.split([*sizes, projected.shape[1] - sum(sizes)], dim=-1)[:3]


def scanned_parts(u: Tensor, norm_weight: Tensor, A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x (T, H, P), B and C (T, N): slices of what the convolution made."""
    inner, heads = len(norm_weight), len(A)
    state = (u.shape[1] - inner) // 2
    x, B, C = u.split([inner, state, state], dim=-1)
    return x.unflatten(-1, (heads, inner // heads)), B, C


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
    """See kernels.mamba2."""
    z, xbc, dt = parts(projected, conv_weight, A, norm_weight)
    xbc, conv_state = causal_conv1d(xbc, conv_weight, conv_bias, cu_seqlens, conv_state)
    x, B, C = scanned_parts(xbc, norm_weight, A)
    y, scan_state = ssd(x, dt, A, B, C, D, dt_bias, cu_seqlens, scan_state)
    return gated_rms_norm(y.flatten(-2), z, norm_weight), conv_state, scan_state
