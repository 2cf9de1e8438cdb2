"""CPU kernel of the gate: one pass over memory each way, float32 or bfloat16."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from kernels.lanes.cpu import LANES, array, first, flat, in_blocks, load, n_blocks, sigmoid, splat, store

_ONE = np.float32(1)


@njit(cache=True, nogil=True)
def _forward(x, stride, d, out, start, stop):
    """out (flat, contiguous) at positions start ... stop."""
    for t in range(start, stop):
        for j in range(0, d, LANES):
            m = first(d - j)
            gate = load(x, t * stride + d + j, m)
            store(out, t * d + j, load(x, t * stride + j, m) * (gate * sigmoid(gate)), m)


@njit(cache=True, nogil=True)
def _backward(x, stride, d, dout, dout_stride, dx, start, stop):
    """dx (flat, contiguous) at positions start ... stop."""
    for t in range(start, stop):
        for j in range(0, d, LANES):
            m = first(d - j)
            value, gate = load(x, t * stride + j, m), load(x, t * stride + d + j, m)
            g, s = load(dout, t * dout_stride + j, m), sigmoid(gate)
            silu = gate * s
            store(dx, 2 * t * d + j, g * silu, m)
            store(dx, 2 * t * d + d + j, g * value * (s + silu * (splat(_ONE) - s)), m)


class SwiGLU(torch.autograd.Function):
    """kernels.swiglu on the CPU. The backward recomputes the gate."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        n_positions, d = len(x), x.shape[1] // 2
        out = torch.empty(n_positions, d, dtype=x.dtype)
        arguments = *flat(x), d, array(out.view(-1))

        def work(block, start, stop):
            _forward(*arguments, start, stop)

        in_blocks(work, n_positions, n_blocks(n_positions, d))
        return out

    @staticmethod
    def backward(ctx, dout):
        (x,) = ctx.saved_tensors
        n_positions, d = dout.shape
        dx = torch.empty(x.shape, dtype=x.dtype)
        arguments = *flat(x), d, *flat(dout), array(dx.view(-1))

        def work(block, start, stop):
            _backward(*arguments, start, stop)

        in_blocks(work, n_positions, n_blocks(n_positions, d))
        return dx


def swiglu(x: Tensor) -> Tensor:
    """See kernels.swiglu."""
    return SwiGLU.apply(x)
