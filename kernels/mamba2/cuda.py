"""The layer's Triton kernels one after the other, each of which reads and writes slices of what they share.

Apart, autograd copies the gradients of z, of x, B, C and of dt into one tensor, and those of x, B and C before that.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from kernels.causal_conv1d import cuda as conv
from kernels.mamba2.reference import parts, scanned_parts, used
from kernels.packed.cuda import unit_stride
from kernels.rms_norm import cuda as norm
from kernels.ssd import cuda as scan

EPS = 1e-5


class Mamba2(torch.autograd.Function):
    """kernels.mamba2 on CUDA. Keeps the input, what the convolution made of it, y, and what the scan keeps."""

    @staticmethod
    def forward(
        ctx, projected, conv_weight, conv_bias, A, D, dt_bias, norm_weight, cu_seqlens, conv_state, scan_state
    ):
        ctx.set_materialize_grads(False)
        projected = unit_stride(projected)
        weights = tuple(value.contiguous() for value in (conv_weight, conv_bias, A, D, dt_bias, norm_weight))
        conv_weight, conv_bias, A, D, dt_bias, norm_weight = weights
        states = tuple(None if state is None else state.contiguous() for state in (conv_state, scan_state))
        z, xbc, dt = parts(projected, conv_weight, A, norm_weight)
        u, conv_final = conv.convolved(xbc, conv_weight, conv_bias, cu_seqlens, states[0])
        x, B, C = scanned_parts(u, norm_weight, A)
        y, final, kept = scan.scanned(x, dt, A, B, C, D, dt_bias, cu_seqlens, states[1])
        ctx.save_for_backward(projected, *weights, cu_seqlens, *states, u, y, *kept)
        return norm.gated(y.flatten(-2), z, norm_weight, EPS), conv_final, final

    @staticmethod
    @once_differentiable
    def backward(ctx, dout, dconv, dfinal):
        projected, conv_weight, conv_bias, A, D, dt_bias, norm_weight, *rest = ctx.saved_tensors
        cu_seqlens, conv_state, scan_state, u, y, *kept = rest
        z, xbc, dt = parts(projected, conv_weight, A, norm_weight)
        dprojected, du, dy = (torch.empty(v.shape, dtype=v.dtype, device=v.device) for v in (projected, u, y))
        dprojected[:, used(conv_weight, A, norm_weight) :] = 0
        dz, dxbc, ddt = parts(dprojected, conv_weight, A, norm_weight)
        dout = z.new_zeros(1, z.shape[1]).expand(z.shape) if dout is None else unit_stride(dout)
        dnorm = norm.gated_gradients(y.flatten(-2), z, norm_weight, EPS, dout, dy, dz)
        (x, B, C), (dx, db, dc) = (scanned_parts(value, norm_weight, A) for value in (u, du))
        scanned = x, dt, A, B, C, D, dt_bias, cu_seqlens, scan_state
        dA, dD, dbias, dscan = scan.gradients(*scanned, kept, dy, dfinal, dx, ddt, db, dc)
        convolved = xbc, conv_weight, conv_bias, cu_seqlens, conv_state
        dweight, dconv_bias, dstate = conv.gradients(*convolved, du, dconv, dxbc)
        return dprojected, dweight, dconv_bias, dA, dD, dbias, dnorm, None, dstate, dscan


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
    parameters = conv_weight, conv_bias, A, D, dt_bias, norm_weight
    return Mamba2.apply(projected, *parameters, cu_seqlens, conv_state, scan_state)
