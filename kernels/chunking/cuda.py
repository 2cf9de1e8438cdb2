"""Triton kernels of chunking: a prefix sum over the boundaries in two launches, a copy each way, no sorting."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.packed.cuda import kernel, launch, row_stride, unit_stride

TILE = 1024
"""Positions a program counts."""
POSITIONS, CHANNELS = 16, 256
"""A tile of what is copied."""


@kernel
def _count(is_boundary, counts, T, TILE: tl.constexpr):
    """Boundaries in each tile."""
    t = tl.program_id(0).to(tl.int64) * TILE + tl.arange(0, TILE)
    begins = tl.load(is_boundary + t, mask=t < T, other=0) != 0
    tl.store(counts + tl.program_id(0), tl.sum(begins.to(tl.int32)))


@kernel
def _place(is_boundary, counts, begun, starts, T, TILE: tl.constexpr):
    """begun[t]: boundaries before position t, 0 <= t <= T; starts[begun[t]] = t where t is one."""
    tile = tl.program_id(0)
    before = tl.zeros((TILE,), tl.int32)
    for first in range(0, tile, TILE):
        i = first + tl.arange(0, TILE)
        before += tl.load(counts + i, mask=i < tile, other=0)
    t = tile.to(tl.int64) * TILE + tl.arange(0, TILE)
    begins = (tl.load(is_boundary + t, mask=t < T, other=0) != 0).to(tl.int32)
    index = (tl.sum(before) + tl.cumsum(begins, axis=0) - begins).to(tl.int64)
    tl.store(begun + t, index, mask=t <= T)
    tl.store(starts + index, t, mask=begins != 0)


@kernel
def _keep(x, x_stride, starts, out, M, D, POSITIONS: tl.constexpr, CHANNELS: tl.constexpr):
    """out[m] = x[starts[m]]"""
    m = tl.program_id(0).to(tl.int64) * POSITIONS + tl.arange(0, POSITIONS)
    d = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    t = tl.load(starts + m, mask=m < M, other=0)
    inside = (m < M)[:, None] & (d < D)[None, :]
    value = tl.load(x + t[:, None] * x_stride + d[None, :], mask=inside, other=0.0)
    tl.store(out + m[:, None] * D + d[None, :], value, mask=inside)


@kernel
def _keep_backward(dout, dout_stride, starts, dx, M, D, POSITIONS: tl.constexpr, CHANNELS: tl.constexpr):
    """dx[starts[m]] = dout[m]"""
    m = tl.program_id(0).to(tl.int64) * POSITIONS + tl.arange(0, POSITIONS)
    d = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside = (m < M)[:, None] & (d < D)[None, :]
    given = tl.load(dout + m[:, None] * dout_stride + d[None, :], mask=inside, other=0.0)
    t = tl.load(starts + m, mask=m < M, other=0)
    tl.store(dx + t[:, None] * D + d[None, :], given, mask=inside)


class Keep(torch.autograd.Function):
    """kernels.chunking.keep on CUDA."""

    @staticmethod
    def forward(ctx, x, starts):
        x, starts = unit_stride(x), starts.contiguous()
        out = torch.empty(len(starts), x.shape[1], dtype=x.dtype, device=x.device)
        sizes = {"POSITIONS": POSITIONS, "CHANNELS": CHANNELS}
        grid = triton.cdiv(len(starts), POSITIONS), triton.cdiv(x.shape[1], CHANNELS)
        (M, D), x_stride = out.shape, row_stride(x)
        launch(_keep, grid, x=x, x_stride=x_stride, starts=starts, out=out, M=M, D=D, **sizes)
        ctx.save_for_backward(starts)
        ctx.n_positions = len(x)
        return out

    @staticmethod
    def backward(ctx, dout):
        (starts,), dout = ctx.saved_tensors, unit_stride(dout)
        M, D = dout.shape
        # Cleared first: a kernel that cleared the positions of each chunk would work as long as the longest one.
        dx = torch.zeros(ctx.n_positions, D, dtype=dout.dtype, device=dout.device)
        sizes = {"POSITIONS": POSITIONS, "CHANNELS": CHANNELS}
        grid = triton.cdiv(M, POSITIONS), triton.cdiv(D, CHANNELS)
        launch(
            _keep_backward, grid, dout=dout, dout_stride=row_stride(dout), starts=starts, dx=dx, M=M, D=D, **sizes
        )  # fmt: skip
        return dx, None


def placed(is_boundary: Tensor) -> tuple[Tensor, Tensor]:
    """Boundaries before each position (T + 1,), the last of them all; their positions, then what was there (T,)."""
    T, device = len(is_boundary), is_boundary.device
    is_boundary, tiles = is_boundary.contiguous(), T // TILE + 1
    counts = torch.empty(tiles, dtype=torch.int32, device=device)
    begun, found = (torch.empty(n, dtype=torch.int64, device=device) for n in (T + 1, T))
    given = {"is_boundary": is_boundary, "counts": counts, "T": T, "TILE": TILE}
    launch(_count, (tiles,), **given)
    launch(_place, (tiles,), **given, begun=begun, starts=found)
    return begun, found


def starts(is_boundary: Tensor, cu_seqlens: Tensor) -> tuple[Tensor, Tensor, list[int]]:
    """See kernels.chunking."""
    begun, found = placed(is_boundary)
    limits = begun[cu_seqlens]
    numbers = limits.tolist()
    return found[: int(numbers[-1])], limits, numbers


def keep(x: Tensor, starts: Tensor) -> Tensor:
    """See kernels.chunking."""
    return Keep.apply(x, starts)
