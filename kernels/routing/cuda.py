"""Triton kernels of routing: one pass over q and k each way.

A program takes a tile of positions with all their channels. Position t needs q[t - 1] and k[t], so every vector
is read once. The last programs of a grid take a row each and see to what is carried from row to row.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.packed.cuda import kernel, launch, row_at, row_stride, search, unit_stride
from kernels.routing.reference import EPS

TILE = 4096
"""Numbers of q that a program holds at once."""
MAX_WIDTH = 16384


@triton.jit
def _pairs(q, q_stride, k, k_stride, limits, steps, n_rows, last_q, started, t, T, D, d):
    """What probability t compares, for a block of positions t: (q before it, k at it, row, first of its row, has a q).

    A first position compares with last_q where its row is started; one that has no q before it reads zeros.
    """
    exists = t < T
    row = row_at(limits, steps, n_rows, tl.where(exists, t, 0))
    is_first = tl.load(limits + row) == t
    inside = exists[:, None] & (d < D)[None, :]
    before = q + (t - 1).to(tl.int64)[:, None] * q_stride + d[None, :]
    previous = tl.load(before, mask=inside & (~is_first)[:, None], other=0.0).to(tl.float32)
    has_query = exists & (~is_first)
    if last_q is not None:
        goes_on = exists & is_first & (tl.load(started + row) != 0)
        carried = last_q + row.to(tl.int64)[:, None] * D + d[None, :]
        previous += tl.load(carried, mask=inside & goes_on[:, None], other=0.0).to(tl.float32)
        has_query = has_query | goes_on
    at = k + t.to(tl.int64)[:, None] * k_stride + d[None, :]
    current = tl.load(at, mask=inside, other=0.0).to(tl.float32)
    return previous, current, row, is_first, has_query


@triton.jit
def _length(x, EPS: tl.constexpr):
    return tl.maximum(tl.sqrt(tl.sum(x * x, axis=1)), EPS)


@triton.jit
def _carry(source, source_stride, otherwise, limits, row, destination, d, D):
    """destination[row] = the vector of the row's last position, or otherwise[row] (None: 0) if the row is empty."""
    begin, end = tl.load(limits + row), tl.load(limits + row + 1)
    value = tl.load(source + (end - 1) * source_stride + d, mask=(d < D) & (end > begin), other=0.0)
    value = value.to(destination.dtype.element_ty)
    if otherwise is not None:
        kept = tl.load(otherwise + row.to(tl.int64) * D + d, mask=(d < D) & (end == begin), other=0.0)
        value += kept.to(destination.dtype.element_ty)
    tl.store(destination + row.to(tl.int64) * D + d, value, mask=d < D)


@triton.jit
def _carry_backward(dlast_out, limits, started, row, dq, dlast_q, d, D):
    """dlast_out[row] goes to dq of the row's last position, or to dlast_q of an empty row; dlast_q of a new row: 0."""
    begin, end = tl.load(limits + row), tl.load(limits + row + 1)
    own = row.to(tl.int64) * D + d
    given = tl.load(dlast_out + own, mask=d < D, other=0.0)
    tl.store(dq + (end - 1) * D + d, given.to(dq.dtype.element_ty), mask=(d < D) & (end > begin))
    if dlast_q is not None:
        if end == begin:
            tl.store(dlast_q + own, given.to(dlast_q.dtype.element_ty), mask=d < D)
        elif tl.load(started + row) == 0:
            tl.store(dlast_q + own, (given * 0).to(dlast_q.dtype.element_ty), mask=d < D)


@kernel
def _forward(
    q, q_stride, k, k_stride, limits, steps, n_rows, last_q, started, prob, last_out,
    T, D, tiles,
    ROWS: tl.constexpr, WIDTH: tl.constexpr, EPS: tl.constexpr,
):  # fmt: skip
    """prob at ROWS positions; from program `tiles` on, last_out of a row."""
    d = tl.arange(0, WIDTH)
    if tl.program_id(0) >= tiles:
        _carry(q, q_stride, last_q, limits, tl.program_id(0) - tiles, last_out, d, D)
    else:
        t = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
        previous, current, _row, _is_first, has_query = _pairs(
            q, q_stride, k, k_stride, limits, steps, n_rows, last_q, started, t, T, D, d
        )
        cosine = tl.sum(previous * current, axis=1) / (_length(previous, EPS) * _length(current, EPS))
        p = tl.where(has_query, tl.minimum(tl.maximum((1 - cosine) / 2, 0.0), 1.0), 1.0)
        tl.store(prob + t, p, mask=t < T)


