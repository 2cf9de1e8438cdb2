"""CPU kernels of the norms: one pass over memory each way; a row is read twice, the second time from L1."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from kernels.lanes.cpu import (
    LANES,
    first,
    flat,
    flush,
    in_blocks,
    load,
    n_blocks,
    sigmoid,
    splat,
    store,
    total,
)

_F32 = np.float32
_ZERO, _ONE = _F32(0), _F32(1)
_FLUSH = 64
"""Rows whose weight gradients are summed in float32 before they join the float64 sums."""


@njit(forceinline=True)
def _inverse_rms(squares, d, eps):
    """1 / sqrt(mean + eps) from the sum of d squares, in lanes."""
    return _F32(1 / np.sqrt(np.float64(total(squares)) / d + eps))


@njit(cache=True, nogil=True)
def _forward(x, x_stride, residual, r_stride, weight, eps, normed, summed, start, stop):
    """normed and summed (flat, contiguous) at positions start ... stop; an empty residual: summed is x, not written."""
    d, has_residual = len(weight), len(residual) > 0
    for t in range(start, stop):
        squares = splat(_ZERO)
        for j in range(0, d, LANES):
            m = first(d - j)
            s = load(x, t * x_stride + j, m)
            if has_residual:
                s = s + load(residual, t * r_stride + j, m)
                store(summed, t * d + j, s, m)
            squares = squares + s * s
        scale = splat(_inverse_rms(squares, d, eps))
        source, i = (summed, t * d) if has_residual else (x, t * x_stride)
        for j in range(0, d, LANES):
            m = first(d - j)
            store(normed, t * d + j, load(source, i + j, m) * scale * load(weight, j, m), m)


@njit(cache=True, nogil=True)
def _backward(s, s_stride, weight, eps, dnormed, n_stride, dsummed, ds_stride, dx, dweight, start, stop):
    """dx (flat, contiguous), the gradient of x and of the residual, at positions start ... stop; adds to dweight.

    dweight   float64
    dsummed   the gradient of the second output; empty: none
    """
    d, has_dsummed = len(weight), len(dsummed) > 0
    sums = np.zeros(d, np.float32)
    for t in range(start, stop):
        squares = splat(_ZERO)
        along = splat(_ZERO)
        for j in range(0, d, LANES):
            m = first(d - j)
            v = load(s, t * s_stride + j, m)
            squares = squares + v * v
            along = along + load(dnormed, t * n_stride + j, m) * load(weight, j, m) * v
        inverse = _inverse_rms(squares, d, eps)
        scale, back = splat(inverse), splat(inverse * inverse * inverse * total(along) / _F32(d))
        for j in range(0, d, LANES):
            m = first(d - j)
            v = load(s, t * s_stride + j, m)
            g = load(dnormed, t * n_stride + j, m) * scale
            dv = g * load(weight, j, m) - v * back
            if has_dsummed:
                dv = dv + load(dsummed, t * ds_stride + j, m)
            store(dx, t * d + j, dv, m)
            store(sums, j, load(sums, j, m) + g * v, m)
        if t % _FLUSH == 0 or t == stop - 1:
            flush(sums, dweight)


@njit(cache=True, nogil=True)
def _gated_forward(y, y_stride, z, z_stride, weight, eps, out, start, stop):
    """out (flat, contiguous) at positions start ... stop."""
    d = len(weight)
    for t in range(start, stop):
        squares = splat(_ZERO)
        for j in range(0, d, LANES):
            m = first(d - j)
            gate = load(z, t * z_stride + j, m)
            u = load(y, t * y_stride + j, m) * (gate * sigmoid(gate))
            store(out, t * d + j, u, m)
            squares = squares + u * u
        scale = splat(_inverse_rms(squares, d, eps))
        for j in range(0, d, LANES):
            m = first(d - j)
            store(out, t * d + j, load(out, t * d + j, m) * scale * load(weight, j, m), m)


@njit(cache=True, nogil=True)
def _gated_backward(y, y_stride, z, z_stride, weight, eps, dout, dout_stride, dy, dz, dweight, start, stop):
    """dy and dz (flat, contiguous) at positions start ... stop; adds to dweight (float64)."""
    d = len(weight)
    sums, sigmoids = np.zeros(d, np.float32), np.empty(d, np.float32)
    for t in range(start, stop):
        squares = splat(_ZERO)
        along = splat(_ZERO)
        for j in range(0, d, LANES):
            m = first(d - j)
            gate = load(z, t * z_stride + j, m)
            s = sigmoid(gate)
            store(sigmoids, j, s, m)
            u = load(y, t * y_stride + j, m) * (gate * s)
            squares = squares + u * u
            along = along + load(dout, t * dout_stride + j, m) * load(weight, j, m) * u
        inverse = _inverse_rms(squares, d, eps)
        scale, back = splat(inverse), splat(inverse * inverse * inverse * total(along) / _F32(d))
        for j in range(0, d, LANES):
            m = first(d - j)
            gate, s = load(z, t * z_stride + j, m), load(sigmoids, j, m)
            v, silu = load(y, t * y_stride + j, m), gate * s
            u = v * silu
            g = load(dout, t * dout_stride + j, m) * scale
            du = g * load(weight, j, m) - u * back
            store(dy, t * d + j, du * silu, m)
            store(dz, t * d + j, du * v * (s + silu * (splat(_ONE) - s)), m)
            store(sums, j, load(sums, j, m) + g * u, m)
        if t % _FLUSH == 0 or t == stop - 1:
            flush(sums, dweight)


_NOTHING = (np.zeros(0, np.float32), 0)


def _flat_or_nothing(x: Tensor | None) -> tuple[np.ndarray, int]:
    return _NOTHING if x is None else flat(x)


class RMSNorm(torch.autograd.Function):
    """kernels.rms_norm on the CPU, in float32. What is kept for the backward is `summed` alone."""

    @staticmethod
    def forward(ctx, x, weight, eps, residual):
        ctx.set_materialize_grads(False)
        normed = torch.empty(x.shape)
        summed = x.view_as(x) if residual is None else torch.empty(x.shape)
        arguments = *flat(x), *_flat_or_nothing(residual), weight.detach().contiguous().numpy(), float(eps)
        written = _NOTHING[0] if residual is None else summed.view(-1).numpy()
        outputs = normed.view(-1).numpy(), written

        def work(block, start, stop):
            _forward(*arguments, *outputs, start, stop)

        in_blocks(work, len(x), n_blocks(*x.shape))
        ctx.save_for_backward(summed, weight)
        ctx.eps, ctx.has_residual = float(eps), residual is not None
        return normed, summed

    @staticmethod
    def backward(ctx, dnormed, dsummed):
        summed, weight = ctx.saved_tensors
        if dnormed is None:
            return dsummed, None, None, dsummed if ctx.has_residual else None
        blocks = n_blocks(*summed.shape)
        dx = torch.empty(summed.shape)
        dweight = torch.zeros(blocks, len(weight), dtype=torch.float64)
        arguments = *flat(summed), weight.detach().contiguous().numpy(), ctx.eps
        arguments = *arguments, *flat(dnormed), *_flat_or_nothing(dsummed), dx.view(-1).numpy()
        sums = dweight.numpy()

        def work(block, start, stop):
            _backward(*arguments, sums[block], start, stop)

        in_blocks(work, len(summed), blocks)
        return dx, dweight.sum(0).to(torch.float32), None, dx if ctx.has_residual else None


class GatedRMSNorm(torch.autograd.Function):
    """kernels.gated_rms_norm on the CPU, in float32. The backward recomputes the gate."""

    @staticmethod
    def forward(ctx, y, z, weight, eps):
        ctx.save_for_backward(y, z, weight)
        ctx.eps = float(eps)
        out = torch.empty(y.shape)
        arguments = *flat(y), *flat(z), weight.detach().contiguous().numpy(), ctx.eps, out.view(-1).numpy()

        def work(block, start, stop):
            _gated_forward(*arguments, start, stop)

        in_blocks(work, len(y), n_blocks(*y.shape))
        return out

    @staticmethod
    def backward(ctx, dout):
        y, z, weight = ctx.saved_tensors
        blocks = n_blocks(*y.shape)
        dy, dz = torch.empty(y.shape), torch.empty(y.shape)
        dweight = torch.zeros(blocks, len(weight), dtype=torch.float64)
        arguments = *flat(y), *flat(z), weight.detach().contiguous().numpy(), ctx.eps
        arguments = *arguments, *flat(dout), dy.view(-1).numpy(), dz.view(-1).numpy()
        sums = dweight.numpy()

        def work(block, start, stop):
            _gated_backward(*arguments, sums[block], start, stop)

        in_blocks(work, len(y), blocks)
        return dy, dz, dweight.sum(0).to(torch.float32), None


def rms_norm(
    x: Tensor, weight: Tensor, eps: float = 1e-5, residual: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """See kernels.rms_norm."""
    return RMSNorm.apply(x, weight, eps, residual)


def gated_rms_norm(y: Tensor, z: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    """See kernels.gated_rms_norm."""
    return GatedRMSNorm.apply(y, z, weight, eps)
