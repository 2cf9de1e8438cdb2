"""Triton kernels of the causal convolution: one launch forward, final states included, and one or two backward.

A program takes a tile of positions and channels. Inputs at neighbouring positions are read again from the cache, and
the backward pass computes the activation at the three positions after each again, instead of writing it out.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.packed.cuda import kernel, launch, persistent, row_at, row_stride, search, unit_stride

POSITIONS, CHANNELS = 16, 64
"""A tile."""
PER_PROCESSOR = 8
"""Programs of the backward on each multiprocessor, for all channels together."""


@triton.jit
def _rows_of(limits, steps, n_rows, t, T):
    """Of a block of positions: (whether they exist, their rows, where those begin and end)."""
    row = row_at(limits, steps, n_rows, tl.where(t < T, t, 0))
    return t < T, row, tl.load(limits + row), tl.load(limits + row + 1)


@triton.jit
def _input(x, x_stride, state, s, row, begin, chosen, c, C):
    """x[s] where s is in the row, the row's state where s lies before it (at most 3 positions); 0 where not chosen."""
    inside = (chosen & (s >= begin))[:, None] & (c < C)[None, :]
    value = tl.load(x + s.to(tl.int64)[:, None] * x_stride + c[None, :], mask=inside, other=0.0).to(
        tl.float32
    )
    if state is not None:
        before = (chosen & (s < begin))[:, None] & (c < C)[None, :]
        at = (row.to(tl.int64)[:, None] * C + c[None, :]) * 3 + (s - begin + 3)[:, None]
        value += tl.load(state + at, mask=before, other=0.0).to(tl.float32)
    return value


@triton.jit
def _taps(weight, bias, c, C):
    """The four weights and the bias of channels c, oldest position first."""
    inside = c < C
    w0 = tl.load(weight + c * 4, mask=inside, other=0.0).to(tl.float32)[None, :]
    w1 = tl.load(weight + c * 4 + 1, mask=inside, other=0.0).to(tl.float32)[None, :]
    w2 = tl.load(weight + c * 4 + 2, mask=inside, other=0.0).to(tl.float32)[None, :]
    w3 = tl.load(weight + c * 4 + 3, mask=inside, other=0.0).to(tl.float32)[None, :]
    return w0, w1, w2, w3, tl.load(bias + c, mask=inside, other=0.0).to(tl.float32)[None, :]


@triton.jit
def _after(x, x_stride, state, limits, row, after, c, C):
    """after[row]: the last three of the row's state followed by its inputs, oldest first."""
    begin, end = tl.load(limits + row), tl.load(limits + row + 1)
    i = tl.arange(0, 4)
    chosen = i < 3
    value = _input(x, x_stride, state, end - 3 + i, row + i * 0, begin, chosen, c, C)
    at = (row.to(tl.int64) * C + c[None, :]) * 3 + i[:, None]
    tl.store(after + at, value.to(after.dtype.element_ty), mask=chosen[:, None] & (c < C)[None, :])


