"""Triton kernels of SSD: chunks by matrix products (Dao and Gu 2024, Mamba-2, section 6), fused over whole segments.

A program walks the chunks of one segment of a row for one head, with the state in registers: chunk states are never
written on the way forward. A segment begins with the right state because one launch sums up every segment on its own
and one carries the states from segment to segment; where every row is one segment, the walk alone does it. The backward
pass computes the state before each chunk again, and its gradient after each, then treats all chunks at once. B and C
are shared by the heads, so one program sums dB and dC of a chunk over the heads, in registers.
Within a chunk, log[i] is the sum of step * A up to i: i keeps exp(log[i] - log[j]) of what j added.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.arguments import longest_row
from kernels.packed.cuda import (
    dot,
    kernel,
    launch,
    load_rows,
    n_tiles,
    search,
    store_rows,
    tile_at,
    unit_stride,
)
from kernels.ssd.tiles import SHARED_FLOAT_COLUMNS, columns_at_once, sizes_of

HEADS = 16
"""Heads whose decays a program sums up."""


@triton.jit
def _softplus(x):
    """log(1 + exp(x)) as max(x, 0) + log(1 + e), e = exp(-|x|) <= 1; the logarithm by its series, which loses no digits
    where e is small: log(1 + e) = 2 artanh(s), s = e / (2 + e) <= 1 / 3."""
    e = tl.exp(-tl.abs(x))
    s = e / (2 + e)
    q = s * s
    series = 1 / 15.0
    series = series * q + 1 / 13.0
    series = series * q + 1 / 11.0
    series = series * q + 1 / 9.0
    series = series * q + 1 / 7.0
    series = series * q + 1 / 5.0
    series = series * q + 1 / 3.0
    return tl.maximum(x, 0.0) + 2 * (s + s * q * series)


@kernel
def _decays(
    dt, dt_stride, dt_bias, a, limits, steps, n_rows, H, T, step, log, CHUNK: tl.constexpr, HEADS: tl.constexpr
):  # fmt: skip
    """step and log (H, T) of one chunk: softplus(dt + dt_bias), and the sums of step * A since the chunk's start."""
    number, h = tl.program_id(0).to(tl.int64), tl.program_id(1) * HEADS + tl.arange(0, HEADS)
    _row, _begin, row_end, start = tile_at(limits, steps, n_rows, CHUNK, number)
    t = start + tl.arange(0, CHUNK)
    inside = (t < row_end)[:, None] & (h < H)[None, :]
    raw = tl.load(dt + t[:, None] * dt_stride + h[None, :], mask=inside, other=0.0).to(tl.float32)
    raw += tl.load(dt_bias + h, mask=h < H, other=0.0).to(tl.float32)[None, :]
    size = tl.where(inside, _softplus(raw), 0.0)
    A = tl.load(a + h, mask=h < H, other=0.0).to(tl.float32)
    at = h.to(tl.int64)[None, :] * T + t[:, None]
    tl.store(step + at, size, mask=inside)
    tl.store(log + at, tl.cumsum(size * A[None, :], axis=0), mask=inside)


@triton.jit
def _decay(step_of, log_of, T, h, start, length, CHUNK: tl.constexpr):
    """(step, log, the last log) of head h in a chunk; from `length` on the step is 0, which changes nothing."""
    t = tl.arange(0, CHUNK)
    at = (start * 0 + T) * h + start
    log = tl.load(log_of + at + tl.minimum(t, length - 1))
    return tl.load(step_of + at + t, mask=t < length, other=0.0), log, tl.load(log_of + at + length - 1)


@triton.jit
def _reach(log, CHUNK: tl.constexpr):
    """exp(log[i] - log[j]) for j <= i at [i, j], else 0."""
    i, j = tl.arange(0, CHUNK)[:, None], tl.arange(0, CHUNK)[None, :]
    return tl.exp(tl.where(i >= j, log[:, None] - log[None, :], float("-inf")))


@triton.jit
def _state_at(state, number, p, n, P, N):
    """state[number] (P, N), number int64, as float32; None: 0."""
    value = tl.zeros((p.shape[0], n.shape[0]), tl.float32)
    if state is not None:
        inside = (p < P)[:, None] & (n < N)[None, :]
        at = state + number * (P * N) + p[:, None] * N + n[None, :]
        value += tl.load(at, mask=inside, other=0.0).to(tl.float32)
    return value


