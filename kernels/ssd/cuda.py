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

from kernels.packed.cuda import INTERPRETED, launch, n_tiles, search, tile_at, unit_stride
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


@triton.jit
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
def _rows(x, stride, start, length, i, width, CHUNK: tl.constexpr):
    """x[start : start + CHUNK, i], 0 from `length` and from `width` on, in x's own dtype.

    Only the corner of a tile needs 64 bits; offsets inside it have 32, which saves a register each.
    """
    t = tl.arange(0, CHUNK)
    inside = (t < length)[:, None] & (i < width)[None, :]
    return tl.load(x + start * stride + (t[:, None] * stride + i[None, :]), mask=inside, other=0.0)


@triton.jit
def _store_rows(x, stride, start, length, i, width, value, CHUNK: tl.constexpr):
    """The counterpart of _rows."""
    t = tl.arange(0, CHUNK)
    inside = (t < length)[:, None] & (i < width)[None, :]
    at = x + start * stride + (t[:, None] * stride + i[None, :])
    tl.store(at, value.to(x.dtype.element_ty), mask=inside)


@triton.jit
def _dot(a, b, onto=None):
    """onto + a @ b in float32; float32 factors are multiplied in three parts of tf32, which lose next to nothing."""
    if INTERPRETED:  # it knows no products of bfloat16; those of the same numbers in float32 are exact
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, onto, input_precision="tf32x3")


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


