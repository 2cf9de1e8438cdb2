"""Triton kernels of smoothing: scan, spread, confidence and residual in one pass, and one in reverse.

Rows are cut into segments. One launch sums up every segment on its own, one carries the state from segment to segment,
one writes everything. Where every row is one segment (a generation step), the last launch alone does it.
Inside, TILE positions at a time: position t keeps a[t] of the value before it (1 - p at a boundary, 1 elsewhere), so
what reaches t from j is the product of a over j < l <= t: a matrix of running products, exact where logarithms of small
a would lose digits. Sums are float32.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.arguments import longest_row
from kernels.packed.cuda import kernel, launch, n_tiles, row_stride, search, tile_at, unit_stride
from kernels.smoothing.reference import P_MIN

TILE = 16
"""Positions at a time: the products cost TILE multiplications a number."""
WIDTH = 128
"""Channels of a program."""
SHORT = 16
"""Where there are fewer positions than this for each row, a segment is a whole row."""
SIZES = {"TILE": TILE, "WIDTH": WIDTH, "P_MIN": P_MIN, "num_warps": 8}


@triton.jit
def _weights(prob, is_boundary, t, exists, P_MIN: tl.constexpr):
    """Of positions t: (whether a chunk begins there, its weight p or 0, what is kept of the value before it)."""
    begins = tl.load(is_boundary + t, mask=exists, other=0) != 0
    p = tl.load(prob + t, mask=exists, other=0.0).to(tl.float32)
    p = tl.where(begins, tl.minimum(tl.maximum(p, P_MIN), 1 - P_MIN), 0.0)
    return begins, p, 1 - p


@triton.jit
def _reach(kept, TILE: tl.constexpr):
    """(TILE, TILE): the product of kept[l] over j < l <= t, at [t, j]; 0 above the diagonal."""
    later, earlier = tl.arange(0, TILE)[:, None], tl.arange(0, TILE)[None, :]
    products = tl.cumprod(tl.where(later > earlier, kept[:, None], 1.0), axis=0)
    return tl.where(later >= earlier, products, 0.0)


@triton.jit
def _gather(x, stride, t, d, D, chosen):
    """x[t] in the channels d where chosen, else 0, as float32."""
    inside = chosen[:, None] & (d < D)[None, :]
    return tl.load(x + t.to(tl.int64)[:, None] * stride + d[None, :], mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _scatter(x, stride, t, d, D, chosen, value):
    """x[t] = value in the channels d where chosen."""
    inside = chosen[:, None] & (d < D)[None, :]
    tl.store(x + t.to(tl.int64)[:, None] * stride + d[None, :], value.to(x.dtype.element_ty), mask=inside)


@triton.jit
def _vector(x, row, d, D):
    """x[row] (row int64) in the channels d, as float32; None: 0."""
    value = tl.zeros(d.shape, tl.float32)
    if x is not None:
        value += tl.load(x + row * D + d, mask=d < D, other=0.0).to(tl.float32)
    return value


@kernel
def _ends(
    chunks, chunk_stride, prob, is_boundary, begun, limits, steps, n_rows, size, D, ends, kept,
    TILE: tl.constexpr, WIDTH: tl.constexpr, P_MIN: tl.constexpr,
):  # fmt: skip
    """The scan over one segment from 0: its value at the end, and what is kept of the value before the segment."""
    number, d = tl.program_id(0).to(tl.int64), tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    _row, _begin, row_end, start = tile_at(limits, steps, n_rows, size, number)
    stop = tl.minimum(start + size, row_end)
    z, left = tl.zeros((WIDTH,), tl.float32), 1.0
    for i in range(0, tl.cdiv(stop - start, TILE)):
        t = start + i * TILE + tl.arange(0, TILE)
        begins, p, a = _weights(prob, is_boundary, t, t < stop, P_MIN)
        _begins, _p, next_a = _weights(
            prob, is_boundary, t + 1, (t + 1 < stop) & (tl.arange(0, TILE) < TILE - 1), P_MIN
        )
        share = p * tl.cumprod(next_a, axis=0, reverse=True)
        chunk = tl.load(begun + t, mask=t < stop, other=1) - 1
        whole = tl.reduce(a, 0, _times)
        z = whole * z + tl.sum(share[:, None] * _gather(chunks, chunk_stride, chunk, d, D, begins), axis=0)
        left *= whole
    tl.store(ends + number * D + d, z, mask=d < D)
    if tl.program_id(1) == 0:
        tl.store(kept + number, left)


@triton.jit
def _times(a, b):
    return a * b


@kernel
def _carry(limits, size, D, ends, kept, state, WIDTH: tl.constexpr):
    """ends: from the value at the end of each segment, counted from 0, to the right value before the segment."""
    row, d = tl.program_id(0).to(tl.int64), tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    begin, end = tl.load(limits + row), tl.load(limits + row + 1)
    first = begin // size + row
    z = _vector(state, row, d, D)
    for number in range(first, first + tl.cdiv(end - begin, size)):
        here = ends + number * D + d
        value = tl.load(here, mask=d < D, other=0.0)
        tl.store(here, z, mask=d < D)
        z = value + tl.load(kept + number) * z


@kernel
def _spread(
    chunks, chunk_stride, prob, is_boundary, begun, limits, steps, n_rows, size, D, carried, state,
    residual, residual_stride, out, after, final, TILE: tl.constexpr, WIDTH: tl.constexpr, P_MIN: tl.constexpr,
):  # fmt: skip
    """out at every position of a segment, `after` at its chunks, final at the end of the row.

    carried   the value before each segment; None: a segment is a row and begins with its state
    """
    number, d = tl.program_id(0).to(tl.int64), tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    row, begin, row_end, start = tile_at(limits, steps, n_rows, size, number)
    stop = tl.minimum(start + size, row_end)
    z = _vector(state, row, d, D)
    if carried is not None:  # noqa: SIM102 - decided when compiled
        if (start > begin) & (start < row_end):
            z = _vector(carried, number, d, D)
    for i in range(0, tl.cdiv(stop - start, TILE)):
        t = start + i * TILE + tl.arange(0, TILE)
        begins, p, a = _weights(prob, is_boundary, t, t < stop, P_MIN)
        chunk = tl.load(begun + t, mask=t < stop, other=1) - 1
        new = _gather(chunks, chunk_stride, chunk, d, D, begins)
        values = tl.dot(_reach(a, TILE) * p[None, :], new, input_precision="ieee")
        values += tl.cumprod(a, axis=0)[:, None] * z[None, :]
        z = tl.sum(tl.where(tl.arange(0, TILE)[:, None] == TILE - 1, values, 0.0), axis=0)
        if after is not None:
            _scatter(after, D, chunk, d, D, begins, values)
        if residual is not None:
            values += _gather(residual, residual_stride, t, d, D, t < stop)
        _scatter(out, D, t, d, D, t < stop, values)
    if (stop == row_end) & ((start < stop) | (start == begin)):
        tl.store(final + row * D + d, z.to(final.dtype.element_ty), mask=d < D)


@kernel
def _ends_backward(
    dout, dout_stride, prob, is_boundary, limits, steps, n_rows, size, D, ends, kept,
    TILE: tl.constexpr, WIDTH: tl.constexpr, P_MIN: tl.constexpr,
):  # fmt: skip
    """The scan in reverse over one segment from 0: the gradient of the value before it, and what is kept across it."""
    number, d = tl.program_id(0).to(tl.int64), tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    _row, _begin, row_end, start = tile_at(limits, steps, n_rows, size, number)
    stop = tl.minimum(start + size, row_end)
    dz, left = tl.zeros((WIDTH,), tl.float32), 1.0
    for i in range(0, tl.cdiv(stop - start, TILE)):
        t = start + i * TILE + tl.arange(0, TILE)
        _begins, _p, a = _weights(prob, is_boundary, t, t < stop, P_MIN)
        share = left * tl.cumprod(a, axis=0)
        dz += tl.sum(share[:, None] * _gather(dout, dout_stride, t, d, D, t < stop), axis=0)
        left *= tl.reduce(a, 0, _times)
    tl.store(ends + number * D + d, dz, mask=d < D)
    if tl.program_id(1) == 0:
        tl.store(kept + number, left)


@kernel
def _carry_backward(limits, size, D, ends, kept, dfinal, WIDTH: tl.constexpr):
    """ends: from the gradient before each segment, counted from 0, to the right gradient after the segment."""
    row, d = tl.program_id(0).to(tl.int64), tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    begin, end = tl.load(limits + row), tl.load(limits + row + 1)
    first = begin // size + row
    dz = _vector(dfinal, row, d, D)
    segments = tl.cdiv(end - begin, size)
    for i in range(0, segments):
        number = first + segments - 1 - i
        here = ends + number * D + d
        value = tl.load(here, mask=d < D, other=0.0)
        tl.store(here, dz, mask=d < D)
        dz = value + tl.load(kept + number) * dz


@triton.jit
def _at_count(after, state, row, count, none_before, d, D, exists):
    """The value when `count` chunks have begun: that after the last, or the row's state if none is the row's."""
    value = _gather(after, D, count - 1, d, D, exists & (count > none_before))
    if state is not None:
        before = _vector(state, row, d, D)
        value += tl.where((exists & (count <= none_before))[:, None], before[None, :], 0.0)
    return value


@kernel
def _spread_backward(
    chunks, chunk_stride, prob, is_boundary, begun, limits, steps, n_rows, size, D, T, carried, state, after, dfinal,
    dout, dout_stride, dchunks, dprob, dconfidence, dstate,
    TILE: tl.constexpr, WIDTH: tl.constexpr, P_MIN: tl.constexpr,
):  # fmt: skip
    """dchunks, dstate, and these channels' part of dprob and dconfidence, (blocks of channels, T), in one segment."""
    number, block = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    d = block * WIDTH + tl.arange(0, WIDTH)
    row, begin, row_end, start = tile_at(limits, steps, n_rows, size, number)
    stop = tl.minimum(start + size, row_end)
    dz = _vector(dfinal, row, d, D)
    if carried is not None:  # noqa: SIM102 - decided when compiled
        if stop < row_end:
            dz = _vector(carried, number, d, D)
    none_before = tl.load(begun + begin - 1, mask=begin > 0, other=0)  # chunks of the rows before
    tiles, inside = tl.cdiv(stop - start, TILE), tl.arange(0, TILE)
    for i in range(0, tiles):
        t = start + (tiles - 1 - i) * TILE + inside
        begins, p, a = _weights(prob, is_boundary, t, t < stop, P_MIN)
        count, reach = tl.load(begun + t, mask=t < stop, other=0), _reach(a, TILE)
        given = _gather(dout, dout_stride, t, d, D, t < stop)
        to_end = tl.sum(tl.where(inside[:, None] == TILE - 1, reach, 0.0), axis=0)
        dvalues = tl.dot(tl.trans(reach), given, input_precision="ieee") + to_end[:, None] * dz[None, :]
        dz = tl.sum(tl.where(inside[:, None] == 0, a[:, None] * dvalues, 0.0), axis=0)
        if dconfidence is not None:
            value = _at_count(after, state, row, count, none_before, d, D, t < stop)
            tl.store(dconfidence + block * T + t, tl.sum(given * value, axis=1), mask=t < stop)
        new = _gather(chunks, chunk_stride, count - 1, d, D, begins)
        old = _at_count(after, state, row, count - 1, none_before, d, D, begins)
        along = tl.sum(dvalues * (new - old), axis=1)
        unclamped = tl.load(prob + t, mask=t < stop, other=0.0).to(tl.float32)
        slope = tl.where(begins & (unclamped >= P_MIN) & (unclamped <= 1 - P_MIN), along, 0.0)
        tl.store(dprob + block * T + t, slope, mask=t < stop)
        _scatter(dchunks, D, count - 1, d, D, begins, p[:, None] * dvalues)
    if dstate is not None:  # noqa: SIM102 - decided when compiled
        if start == begin:
            tl.store(dstate + row * D + d, dz.to(dstate.dtype.element_ty), mask=d < D)


