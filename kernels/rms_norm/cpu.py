"""CPU kernels of the norms: one pass over memory each way; a row is read twice, the second time from L1."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from kernels.lanes.cpu import (
    LANES,
    array,
    first,
    flat,
    flush,
    in_blocks,
    load,
    n_blocks,
    sigmoid,
    splat,
    store,
)
from kernels.vectors.cpu import total

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
        for j in range(0, d, LANES):
            m = first(d - j)
            s = load(summed, t * d + j, m) if has_residual else load(x, t * x_stride + j, m)
            store(normed, t * d + j, s * scale * load(weight, j, m), m)


@njit(cache=True, nogil=True)
def _backward(
    s, s_stride, weight, eps, dnormed, n_stride, dsummed, ds_stride, dx, dresidual, dweight, start, stop
):
    """dx and dresidual (flat, contiguous; empty: it is dx) at positions start ... stop; adds to dweight.

    dweight   float64
    dsummed   the gradient of the second output; empty: none
    """
    d, has_dsummed, has_dresidual = len(weight), len(dsummed) > 0, len(dresidual) > 0
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
            if has_dresidual:
                store(dresidual, t * d + j, dv, m)
            store(sums, j, load(sums, j, m) + g * v, m)
        if t % _FLUSH == 0 or t == stop - 1:
            flush(sums, dweight)


@njit(cache=True, nogil=True)
def _gated_forward(y, y_stride, z, z_stride, weight, eps, out, start, stop):
    """out (flat, contiguous) at positions start ... stop."""
    d = len(weight)
    gated = np.empty(d, np.float32)
    for t in range(start, stop):
        squares = splat(_ZERO)
        for j in range(0, d, LANES):
            m = first(d - j)
            gate = load(z, t * z_stride + j, m)
            u = load(y, t * y_stride + j, m) * (gate * sigmoid(gate))
            store(gated, j, u, m)
            squares = squares + u * u
        scale = splat(_inverse_rms(squares, d, eps))
        for j in range(0, d, LANES):
            m = first(d - j)
            store(out, t * d + j, load(gated, j, m) * scale * load(weight, j, m), m)


@njit(cache=True, nogil=True)
def _gated_backward(
    y, y_stride, z, z_stride, weight, eps, dout, dout_stride, dy, dy_stride, dz, dz_stride, dweight, start, stop
):  # fmt: skip
    """dy and dz at positions start ... stop; adds to dweight (float64)."""
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
            store(dy, t * dy_stride + j, du * silu, m)
            store(dz, t * dz_stride + j, du * v * (s + silu * (splat(_ONE) - s)), m)
            store(sums, j, load(sums, j, m) + g * u, m)
        if t % _FLUSH == 0 or t == stop - 1:
            flush(sums, dweight)


_NOTHING = (np.zeros(0, np.float32), 0)


def _flat_or_nothing(x: Tensor | None) -> tuple[np.ndarray, int]:
    return _NOTHING if x is None else flat(x)


def _parameter(weight: Tensor) -> np.ndarray:
    return weight.detach().float().contiguous().numpy()


class RMSNorm(torch.autograd.Function):
    """kernels.rms_norm on the CPU, summed in float32. What is kept for the backward is `summed` alone."""

    @staticmethod
    def forward(ctx, x, weight, eps, residual, dtype):
        ctx.set_materialize_grads(False)
        normed = torch.empty(x.shape, dtype=dtype)
        summed = x.view_as(x) if residual is None else torch.empty(x.shape)
        arguments = *flat(x), *_flat_or_nothing(residual), _parameter(weight), float(eps)
        written = _NOTHING[0] if residual is None else summed.view(-1).numpy()
        outputs = array(normed.view(-1)), written

        def work(block, start, stop):
            _forward(*arguments, *outputs, start, stop)

        in_blocks(work, len(x), n_blocks(*x.shape))
        ctx.save_for_backward(summed, weight)
        ctx.eps, ctx.dtypes = float(eps), (x.dtype, None if residual is None else residual.dtype)
        return normed, summed

    @staticmethod
    def backward(ctx, dnormed, dsummed):
        summed, weight = ctx.saved_tensors
        dtype, of_residual = ctx.dtypes
        if dnormed is None:
            return (
                dsummed.to(dtype),
                None,
                None,
                None if of_residual is None else dsummed.to(of_residual),
                None,
            )
        blocks = n_blocks(*summed.shape)
        same = of_residual in (None, dtype)
        dx = torch.empty(summed.shape, dtype=dtype)
        dresidual = torch.empty(summed.shape, dtype=of_residual) if not same else None
        dweight = torch.zeros(blocks, len(weight), dtype=torch.float64)
        arguments = *flat(summed), _parameter(weight), ctx.eps, *flat(dnormed), *_flat_or_nothing(dsummed)
        arguments = *arguments, array(dx.view(-1)), _NOTHING[0] if same else array(dresidual.view(-1))
        sums = dweight.numpy()

        def work(block, start, stop):
            _backward(*arguments, sums[block], start, stop)

        in_blocks(work, len(summed), blocks)
        if of_residual is not None and same:
            dresidual = dx
        return dx, dweight.sum(0).to(weight.dtype), None, dresidual, None


def gated(y: Tensor, z: Tensor, weight: Tensor, eps: float, out: Tensor) -> None:
    """Writes gated_rms_norm to `out` (contiguous). y, z and out may differ in dtype."""
    arguments = *flat(y), *flat(z), _parameter(weight), eps, array(out.view(-1))

    def work(block, start, stop):
        _gated_forward(*arguments, start, stop)

    in_blocks(work, len(y), n_blocks(*y.shape))


def gated_gradients(
    y: Tensor, z: Tensor, weight: Tensor, eps: float, dout: Tensor, dy: Tensor, dz: Tensor
) -> Tensor:
    """Writes the gradients of `gated` to dy and dz, which may be slices of columns; returns that of the weight."""
    blocks = n_blocks(*y.shape)
    dweight = torch.zeros(blocks, len(weight), dtype=torch.float64)
    arguments = *flat(y), *flat(z), _parameter(weight), eps, *flat(dout), *flat(dy), *flat(dz)
    sums = dweight.numpy()

    def work(block, start, stop):
        _gated_backward(*arguments, sums[block], start, stop)

    in_blocks(work, len(y), blocks)
    return dweight.sum(0).to(weight.dtype)


class GatedRMSNorm(torch.autograd.Function):
    """kernels.gated_rms_norm on the CPU, summed in float32. The backward recomputes the gate."""

    @staticmethod
    def forward(ctx, y, z, weight, eps):
        ctx.save_for_backward(y, z, weight)
        ctx.eps = float(eps)
        out = torch.empty(y.shape, dtype=y.dtype)
        gated(y, z, weight, ctx.eps, out)
        return out

    @staticmethod
    def backward(ctx, dout):
        y, z, weight = ctx.saved_tensors
        dy, dz = torch.empty(y.shape, dtype=y.dtype), torch.empty(y.shape, dtype=z.dtype)
        return dy, dz, gated_gradients(y, z, weight, ctx.eps, dout, dy, dz), None


def rms_norm(
    x: Tensor,
    weight: Tensor,
    eps: float = 1e-5,
    residual: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """See kernels.rms_norm."""
    return RMSNorm.apply(x, weight, eps, residual, dtype or x.dtype)


def gated_rms_norm(y: Tensor, z: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    """See kernels.gated_rms_norm."""
    return GatedRMSNorm.apply(y, z, weight, eps)
