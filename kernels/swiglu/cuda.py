"""Triton kernels of the gate: one pass over memory each way."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.packed.cuda import kernel, launch, load_rows, row_stride, silu, store_rows, unit_stride

POSITIONS, CHANNELS = 16, 128
"""A tile."""


@kernel
def _forward(x, x_stride, out, T, D: tl.constexpr, POSITIONS: tl.constexpr, CHANNELS: tl.constexpr):
    """out (T, D) of a tile."""
    start, d = tl.program_id(0).to(tl.int64) * POSITIONS, tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    length = tl.minimum(T - start, POSITIONS).to(tl.int32)
    value = load_rows(x, x_stride, start, length, d, D, POSITIONS).to(tl.float32)
    gate = load_rows(x + D, x_stride, start, length, d, D, POSITIONS).to(tl.float32)
    store_rows(out, D, start, length, d, D, value * silu(gate), POSITIONS)


@kernel
def _backward(
    x, x_stride, dout, dout_stride, dx, T, D: tl.constexpr, POSITIONS: tl.constexpr, CHANNELS: tl.constexpr
):  # fmt: skip
    """dx (T, 2 D) of a tile, from the gate computed again."""
    start, d = tl.program_id(0).to(tl.int64) * POSITIONS, tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    length = tl.minimum(T - start, POSITIONS).to(tl.int32)
    value = load_rows(x, x_stride, start, length, d, D, POSITIONS).to(tl.float32)
    gate = load_rows(x + D, x_stride, start, length, d, D, POSITIONS).to(tl.float32)
    given = load_rows(dout, dout_stride, start, length, d, D, POSITIONS).to(tl.float32)
    opened = tl.sigmoid(gate)
    store_rows(dx, 2 * D, start, length, d, D, given * gate * opened, POSITIONS)
    dgate = given * value * opened * (1 + gate * (1 - opened))
    store_rows(dx + D, 2 * D, start, length, d, D, dgate, POSITIONS)


class SwiGLU(torch.autograd.Function):
    """kernels.swiglu on CUDA. Keeps its input alone."""

    @staticmethod
    def forward(ctx, x):
        x = unit_stride(x)
        ctx.save_for_backward(x)
        T, D = len(x), x.shape[1] // 2
        out = torch.empty(T, D, dtype=x.dtype, device=x.device)
        launch(_forward, _grid(T, D), x=x, x_stride=row_stride(x), out=out, T=T, D=D, **_sizes())
        return out

    @staticmethod
    def backward(ctx, dout):
        (x,), dout = ctx.saved_tensors, unit_stride(dout)
        T, D = dout.shape
        dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        given = {"x": x, "x_stride": row_stride(x), "dout": dout, "dout_stride": row_stride(dout)}
        launch(_backward, _grid(T, D), **given, dx=dx, T=T, D=D, **_sizes())
        return dx


def _grid(n_positions: int, width: int) -> tuple[int, int]:
    return triton.cdiv(n_positions, POSITIONS), triton.cdiv(width, CHANNELS)


def _sizes() -> dict:
    return {"POSITIONS": POSITIONS, "CHANNELS": CHANNELS, "num_warps": 4}


def swiglu(x: Tensor) -> Tensor:
    """See kernels.swiglu."""
    return SwiGLU.apply(x)
