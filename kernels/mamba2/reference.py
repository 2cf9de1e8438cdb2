"""The layer by the operators it is made of, each on the backend that is chosen for it."""

from torch import Tensor

from kernels.causal_conv1d import causal_conv1d
from kernels.rms_norm import gated_rms_norm
from kernels.ssd import ssd


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
    channels, inner, heads = len(conv_weight), len(norm_weight), len(A)
    state = (channels - inner) // 2
    z, xbc, dt = projected.split([inner, channels, heads], dim=-1)
    xbc, conv_state = causal_conv1d(xbc, conv_weight, conv_bias, cu_seqlens, conv_state)
    x, B, C = xbc.split([inner, state, state], dim=-1)
    x = x.unflatten(-1, (heads, inner // heads))
    y, scan_state = ssd(x, dt, A, B, C, D, dt_bias, cu_seqlens, scan_state)
    return gated_rms_norm(y.flatten(-2), z, norm_weight), conv_state, scan_state