def _segment(n_positions: int, n_rows: int) -> int:
    """Positions of a segment: as many as there are segments in a row of all positions, so that neither scan is long."""
    if n_positions < SHORT * n_rows:
        return max(n_positions, 1)
    return min(1024, max(32, triton.next_power_of_2(int(n_positions**0.5)) // 2))


class Smoothing(torch.autograd.Function):
    """kernels.smoothing on CUDA. Keeps the value after each chunk (M, D), float32, for the backward."""

    @staticmethod
    def forward(ctx, chunks, prob, is_boundary, cu_seqlens, confidence, residual, state):
        ctx.set_materialize_grads(False)
        chunks, residual, prob = unit_stride(chunks), unit_stride(residual), prob.contiguous()
        is_boundary, state = is_boundary.contiguous(), None if state is None else state.contiguous()
        begun = is_boundary.cumsum(0, dtype=torch.int32)
        rows, (n_chunks, width), n_positions = search(cu_seqlens), chunks.shape, len(prob)
        size, longest = _segment(n_positions, rows["n_rows"]), longest_row(cu_seqlens, n_positions)
        grid = n_tiles(n_positions, rows["n_rows"], size), triton.cdiv(width, WIDTH)
        given = {
            "chunks": chunks,
            "chunk_stride": row_stride(chunks),
            "prob": prob,
            "is_boundary": is_boundary,
        }
        given |= {"begun": begun, **rows, "size": size, "D": width, **SIZES}
        carried = None
        if size < longest:
            carried, kept = _segments(grid[0], width, chunks.device)
            launch(_ends, grid, **given, ends=carried, kept=kept)
            segments = {"limits": rows["limits"], "size": size, "D": width, "ends": carried, "kept": kept}
            launch(_carry, (rows["n_rows"], grid[1]), **segments, state=state, WIDTH=WIDTH, num_warps=1)
        out = torch.empty(n_positions, width, dtype=chunks.dtype, device=chunks.device)
        after = torch.empty(n_chunks, width, device=chunks.device) if any(ctx.needs_input_grad) else None
        kind = torch.float32 if state is None else state.dtype
        final = torch.empty(rows["n_rows"], width, dtype=kind, device=chunks.device)
        launch(
            _spread, grid, **given, carried=carried, state=state, residual=residual,
            residual_stride=row_stride(residual), out=out, after=after, final=final,
        )  # fmt: skip
        ctx.save_for_backward(chunks, prob, is_boundary, begun, cu_seqlens, state, after)
        ctx.grid, ctx.size, ctx.in_segments = grid, size, carried is not None
        ctx.confidence, ctx.residual = (None if x is None else x.dtype for x in (confidence, residual))
        return out, final

    @staticmethod
    def backward(ctx, dout, dfinal):
        chunks, prob, is_boundary, begun, cu_seqlens, state, after = ctx.saved_tensors
        (n_chunks, width), n_positions, device = chunks.shape, len(prob), chunks.device
        rows, size, grid = search(cu_seqlens), ctx.size, ctx.grid
        dout = chunks.new_zeros(1, width).expand(n_positions, width) if dout is None else unit_stride(dout)
        dfinal = None if dfinal is None else dfinal.contiguous()
        given = {"prob": prob, "is_boundary": is_boundary, **rows, "size": size, "D": width, **SIZES}
        given |= {"dout": dout, "dout_stride": row_stride(dout)}
        carried = None
        if ctx.in_segments:
            carried, kept = _segments(grid[0], width, device)
            launch(_ends_backward, grid, **given, ends=carried, kept=kept)
            segments = {"limits": rows["limits"], "size": size, "D": width, "ends": carried, "kept": kept}
            rows_grid = rows["n_rows"], grid[1]
            launch(_carry_backward, rows_grid, **segments, dfinal=dfinal, WIDTH=WIDTH, num_warps=1)
        dchunks = torch.empty(n_chunks, width, dtype=chunks.dtype, device=device)
        dprob = torch.empty(grid[1], n_positions, device=device)
        dconfidence = None if ctx.confidence is None else torch.empty_like(dprob)
        dstate = None if state is None else torch.empty_like(state)
        launch(
            _spread_backward, grid, **given, chunks=chunks, chunk_stride=row_stride(chunks), begun=begun,
            T=n_positions, carried=carried, state=state, after=after, dfinal=dfinal,
            dchunks=dchunks, dprob=dprob, dconfidence=dconfidence, dstate=dstate,
        )  # fmt: skip
        dconfidence = None if dconfidence is None else dconfidence.sum(0).to(ctx.confidence)
        dresidual = None if ctx.residual is None else dout.to(ctx.residual)
        return dchunks, dprob.sum(0).to(prob.dtype), None, None, dconfidence, dresidual, dstate


def _segments(n: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Room for a value of each of n segments (n, width), and for what a segment keeps of what came before it (n,)."""
    return torch.empty(n, width, device=device), torch.empty(n, device=device)


def smoothing(
    chunks: Tensor,
    prob: Tensor,
    is_boundary: Tensor,
    cu_seqlens: Tensor,
    *,
    confidence: Tensor | None = None,
    residual: Tensor | None = None,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """See kernels.smoothing."""
    return Smoothing.apply(chunks, prob, is_boundary, cu_seqlens, confidence, residual, state)
