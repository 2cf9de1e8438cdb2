"""The layer's CPU kernels one after the other, each of which reads and writes slices of what they share.

Apart, the gradients of z, of x, B, C and of dt are three tensors that are copied into one, and so are those of x, B and
C; in bfloat16 everything between the projections is widened first and rounded at the end. Here every kernel writes its
gradient where the next one wants it, and reads and writes bfloat16 itself; in between all is float32.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from kernels.causal_conv1d import cpu as conv
from kernels.mamba2 import reference
from kernels.mamba2.reference import parts, scanned_parts, used
from kernels.rms_norm import cpu as norm
from kernels.ssd import cpu as scan
from kernels.vectors.cpu import FLOATS

EPS = 1e-5


class Mamba2(torch.autograd.Function):
    """Heads and states that fill vectors. Keeps the input, what the convolution made of it, and y."""

    @staticmethod
    def forward(
        ctx, projected, conv_weight, conv_bias, A, D, dt_bias, norm_weight, limits, conv_state, scan_state,
        differentiable,
    ):  # fmt: skip
        ctx.set_materialize_grads(False)
        z, xbc, dt = parts(projected, conv_weight, A, norm_weight)
        u, conv_final = conv.convolved(xbc, conv_weight, conv_bias, limits, conv_state)
        x, B, C = scanned_parts(u, norm_weight, A)
        first, bounds = scan_state, limits.numpy()
        if first is None:
            first = u.new_zeros(len(bounds) - 1, len(A), x.shape[2], B.shape[1])
        y, final, (*saved, ctx.tiles) = scan.scanned(
            x, dt, A, B, C, D, dt_bias, first.contiguous(), bounds, differentiable
        )
        out = torch.empty(z.shape, dtype=projected.dtype)
        norm.gated(y.flatten(-2), z, norm_weight, EPS, out)
        ctx.save_for_backward(
            projected, conv_weight, conv_bias, norm_weight, limits, conv_state, u, y, *saved
        )
        ctx.has_state = scan_state is not None
        return out, conv_final, final

    @staticmethod
    @once_differentiable
    def backward(ctx, dout, dconv, dfinal):
        projected, conv_weight, conv_bias, norm_weight, limits, conv_state, u, y, *saved = ctx.saved_tensors
        A, y = saved[0], y.flatten(-2)
        z, xbc, _ = parts(projected, conv_weight, A, norm_weight)
        dprojected, du = torch.empty(projected.shape, dtype=projected.dtype), torch.empty(u.shape)
        dprojected[:, used(conv_weight, A, norm_weight) :] = 0
        dz, dxbc, ddt = parts(dprojected, conv_weight, A, norm_weight)
        dy = torch.empty(y.shape)
        dout = torch.zeros(y.shape) if dout is None else dout
        dnorm = norm.gated_gradients(y, z, norm_weight, EPS, dout, dy, dz)
        x, B, C = scanned_parts(u, norm_weight, A)
        if dfinal is None:
            dfinal = u.new_zeros(len(limits) - 1, len(A), x.shape[2], B.shape[1])
        saved, bounds = (*saved, ctx.tiles), limits.numpy()
        dx = scanned_parts(du, norm_weight, A)
        of_dt, dA, dD, dstate = scan.gradients(x, B, C, saved, bounds, dy.view(x.shape), dfinal, *dx)
        ddt.copy_(of_dt)
        of_conv = conv.gradients(xbc, conv_weight, conv_bias, limits, conv_state, du, dconv, dxbc)
        dstate = dstate if ctx.has_state else None
        return dprojected, *of_conv[:2], dA, dD, of_dt.sum(0), dnorm, None, of_conv[2], dstate, None


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
    given = projected, conv_weight, conv_bias, A, D, dt_bias, norm_weight, cu_seqlens, conv_state, scan_state
    inner = len(norm_weight)
    # Heads and states of other sizes are padded to whole vectors, which the operators apart see to.
    filled = inner // len(A) % FLOATS == 0 and (len(conv_weight) - inner) // 2 % FLOATS == 0
    single = all(value.dtype == torch.float32 for value in given[1:7])
    if filled and single:
        wanted = any(value is not None and value.requires_grad for value in given)
        return Mamba2.apply(*given, torch.is_grad_enabled() and wanted)
    out, *states = reference.mamba2(projected.float(), *(v.float() for v in given[1:7]), *given[7:])
    return out.to(projected.dtype), *states