@triton.jit
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
        xs = _rows(x + h * x_head, x_stride, at, length, p, P, CHUNK)
        added = _dot(
            tl.trans((xs.to(tl.float32) * weight[:, None]).to(xs.dtype)),
            _rows(b, b_stride, at, length, n, N, CHUNK),
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


@triton.jit
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


@triton.jit
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
        xs = _rows(x + h * x_head, x_stride, at, length, p, P, CHUNK)
        cs = _rows(c, c_stride, at, length, n, N, CHUNK)
        value = tl.exp(log)[:, None] * _dot(cs, S.to(cs.dtype)) + D * xs.to(tl.float32)
        if PART < BLOCK_N:
            scores = tl.zeros((CHUNK, CHUNK), tl.float32)
            for part in tl.static_range(0, N, PART):
                m = part + tl.arange(0, PART)
                some = _rows(c, c_stride, at, length, m, N, CHUNK)
                scores = _dot(some, tl.trans(_rows(b, b_stride, at, length, m, N, CHUNK)), scores)
            bs = _rows(b, b_stride, at, length, n, N, CHUNK)
        else:
            bs = _rows(b, b_stride, at, length, n, N, CHUNK)
            scores = _dot(cs, tl.trans(bs))
        weight = scores * _reach(log, CHUNK) * step[None, :]
        value = _dot(weight.to(xs.dtype), xs, value)
        _store_rows(y + h * P, H * P, at, length, p, P, value, CHUNK)
        weight_of_x = (tl.exp(whole - log) * step)[:, None]
        S = _dot(tl.trans(bs), (xs.to(tl.float32) * weight_of_x).to(xs.dtype), tl.exp(whole) * S)
    if (stop == row_end) & ((start < stop) | (start == begin)):
        _store_state(final, row * H + h, p, n, P, N, tl.trans(S))


@triton.jit
def _states(states, number, p, n, P, N):
    """states[number] (P, N) as it is stored."""
    inside = (p < P)[:, None] & (n < N)[None, :]
    return tl.load(states + number * (P * N) + p[:, None] * N + n[None, :], mask=inside, other=0.0)


@triton.jit
def _gradients(
    x, x_stride, x_head, b, b_stride, c, c_stride, dy, dy_stride, dy_head, step_of, log_of, T,
    dt, dt_stride, dt_bias, a, d, limits, steps, n_rows,
    H, P: tl.constexpr, N: tl.constexpr, before, after, dx, ddt, sums,
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
            bs = _rows(b, b_stride, start, length, n, N, CHUNK)
            cs = _rows(c, c_stride, start, length, n, N, CHUNK)
            scores = _dot(cs, tl.trans(bs), scores)
            from_before = _dot(cs, tl.trans(S), from_before)
            through_state = _dot(bs, tl.trans(dS), through_state)
        kept *= tl.exp(whole)
        xs = _rows(x + h * x_head, x_stride, start, length, p, P, CHUNK)
        dys = _rows(dy + h * dy_head, dy_stride, start, length, p, P, CHUNK)
        from_state = tl.exp(log) * tl.sum(from_before * dys.to(tl.float32), axis=1)
        through_state *= tl.exp(whole - log)[:, None]
        to_state = step * tl.sum(through_state * xs.to(tl.float32), axis=1)
        weight = scores * _reach(log, CHUNK)
        pairs = _dot(dys, tl.trans(xs)) * weight * step[None, :]  # what i got from j, times its gradient
        of_u = _dot(tl.trans(weight.to(dys.dtype)), dys, through_state)
        # The gradient of step[i] * A: all that crosses from before i to i and later, with no difference of sums.
        i, j = tl.arange(0, CHUNK)[:, None], tl.arange(0, CHUNK)[None, :]
        crossing = tl.cumsum(pairs, axis=0, reverse=True) + to_state[None, :]
        dlog = tl.sum(tl.where(j < i, crossing, 0.0), axis=1)
        dlog += tl.cumsum(from_state, axis=0, reverse=True) + kept
        xf, dyf = xs.to(tl.float32), dys.to(tl.float32)
        given = step[:, None] * of_u + tl.load(d + h).to(tl.float32) * dyf
        _store_rows(dx + h * P, H * P, start, length, p, P, given, CHUNK)
        dstep = tl.sum(of_u * xf, axis=1) + tl.load(a + h).to(tl.float32) * dlog
        t = tl.arange(0, CHUNK)
        raw = tl.load(dt + start * dt_stride + h + t * dt_stride, mask=t < length, other=0.0).to(tl.float32)
        draw = tl.where(t < length, dstep * tl.sigmoid(raw + tl.load(dt_bias + h).to(tl.float32)), 0.0)
        tl.store(ddt + start * H + h + t * H, draw.to(ddt.dtype.element_ty), mask=t < length)
        own = sums + (number * H + h) * 3
        tl.store(own, tl.sum(dlog * step, axis=0))
        tl.store(own + 1, tl.sum(tl.sum(xf * dyf, axis=1), axis=0))
        tl.store(own + 2, tl.sum(draw, axis=0))


@triton.jit
def _shared_gradients(
    x, x_stride, x_head, b, b_stride, c, c_stride, dy, dy_stride, dy_head, step_of, log_of, T, limits, steps, n_rows,
    H, P: tl.constexpr, N: tl.constexpr, before, after, db, dc,
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
            xs = _rows(x + h * x_head, x_stride, start, length, p, P, CHUNK)
            dys = _rows(dy + h * dy_head, dy_stride, start, length, p, P, CHUNK)
            scores += _dot(dys, tl.trans(xs)) * _reach(log, CHUNK) * step[None, :]
            share = (dys.to(tl.float32) * tl.exp(log)[:, None]).to(dys.dtype)
            of_c = _dot(share, _states(before, number * H + h, p, n, P, N), of_c)
            share = (xs.to(tl.float32) * (tl.exp(whole - log) * step)[:, None]).to(xs.dtype)
            of_b = _dot(share, _states(after, number * H + h, p, n, P, N), of_b)
        bs = _rows(b, b_stride, start, length, n, N, CHUNK)
        cs = _rows(c, c_stride, start, length, n, N, CHUNK)
        of_b = _dot(tl.trans(scores.to(cs.dtype)), cs, of_b)
        of_c = _dot(scores.to(bs.dtype), bs, of_c)
        _store_rows(db, N, start, length, n, N, of_b, CHUNK)
        _store_rows(dc, N, start, length, n, N, of_c, CHUNK)


class SSD(torch.autograd.Function):
    """kernels.ssd on CUDA. Keeps the inputs, and the states between segments (float32), for the backward."""

    @staticmethod
    def forward(ctx, x, dt, A, B, C, D, dt_bias, cu_seqlens, state):
        ctx.set_materialize_grads(False)
        x, dt, B, C = (unit_stride(value) for value in (x, dt, B, C))
        A, D, dt_bias = (value.contiguous() for value in (A, D, dt_bias))
        state, rows = None if state is None else state.contiguous(), search(cu_seqlens)
        size, sizes = sizes_of(x, B, rows[2])
        T, H, P = x.shape
        step, log = (torch.empty(H, T, device=x.device) for _ in range(2))
        grid = n_tiles(T, rows[2], sizes["CHUNK"]), triton.cdiv(H, HEADS)
        inputs = dt, dt.stride(0), dt_bias, A, *rows, H, T
        launch(_decays, grid, *inputs, step, log, CHUNK=sizes["CHUNK"], HEADS=HEADS)
        read = x, *x.stride()[:2], B, B.stride(0), step, log, T
        carried = _carried(read, rows, size, sizes, state, REVERSE=False) if size < len(x) else None
        y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        N = B.shape[1]
        kind = torch.float32 if state is None else state.dtype
        final = torch.empty(rows[2], H, P, N, dtype=kind, device=x.device)
        part = columns_at_once(x, sizes["BLOCK_N"]) if x.dtype == torch.float32 else sizes["BLOCK_N"]
        sizes = sizes | {"BLOCK_P": columns_at_once(x, sizes["BLOCK_P"]), "PART": part}
        grid = n_tiles(len(x), rows[2], size), H, triton.cdiv(P, sizes["BLOCK_P"])
        inputs = x, *x.stride()[:2], B, B.stride(0), C, C.stride(0), step, log, T, D
        launch(_scan, grid, *inputs, *rows, size, H, P, N, carried, state, y, final, **sizes)
        ctx.save_for_backward(x, dt, A, B, C, D, dt_bias, rows[0], state, carried, step, log)
        ctx.rows = rows[1:]
        return y, final

    @staticmethod
    def backward(ctx, dy, dfinal):
        x, dt, A, B, C, D, dt_bias, limits, state, carried, step, log = ctx.saved_tensors
        rows, (T, H, P), N, device = (limits, *ctx.rows), x.shape, B.shape[1], x.device
        size, sizes = sizes_of(x, B, rows[2])
        dy = x.new_zeros(1, H, P).expand(T, H, P) if dy is None else unit_stride(dy)
        dfinal = None if dfinal is None else dfinal.contiguous()
        read = x, *x.stride()[:2], B, B.stride(0), step, log, T
        before = _walked(read, rows, size, sizes, carried, state, None, REVERSE=False)
        read = dy, *dy.stride()[:2], C, C.stride(0), step, log, T
        carried = _carried(read, rows, size, sizes, dfinal, REVERSE=True) if size < T else None
        dstate = None if state is None else torch.empty_like(state)
        after = _walked(read, rows, size, sizes, carried, dfinal, dstate, REVERSE=True)
        dx, db, dc, ddt = (torch.empty(v.shape, dtype=v.dtype, device=device) for v in (x, B, C, dt))
        chunks = n_tiles(T, rows[2], sizes["CHUNK"])
        sums = torch.zeros(chunks, H, 3, device=device)
        inputs = x, *x.stride()[:2], B, B.stride(0), C, C.stride(0), dy, *dy.stride()[:2], step, log, T
        last = *rows, H, P, N, before, after
        own = dt, dt.stride(0), dt_bias, A, D
        columns = {"BLOCK_N": columns_at_once(x, sizes["BLOCK_N"])}
        launch(_gradients, (chunks, H), *inputs, *own, *last, dx, ddt, sums, **sizes | columns)
        columns = {"BLOCK_N": columns_at_once(x, sizes["BLOCK_N"], SHARED_FLOAT_COLUMNS)}
        grid = chunks, triton.cdiv(N, columns["BLOCK_N"])
        launch(_shared_gradients, grid, *inputs, *last, db, dc, **sizes | columns)
        dA, dD, dbias = sums.sum(0).unbind(1)
        return dx, ddt, dA.to(A.dtype), db, dc, dD.to(D.dtype), dbias.to(dt_bias.dtype), None, dstate


def _empty_states(n: int, H: int, x: Tensor, B: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.empty(n, H, x.shape[2], B.shape[1], dtype=dtype, device=x.device)


def _carried(
    read: tuple, rows: tuple, size: int, sizes: dict, state: Tensor | None, *, REVERSE: bool
) -> Tensor:
    """The state before every segment; in reverse, its gradient after every segment. (segments, H, P, N), float32."""
    x, B = read[0], read[3]
    (_, H, P), N, segments = x.shape, B.shape[1], n_tiles(len(x), rows[2], size)
    ends = _empty_states(segments, H, x, B, torch.float32)
    logs = torch.empty(segments, H, device=x.device)
    outputs = None, None, None, ends, logs, None
    launch(_walk, (segments, H), *read, *rows, size, H, P, N, *outputs, REVERSE=REVERSE, **sizes)
    grid = rows[2], H, triton.cdiv(P * N, 1024)
    launch(_carry, grid, rows[0], size, H, P * N, ends, logs, state, REVERSE=REVERSE, BLOCK=1024)
    return ends


def _walked(
    read: tuple, rows: tuple, size: int, sizes: dict, carried: Tensor | None, state: Tensor | None,
    final: Tensor | None, *, REVERSE: bool,
) -> Tensor:  # fmt: skip
    """The state before every chunk; in reverse, its gradient after every chunk. (chunks, H, P, N) in the dtype of x."""
    x, B = read[0], read[3]
    (T, H, P), N = x.shape, B.shape[1]
    states = _empty_states(n_tiles(T, rows[2], sizes["CHUNK"]), H, x, B, x.dtype)
    outputs = carried, state, states, None, None, final
    grid = n_tiles(T, rows[2], size), H
    launch(_walk, grid, *read, *rows, size, H, P, N, *outputs, REVERSE=REVERSE, **sizes)
    return states


def ssd(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, dt_bias: Tensor, cu_seqlens: Tensor,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """See kernels.ssd."""
    return SSD.apply(x, dt, A, B, C, D, dt_bias, cu_seqlens, state)