@triton.jit
def _store_state(state, number, p, n, P, N, value):
    inside = (p < P)[:, None] & (n < N)[None, :]
    at = state + number * (P * N) + p[:, None] * N + n[None, :]
    tl.store(at, value.to(state.dtype.element_ty), mask=inside)


@kernel
def _walk(
    x, x_stride, x_head, b, b_stride, step_of, log_of, T,
    limits, steps, n_rows, size, H, P: tl.constexpr, N: tl.constexpr,
    carried, state, states, ends, logs, final,
    REVERSE: tl.constexpr, CHUNK: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """The state of one segment and head, chunk by chunk; in reverse, with dy for x and C for b, its gradient.

    carried   (segments, H, P, N) state before the segment (in reverse: gradient after it); None: `state` of the row
    states    (chunks, H, P, N) out: the same before (after) each chunk; None: not wanted
    ends      (segments, H, P, N) out: state after the segment, from 0, and logs (segments, H); None: not wanted
    final     (R, H, P, N) out: what the row ends (begins) with; None: not wanted
    """
    number, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    row, begin, row_end, start = tile_at(limits, steps, n_rows, size, number)
    stop = tl.minimum(start + size, row_end)
    p, n = tl.arange(0, BLOCK_P), tl.arange(0, BLOCK_N)
    S = _state_at(state, row * H + h, p, n, P, N)
    at_edge = (stop == row_end) if REVERSE else (start == begin)
    if carried is not None:  # noqa: SIM102 - decided when compiled
        if (start < row_end) & (not at_edge):
            S = _state_at(carried, number * H + h, p, n, P, N)
    total, chunks = 0.0, tl.cdiv(stop - start, CHUNK)
    first_chunk = begin // CHUNK + row + (start - begin) // CHUNK
    for c in range(0, chunks):
        here = (chunks - 1 - c) if REVERSE else c
        at = start + here * CHUNK
        length = tl.minimum(stop - at, CHUNK).to(tl.int32)
        if states is not None:
            _store_state(states, (first_chunk + here) * H + h, p, n, P, N, S)
        step, log, whole = _decay(step_of, log_of, T, h, at, length, CHUNK)
        weight = tl.exp(log) if REVERSE else tl.exp(whole - log) * step
        xs = load_rows(x + h * x_head, x_stride, at, length, p, P, CHUNK)
        added = dot(
            tl.trans((xs.to(tl.float32) * weight[:, None]).to(xs.dtype)),
            load_rows(b, b_stride, at, length, n, N, CHUNK),
        )
        S = tl.exp(whole) * S + added
        total += whole
    if ends is not None:
        _store_state(ends, number * H + h, p, n, P, N, S)
        tl.store(logs + number * H + h, total)
    if final is not None:
        last = (start == begin) if REVERSE else ((stop == row_end) & ((start < stop) | (start == begin)))
        if last:
            _store_state(final, row * H + h, p, n, P, N, S)


@kernel
def _carry(limits, size, H, width, ends, logs, state, REVERSE: tl.constexpr, BLOCK: tl.constexpr):
    """ends: from the state after each segment, counted from 0, to the right state before it (reverse: after it)."""
    row, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    i = tl.program_id(2) * BLOCK + tl.arange(0, BLOCK)
    begin, end = tl.load(limits + row), tl.load(limits + row + 1)
    first, segments = begin // size + row, tl.cdiv(end - begin, size)
    S = tl.zeros((BLOCK,), tl.float32)
    if state is not None:
        S += tl.load(state + (row * H + h) * width + i, mask=i < width, other=0.0).to(tl.float32)
    for s in range(0, segments):
        number = first + ((segments - 1 - s) if REVERSE else s)
        at = ends + (number * H + h) * width + i
        value = tl.load(at, mask=i < width, other=0.0)
        tl.store(at, S, mask=i < width)
        S = value + tl.exp(tl.load(logs + number * H + h)) * S


@kernel
def _scan(
    x, x_stride, x_head, b, b_stride, c, c_stride, step_of, log_of, T, d,
    limits, steps, n_rows, size, H, P: tl.constexpr, N: tl.constexpr,
    carried, state, y, final, CHUNK: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_N: tl.constexpr, PART: tl.constexpr,
):  # fmt: skip
    """y of one segment and BLOCK_P columns of a head, and the state after the row; arguments as in _walk.

    PART    columns of B and C whose products C . B are summed at once
    """
    number, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    row, begin, row_end, start = tile_at(limits, steps, n_rows, size, number)
    stop = tl.minimum(start + size, row_end)
    p, n = tl.arange(0, BLOCK_P), tl.arange(0, BLOCK_N)
    if BLOCK_P < P:
        p += tl.program_id(2) * BLOCK_P
    S = tl.trans(_state_at(state, row * H + h, p, n, P, N))
    if carried is not None:  # noqa: SIM102 - decided when compiled
        if (start > begin) & (start < row_end):
            S = tl.trans(_state_at(carried, number * H + h, p, n, P, N))
    D = tl.load(d + h).to(tl.float32)
    for i in range(0, tl.cdiv(stop - start, CHUNK)):
        at = start + i * CHUNK
        length = tl.minimum(stop - at, CHUNK).to(tl.int32)
        step, log, whole = _decay(step_of, log_of, T, h, at, length, CHUNK)
        xs = load_rows(x + h * x_head, x_stride, at, length, p, P, CHUNK)
        cs = load_rows(c, c_stride, at, length, n, N, CHUNK)
        value = tl.exp(log)[:, None] * dot(cs, S.to(cs.dtype)) + D * xs.to(tl.float32)
        if PART < BLOCK_N:
            scores = tl.zeros((CHUNK, CHUNK), tl.float32)
            for part in tl.static_range(0, N, PART):
                m = part + tl.arange(0, PART)
                some = load_rows(c, c_stride, at, length, m, N, CHUNK)
                scores = dot(some, tl.trans(load_rows(b, b_stride, at, length, m, N, CHUNK)), scores)
            bs = load_rows(b, b_stride, at, length, n, N, CHUNK)
        else:
            bs = load_rows(b, b_stride, at, length, n, N, CHUNK)
            scores = dot(cs, tl.trans(bs))
        weight = scores * _reach(log, CHUNK) * step[None, :]
        value = dot(weight.to(xs.dtype), xs, value)
        store_rows(y + h * P, H * P, at, length, p, P, value, CHUNK)
        weight_of_x = (tl.exp(whole - log) * step)[:, None]
        S = dot(tl.trans(bs), (xs.to(tl.float32) * weight_of_x).to(xs.dtype), tl.exp(whole) * S)
    if (stop == row_end) & ((start < stop) | (start == begin)):
        _store_state(final, row * H + h, p, n, P, N, tl.trans(S))


@triton.jit
def _states(states, number, p, n, P, N):
    """states[number] (P, N) as it is stored."""
    inside = (p < P)[:, None] & (n < N)[None, :]
    return tl.load(states + number * (P * N) + p[:, None] * N + n[None, :], mask=inside, other=0.0)


@kernel
def _gradients(
    x, x_stride, x_head, b, b_stride, c, c_stride, dy, dy_stride, dy_head, step_of, log_of, T,
    dt, dt_stride, dt_bias, a, d, limits, steps, n_rows,
    H, P: tl.constexpr, N: tl.constexpr, before, after,
    dx, dx_stride, dx_head, ddt, ddt_stride, sums,
    CHUNK: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """dx and ddt of one chunk and head; sums (chunks, H, 3): its share of dA, dD and ddt_bias.

    before, after   the state before each chunk, its gradient after it
    """
    number, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    _row, _begin, row_end, start = tile_at(limits, steps, n_rows, CHUNK, number)
    length = tl.minimum(row_end - start, CHUNK).to(tl.int32)
    if length > 0:
        p = tl.arange(0, BLOCK_P)
        step, log, whole = _decay(step_of, log_of, T, h, start, length, CHUNK)
        # Sums over the columns of B and C, BLOCK_N of them at a time.
        kept, scores = 0.0, tl.zeros((CHUNK, CHUNK), tl.float32)
        from_before = tl.zeros((CHUNK, BLOCK_P), tl.float32)
        through_state = tl.zeros((CHUNK, BLOCK_P), tl.float32)
        for part in tl.static_range(0, N, BLOCK_N):
            n = part + tl.arange(0, BLOCK_N)
            S, dS = _states(before, number * H + h, p, n, P, N), _states(after, number * H + h, p, n, P, N)
            kept += tl.sum(tl.sum(S.to(tl.float32) * dS.to(tl.float32), axis=1), axis=0)
            bs = load_rows(b, b_stride, start, length, n, N, CHUNK)
            cs = load_rows(c, c_stride, start, length, n, N, CHUNK)
            scores = dot(cs, tl.trans(bs), scores)
            from_before = dot(cs, tl.trans(S), from_before)
            through_state = dot(bs, tl.trans(dS), through_state)
        kept *= tl.exp(whole)
        xs = load_rows(x + h * x_head, x_stride, start, length, p, P, CHUNK)
        dys = load_rows(dy + h * dy_head, dy_stride, start, length, p, P, CHUNK)
        from_state = tl.exp(log) * tl.sum(from_before * dys.to(tl.float32), axis=1)
        through_state *= tl.exp(whole - log)[:, None]
        to_state = step * tl.sum(through_state * xs.to(tl.float32), axis=1)
        weight = scores * _reach(log, CHUNK)
        pairs = dot(dys, tl.trans(xs)) * weight * step[None, :]  # what i got from j, times its gradient
        of_u = dot(tl.trans(weight.to(dys.dtype)), dys, through_state)
        # The gradient of step[i] * A: all that crosses from before i to i and later, with no difference of sums.
        i, j = tl.arange(0, CHUNK)[:, None], tl.arange(0, CHUNK)[None, :]
        crossing = tl.cumsum(pairs, axis=0, reverse=True) + to_state[None, :]
        dlog = tl.sum(tl.where(j < i, crossing, 0.0), axis=1)
        dlog += tl.cumsum(from_state, axis=0, reverse=True) + kept
        xf, dyf = xs.to(tl.float32), dys.to(tl.float32)
        given = step[:, None] * of_u + tl.load(d + h).to(tl.float32) * dyf
        store_rows(dx + h * dx_head, dx_stride, start, length, p, P, given, CHUNK)
        dstep = tl.sum(of_u * xf, axis=1) + tl.load(a + h).to(tl.float32) * dlog
        t = tl.arange(0, CHUNK)
        raw = tl.load(dt + start * dt_stride + h + t * dt_stride, mask=t < length, other=0.0).to(tl.float32)
        draw = tl.where(t < length, dstep * tl.sigmoid(raw + tl.load(dt_bias + h).to(tl.float32)), 0.0)
        tl.store(
            ddt + start * ddt_stride + h + t * ddt_stride, draw.to(ddt.dtype.element_ty), mask=t < length
        )
        own = sums + (number * H + h) * 3
        tl.store(own, tl.sum(dlog * step, axis=0))
        tl.store(own + 1, tl.sum(tl.sum(xf * dyf, axis=1), axis=0))
        tl.store(own + 2, tl.sum(draw, axis=0))


@kernel
def _shared_gradients(
    x, x_stride, x_head, b, b_stride, c, c_stride, dy, dy_stride, dy_head, step_of, log_of, T, limits, steps, n_rows,
    H, P: tl.constexpr, N: tl.constexpr, before, after, db, db_stride, dc, dc_stride,
    CHUNK: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """dB and dC, sums over the heads, of one chunk in BLOCK_N columns; arguments as in _gradients."""
    number, n = tl.program_id(0).to(tl.int64), tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    _row, _begin, row_end, start = tile_at(limits, steps, n_rows, CHUNK, number)
    length, p = tl.minimum(row_end - start, CHUNK).to(tl.int32), tl.arange(0, BLOCK_P)
    if length > 0:
        scores = tl.zeros((CHUNK, CHUNK), tl.float32)  # the gradient of C[i] . B[j]
        of_b = tl.zeros((CHUNK, BLOCK_N), tl.float32)
        of_c = tl.zeros((CHUNK, BLOCK_N), tl.float32)
        for h in range(0, H):
            step, log, whole = _decay(step_of, log_of, T, h, start, length, CHUNK)
            xs = load_rows(x + h * x_head, x_stride, start, length, p, P, CHUNK)
            dys = load_rows(dy + h * dy_head, dy_stride, start, length, p, P, CHUNK)
            scores += dot(dys, tl.trans(xs)) * _reach(log, CHUNK) * step[None, :]
            share = (dys.to(tl.float32) * tl.exp(log)[:, None]).to(dys.dtype)
            of_c = dot(share, _states(before, number * H + h, p, n, P, N), of_c)
            share = (xs.to(tl.float32) * (tl.exp(whole - log) * step)[:, None]).to(xs.dtype)
            of_b = dot(share, _states(after, number * H + h, p, n, P, N), of_b)
        bs = load_rows(b, b_stride, start, length, n, N, CHUNK)
        cs = load_rows(c, c_stride, start, length, n, N, CHUNK)
        of_b = dot(tl.trans(scores.to(cs.dtype)), cs, of_b)
        of_c = dot(scores.to(bs.dtype), bs, of_c)
        store_rows(db, db_stride, start, length, n, N, of_b, CHUNK)
        store_rows(dc, dc_stride, start, length, n, N, of_c, CHUNK)


class SSD(torch.autograd.Function):
    """kernels.ssd on CUDA. Keeps the inputs, and the states between segments (float32), for the backward."""

    @staticmethod
    def forward(ctx, x, dt, A, B, C, D, dt_bias, cu_seqlens, state):
        ctx.set_materialize_grads(False)
        x, dt, B, C = (unit_stride(value) for value in (x, dt, B, C))
        A, D, dt_bias = (value.contiguous() for value in (A, D, dt_bias))
        state = None if state is None else state.contiguous()
        y, final, kept = scanned(x, dt, A, B, C, D, dt_bias, cu_seqlens, state)
        ctx.save_for_backward(x, dt, A, B, C, D, dt_bias, cu_seqlens, state, *kept)
        return y, final

    @staticmethod
    def backward(ctx, dy, dfinal):
        x, dt, A, B, C, D, dt_bias, cu_seqlens, state, *kept = ctx.saved_tensors
        dy = x.new_zeros(1, *x.shape[1:]).expand(x.shape) if dy is None else unit_stride(dy)
        dx, db, dc, ddt = (torch.empty(v.shape, dtype=v.dtype, device=v.device) for v in (x, B, C, dt))
        inputs = x, dt, A, B, C, D, dt_bias, cu_seqlens, state
        dA, dD, dbias, dstate = gradients(*inputs, kept, dy, dfinal, dx, ddt, db, dc)
        return dx, ddt, dA, db, dc, dD, dbias, None, dstate


def scanned(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, dt_bias: Tensor, cu_seqlens: Tensor,
    state: Tensor | None,
) -> tuple[Tensor, Tensor, tuple]:  # fmt: skip
    """y, the state after each row, and what `gradients` wants besides; x, dt, B, C with unit last stride."""
    rows = search(cu_seqlens)
    size, sizes = sizes_of(x, B, rows["n_rows"])
    T, H, P = x.shape
    step, log = (torch.empty(H, T, device=x.device) for _ in range(2))
    launch(
        _decays, (n_tiles(T, rows["n_rows"], sizes["CHUNK"]), triton.cdiv(H, HEADS)), dt=dt, dt_stride=dt.stride(0),
        dt_bias=dt_bias, a=A, **rows, H=H, T=T, step=step, log=log, CHUNK=sizes["CHUNK"], HEADS=HEADS,
    )  # fmt: skip
    read = _read(x, B, step, log)
    in_segments = size < longest_row(cu_seqlens, T)
    carried = _carried(read, rows, size, sizes, state, REVERSE=False) if in_segments else None
    y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    N = B.shape[1]
    final = _empty_states(rows["n_rows"], read, torch.float32 if state is None else state.dtype)
    part = columns_at_once(x, sizes["BLOCK_N"]) if x.dtype == torch.float32 else sizes["BLOCK_N"]
    sizes = sizes | {"BLOCK_P": columns_at_once(x, sizes["BLOCK_P"]), "PART": part}
    launch(
        _scan, (n_tiles(T, rows["n_rows"], size), H, triton.cdiv(P, sizes["BLOCK_P"])), **read, c=C,
        c_stride=C.stride(0), d=D, **rows, size=size, H=H, P=P, N=N, carried=carried, state=state, y=y, final=final,
        **sizes,
    )  # fmt: skip
    return y, final, (step, log, carried)


def gradients(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, dt_bias: Tensor, cu_seqlens: Tensor,
    state: Tensor | None, kept: tuple, dy: Tensor, dfinal: Tensor | None, dx: Tensor, ddt: Tensor, db: Tensor,
    dc: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:  # fmt: skip
    """Writes dx, ddt, db and dc (unit last stride); returns dA, dD, ddt_bias and dstate."""
    (T, H, P), N, rows, (step, log, carried) = x.shape, B.shape[1], search(cu_seqlens), kept
    size, sizes = sizes_of(x, B, rows["n_rows"])
    dfinal = None if dfinal is None else dfinal.contiguous()
    before = _walked(_read(x, B, step, log), rows, size, sizes, carried, state, None, REVERSE=False)
    read = _read(dy, C, step, log)
    carried = None if carried is None else _carried(read, rows, size, sizes, dfinal, REVERSE=True)
    dstate = None if state is None else torch.empty_like(state)
    after = _walked(read, rows, size, sizes, carried, dfinal, dstate, REVERSE=True)
    chunks = n_tiles(T, rows["n_rows"], sizes["CHUNK"])
    sums = torch.zeros(chunks, H, 3, device=x.device)
    given = _read(x, B, step, log) | {"c": C, "c_stride": C.stride(0), **rows, "H": H, "P": P, "N": N}
    given |= {"dy": dy, "dy_stride": dy.stride(0), "dy_head": dy.stride(1), "before": before, "after": after}
    columns = {"BLOCK_N": columns_at_once(x, sizes["BLOCK_N"])}
    launch(
        _gradients, (chunks, H), **given, dt=dt, dt_stride=dt.stride(0), dt_bias=dt_bias, a=A, d=D, dx=dx,
        dx_stride=dx.stride(0), dx_head=dx.stride(1), ddt=ddt, ddt_stride=ddt.stride(0), sums=sums, **sizes | columns,
    )  # fmt: skip
    columns = {"BLOCK_N": columns_at_once(x, sizes["BLOCK_N"], SHARED_FLOAT_COLUMNS)}
    launch(
        _shared_gradients, (chunks, triton.cdiv(N, columns["BLOCK_N"])), **given, db=db, db_stride=db.stride(0), dc=dc,
        dc_stride=dc.stride(0), **sizes | columns,
    )  # fmt: skip
    dA, dD, dbias = sums.sum(0).unbind(1)
    return dA.to(A.dtype), dD.to(D.dtype), dbias.to(dt_bias.dtype), dstate


def _read(x: Tensor, b: Tensor, step: Tensor, log: Tensor) -> dict:
    """What the kernels read of x (or dy) and B (or C), by the names that they give them."""
    strides = {"x_stride": x.stride(0), "x_head": x.stride(1), "b_stride": b.stride(0)}
    return {"x": x, "b": b, **strides, "step_of": step, "log_of": log, "T": len(x)}


def _empty_states(n: int, read: dict, dtype: torch.dtype) -> Tensor:
    (_, H, P), N = read["x"].shape, read["b"].shape[1]
    return torch.empty(n, H, P, N, dtype=dtype, device=read["x"].device)


def _carried(
    read: dict, rows: dict, size: int, sizes: dict, state: Tensor | None, *, REVERSE: bool
) -> Tensor:
    """The state before every segment; in reverse, its gradient after every segment. (segments, H, P, N), float32."""
    ends = _empty_states(n_tiles(read["T"], rows["n_rows"], size), read, torch.float32)
    segments, H, P, N = ends.shape
    logs = torch.empty(segments, H, device=ends.device)
    launch(
        _walk, (segments, H), **read, **rows, size=size, H=H, P=P, N=N, carried=None, state=None, states=None,
        ends=ends, logs=logs, final=None, REVERSE=REVERSE, **sizes,
    )  # fmt: skip
    launch(
        _carry, (rows["n_rows"], H, triton.cdiv(P * N, 1024)), limits=rows["limits"], size=size, H=H, width=P * N,
        ends=ends, logs=logs, state=state, REVERSE=REVERSE, BLOCK=1024,
    )  # fmt: skip
    return ends


def _walked(
    read: dict, rows: dict, size: int, sizes: dict, carried: Tensor | None, state: Tensor | None,
    final: Tensor | None, *, REVERSE: bool,
) -> Tensor:  # fmt: skip
    """The state before every chunk; in reverse, its gradient after every chunk. (chunks, H, P, N) in the dtype of x."""
    states = _empty_states(n_tiles(read["T"], rows["n_rows"], sizes["CHUNK"]), read, read["x"].dtype)
    _, H, P, N = states.shape
    launch(
        _walk, (n_tiles(read["T"], rows["n_rows"], size), H), **read, **rows, size=size, H=H, P=P, N=N,
        carried=carried, state=state, states=states, ends=None, logs=None, final=final, REVERSE=REVERSE, **sizes,
    )  # fmt: skip
    return states


def ssd(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, dt_bias: Tensor, cu_seqlens: Tensor,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """See kernels.ssd."""
    return SSD.apply(x, dt, A, B, C, D, dt_bias, cu_seqlens, state)