@kernel
def _backward(
    q, q_stride, k, k_stride, limits, steps, n_rows, last_q, started, dprob, dlast_out, dq, dk, dlast_q, T, D, tiles,
    ROWS: tl.constexpr, WIDTH: tl.constexpr, EPS: tl.constexpr,
):  # fmt: skip
    """dk[t] and dq[t - 1] or, at the first position of a started row, dlast_q, for ROWS positions t.

    dq of a row's last position, on which no probability depends, is dlast_out: programs from `tiles` on write it.
    Nothing flows through an active clamp, nor through a length that EPS replaced.
    """
    d = tl.arange(0, WIDTH)
    if tl.program_id(0) >= tiles:
        _carry_backward(dlast_out, limits, started, tl.program_id(0) - tiles, dq, dlast_q, d, D)
    else:
        t = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
        previous, current, row, is_first, has_query = _pairs(
            q, q_stride, k, k_stride, limits, steps, n_rows, last_q, started, t, T, D, d
        )
        q_length, k_length = _length(previous, EPS), _length(current, EPS)
        cosine = tl.sum(previous * current, axis=1) / (q_length * k_length)
        slope = -0.5 * tl.load(dprob + t, mask=t < T, other=0.0).to(tl.float32)
        slope = tl.where(has_query & (cosine >= -1) & (cosine <= 1), slope, 0.0)
        across = (slope / (q_length * k_length))[:, None]
        q_along = tl.where(q_length > EPS, slope * cosine / (q_length * q_length), 0.0)[:, None]
        k_along = tl.where(k_length > EPS, slope * cosine / (k_length * k_length), 0.0)[:, None]
        inside = (t < T)[:, None] & (d < D)[None, :]
        to_k = current * k_along
        to_k = (previous * across - to_k).to(dk.dtype.element_ty)
        tl.store(dk + t.to(tl.int64)[:, None] * D + d[None, :], to_k, mask=inside)
        to_q = current * across - previous * q_along
        before = dq + (t - 1).to(tl.int64)[:, None] * D + d[None, :]
        tl.store(before, to_q.to(dq.dtype.element_ty), mask=inside & (~is_first)[:, None])
        if dlast_q is not None:
            carried = dlast_q + row.to(tl.int64)[:, None] * D + d[None, :]
            goes_on = inside & (is_first & has_query)[:, None]
            tl.store(carried, to_q.to(dlast_q.dtype.element_ty), mask=goes_on)


def _tile(q: Tensor) -> tuple[int, dict]:
    """Tiles of q (T, D), and their sizes."""
    width = triton.next_power_of_2(q.shape[1])
    if width > MAX_WIDTH:
        raise ValueError(f"the routing kernel takes at most {MAX_WIDTH} channels, got {q.shape[1]}")
    rows = max(1, TILE // width)
    sizes = {"ROWS": rows, "WIDTH": width, "EPS": EPS, "num_warps": 4 if width <= TILE else 16}
    return triton.cdiv(len(q), rows), sizes


class Routing(torch.autograd.Function):
    """kernels.routing on CUDA. Keeps q and k alone; the backward recomputes lengths and cosines."""

    @staticmethod
    def forward(ctx, q, k, cu_seqlens, last_q, started):
        q, k = unit_stride(q), unit_stride(k)
        last_q = None if last_q is None else last_q.contiguous()
        (T, D), rows = q.shape, search(cu_seqlens)
        prob = torch.empty(T, device=q.device)
        kind = q.dtype if last_q is None else last_q.dtype
        last_out = torch.empty(rows["n_rows"], D, dtype=kind, device=q.device)
        tiles, sizes = _tile(q)
        ctx.save_for_backward(q, k, cu_seqlens, last_q, started)
        launch(
            _forward, (tiles + rows["n_rows"],), q=q, q_stride=row_stride(q), k=k, k_stride=row_stride(k), **rows,
            last_q=last_q, started=started, prob=prob, last_out=last_out, T=T, D=D, tiles=tiles, **sizes,
        )  # fmt: skip
        return prob, last_out

    @staticmethod
    def backward(ctx, dprob, dlast_out):
        q, k, cu_seqlens, last_q, started = ctx.saved_tensors
        (T, D), rows = q.shape, search(cu_seqlens)
        dq, dk = (torch.empty(q.shape, dtype=q.dtype, device=q.device) for _ in range(2))
        dlast_q = None if last_q is None else torch.empty_like(last_q)
        tiles, sizes = _tile(q)
        launch(
            _backward, (tiles + rows["n_rows"],), q=q, q_stride=row_stride(q), k=k, k_stride=row_stride(k), **rows,
            last_q=last_q, started=started, dprob=dprob.contiguous(), dlast_out=dlast_out.contiguous(),
            dq=dq, dk=dk, dlast_q=dlast_q, T=T, D=D, tiles=tiles, **sizes,
        )  # fmt: skip
        return dq, dk, None, dlast_q, None


def routing(
    q: Tensor, k: Tensor, cu_seqlens: Tensor, last_q: Tensor | None = None, started: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """See kernels.routing."""
    return Routing.apply(q, k, cu_seqlens, last_q, started)