@kernel
def _forward(
    x, x_stride, weight, bias, limits, steps, n_rows, state, y, after, T, C, tiles,
    POSITIONS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """y of a tile; in programs from `tiles` on, the state after a row."""
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    if tl.program_id(0) >= tiles:
        _after(x, x_stride, state, limits, tl.program_id(0) - tiles, after, c, C)
    else:
        t = tl.program_id(0) * POSITIONS + tl.arange(0, POSITIONS)
        exists, row, begin, _end = _rows_of(limits, steps, n_rows, t, T)
        w0, w1, w2, w3, value = _taps(weight, bias, c, C)
        value += w0 * _input(x, x_stride, state, t - 3, row, begin, exists, c, C)
        value += w1 * _input(x, x_stride, state, t - 2, row, begin, exists, c, C)
        value += w2 * _input(x, x_stride, state, t - 1, row, begin, exists, c, C)
        value += w3 * _input(x, x_stride, state, t, row, begin, exists, c, C)
        at = y + t.to(tl.int64)[:, None] * C + c[None, :]
        inside = exists[:, None] & (c < C)[None, :]
        tl.store(at, (value * tl.sigmoid(value)).to(y.dtype.element_ty), mask=inside)


@triton.jit
def _dsum(dy, dy_stride, t, chosen, c, C, value):
    """The gradient of the sum `value` at positions t, whose SiLU is y; 0 where not chosen."""
    inside = chosen[:, None] & (c < C)[None, :]
    g = tl.load(dy + t.to(tl.int64)[:, None] * dy_stride + c[None, :], mask=inside, other=0.0).to(tl.float32)
    s = tl.sigmoid(value)
    return g * s * (1 + value * (1 - s))


@kernel
def _backward(
    x, x_stride, weight, bias, limits, steps, n_rows, state, dy, dy_stride, dx, dx_stride, sums, T, C,
    POSITIONS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """dx, without what comes through the final states, and this program's (C, 5) share of dweight and dbias."""
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    w0, w1, w2, w3, b = _taps(weight, bias, c, C)
    s0 = tl.zeros((POSITIONS, CHANNELS), tl.float32)
    s1, s2, s3, s4 = s0, s0, s0, s0
    for tile in range(tl.program_id(0), tl.cdiv(T, POSITIONS), tl.num_programs(0)):
        t = tile * POSITIONS + tl.arange(0, POSITIONS)
        exists, row, begin, end = _rows_of(limits, steps, n_rows, t, T)
        x0 = _input(x, x_stride, state, t - 3, row, begin, exists, c, C)
        x1 = _input(x, x_stride, state, t - 2, row, begin, exists, c, C)
        x2 = _input(x, x_stride, state, t - 1, row, begin, exists, c, C)
        x3 = _input(x, x_stride, state, t, row, begin, exists, c, C)
        x4 = _input(x, x_stride, state, t + 1, row, begin, exists & (t + 1 < end), c, C)
        x5 = _input(x, x_stride, state, t + 2, row, begin, exists & (t + 2 < end), c, C)
        x6 = _input(x, x_stride, state, t + 3, row, begin, exists & (t + 3 < end), c, C)
        g = _dsum(dy, dy_stride, t, exists, c, C, b + w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3)
        s0 += g * x0
        s1 += g * x1
        s2 += g * x2
        s3 += g * x3
        s4 += g
        given = w3 * g
        chosen = exists & (t + 1 < end)
        given += w2 * _dsum(dy, dy_stride, t + 1, chosen, c, C, b + w0 * x1 + w1 * x2 + w2 * x3 + w3 * x4)
        chosen = exists & (t + 2 < end)
        given += w1 * _dsum(dy, dy_stride, t + 2, chosen, c, C, b + w0 * x2 + w1 * x3 + w2 * x4 + w3 * x5)
        chosen = exists & (t + 3 < end)
        given += w0 * _dsum(dy, dy_stride, t + 3, chosen, c, C, b + w0 * x3 + w1 * x4 + w2 * x5 + w3 * x6)
        inside = exists[:, None] & (c < C)[None, :]
        tl.store(
            dx + t.to(tl.int64)[:, None] * dx_stride + c[None, :], given.to(dx.dtype.element_ty), mask=inside
        )
    own = sums + (tl.program_id(0).to(tl.int64) * C + c) * 5
    tl.store(own, tl.sum(s0, axis=0), mask=c < C)
    tl.store(own + 1, tl.sum(s1, axis=0), mask=c < C)
    tl.store(own + 2, tl.sum(s2, axis=0), mask=c < C)
    tl.store(own + 3, tl.sum(s3, axis=0), mask=c < C)
    tl.store(own + 4, tl.sum(s4, axis=0), mask=c < C)


@triton.jit
def _dsum_at(x, x_stride, weight, bias, limits, state, dy, dy_stride, t, row, begin, end, c, C):
    """`_dsum` at positions t of one row; 0 outside the row."""
    w0, w1, w2, w3, value = _taps(weight, bias, c, C)
    chosen = (t >= begin) & (t < end)
    rows = row + t * 0
    value += w0 * _input(x, x_stride, state, t - 3, rows, begin, chosen, c, C)
    value += w1 * _input(x, x_stride, state, t - 2, rows, begin, chosen, c, C)
    value += w2 * _input(x, x_stride, state, t - 1, rows, begin, chosen, c, C)
    value += w3 * _input(x, x_stride, state, t, rows, begin, chosen, c, C)
    return _dsum(dy, dy_stride, t, chosen, c, C, value)


@kernel
def _backward_of_states(
    x, x_stride, weight, bias, limits, state, dy, dy_stride, dx, dx_stride, dafter, dstate, C, CHANNELS: tl.constexpr
):  # fmt: skip
    """dstate of a row, and what dafter adds to dx at the row's last three positions."""
    row = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    begin, end = tl.load(limits + row), tl.load(limits + row + 1)
    i = tl.arange(0, 4)
    three = (i < 3)[:, None] & (c < C)[None, :]
    own = (row * C + c[None, :]) * 3
    if dafter is not None:
        position = end - 3 + i
        given = tl.load(dafter + own + i[:, None], mask=three, other=0.0).to(tl.float32)
        at = dx + position[:, None] * dx_stride + c[None, :]
        inside = three & (position >= begin)[:, None]
        given += tl.load(at, mask=inside, other=0.0).to(tl.float32)
        tl.store(at, given.to(dx.dtype.element_ty), mask=inside)
    if dstate is not None:
        # State i meets weight j at position begin + i - j.
        w0, w1, w2, _w3, _b = _taps(weight, bias, c, C)
        total = w0 * _dsum_at(
            x, x_stride, weight, bias, limits, state, dy, dy_stride, begin + i, row, begin, end, c, C
        )
        total += w1 * _dsum_at(
            x, x_stride, weight, bias, limits, state, dy, dy_stride, begin + i - 1, row, begin, end, c, C
        )
        total += w2 * _dsum_at(
            x, x_stride, weight, bias, limits, state, dy, dy_stride, begin + i - 2, row, begin, end, c, C
        )
        if dafter is not None:
            shift = i - (end - begin)
            kept = three & (shift >= 0)[:, None]
            total += tl.load(dafter + own + shift[:, None], mask=kept, other=0.0).to(tl.float32)
        tl.store(dstate + own + i[:, None], total.to(dstate.dtype.element_ty), mask=three)


class CausalConv1d(torch.autograd.Function):
    """kernels.causal_conv1d on CUDA. Keeps the inputs alone for the backward."""

    @staticmethod
    def forward(ctx, x, weight, bias, cu_seqlens, state):
        ctx.set_materialize_grads(False)
        x, weight, bias = unit_stride(x), weight.contiguous(), bias.contiguous()
        state = None if state is None else state.contiguous()
        ctx.save_for_backward(x, weight, bias, cu_seqlens, state)
        return convolved(x, weight, bias, cu_seqlens, state)

    @staticmethod
    def backward(ctx, dy, dafter):
        x, weight, bias, cu_seqlens, state = ctx.saved_tensors
        dy = x.new_zeros(1, x.shape[1]).expand(x.shape) if dy is None else unit_stride(dy)
        dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        dweight, dbias, dstate = gradients(x, weight, bias, cu_seqlens, state, dy, dafter, dx)
        return dx, dweight, dbias, None, dstate


def convolved(
    x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """y (T, C) and the state after each row; x with unit last stride, the rest contiguous."""
    rows, (T, C) = search(cu_seqlens), x.shape
    n_rows, kind = rows["n_rows"], x.dtype if state is None else state.dtype
    y = torch.empty(T, C, dtype=x.dtype, device=x.device)
    after = torch.empty(n_rows, C, 3, dtype=kind, device=x.device)
    tiles = triton.cdiv(T, POSITIONS)
    launch(
        _forward, (tiles + n_rows, triton.cdiv(C, CHANNELS)), x=x, x_stride=row_stride(x), weight=weight, bias=bias,
        **rows, state=state, y=y, after=after, T=T, C=C, tiles=tiles, POSITIONS=POSITIONS, CHANNELS=CHANNELS,
    )  # fmt: skip
    return y, after


def gradients(
    x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor, state: Tensor | None, dy: Tensor,
    dafter: Tensor | None, dx: Tensor,
) -> tuple[Tensor, Tensor, Tensor | None]:  # fmt: skip
    """Writes dx (unit last stride); returns dweight, dbias and dstate."""
    (T, C), rows = x.shape, search(cu_seqlens)
    blocks = triton.cdiv(C, CHANNELS)
    programs = persistent(x, triton.cdiv(T, POSITIONS), max(1, PER_PROCESSOR // blocks))
    sums = torch.empty(programs, C, 5, device=x.device)
    given = {"x": x, "x_stride": row_stride(x), "weight": weight, "bias": bias, "state": state, "C": C}
    given |= {
        "dy": dy,
        "dy_stride": row_stride(dy),
        "dx": dx,
        "dx_stride": row_stride(dx),
        "CHANNELS": CHANNELS,
    }
    launch(_backward, (programs, blocks), **given, **rows, sums=sums, T=T, POSITIONS=POSITIONS)
    dstate = None if state is None else torch.empty_like(state)
    if dafter is not None or dstate is not None:
        dafter = None if dafter is None else dafter.contiguous()
        edges = {"limits": rows["limits"], "dafter": dafter, "dstate": dstate}
        launch(_backward_of_states, (rows["n_rows"], blocks), **given, **edges)
    sums = sums.sum(0)
    return sums[:, :4].to(weight.dtype), sums[:, 4].to(bias.dtype), dstate


def causal_conv1d(
    x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """See kernels.causal_conv1d."""
    return CausalConv1d.apply(x, weight, bias, cu_seqlens, state)
