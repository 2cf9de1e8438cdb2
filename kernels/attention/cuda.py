"""Triton kernels of attention: all rows in one launch, with or without a window; the scores are never written.

A program takes a tile of queries of one row and head and walks the keys that they see (Dao 2023, FlashAttention-2);
backward, one kernel does so for dq and one takes a tile of keys and walks the queries that see them. Sums are float32,
and each number has one writer. q and k are rotated by a launch before, their gradients back by one after, in float32.
"""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.attention import reference
from kernels.packed.cuda import dot, kernel, launch, load_rows, n_tiles, narrowed, search, store_rows, tile_at

POSITIONS = 64
"""Positions of a program that rotates."""
MAX_WIDTH = 256
"""Channels of a head; wider ones are left to torch."""
LOG2_E = tl.constexpr(math.log2(math.e))


@kernel
def _rotate(
    x, x_stride, x_part, x_head, cos, sin, out, out_stride, out_part, out_head, T, H: tl.constexpr, HALF: tl.constexpr,
    D: tl.constexpr, BACK: tl.constexpr, POSITIONS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = x (T, 2, H, D) rotated, or rotated back: one head of q or k. out may be x."""
    start, part, h = tl.program_id(0).to(tl.int64) * POSITIONS, tl.program_id(1) // H, tl.program_id(1) % H
    length = tl.minimum(T - start, POSITIONS).to(tl.int32)
    x += part * x_part + h * x_head
    out += part * out_part + h * out_head
    d = tl.arange(0, BLOCK)
    c = load_rows(cos, HALF, start, length, d, HALF, POSITIONS)
    s = load_rows(sin, HALF, start, length, d, HALF, POSITIONS)
    if BACK:
        s = -s
    a = load_rows(x, x_stride, start, length, d, HALF, POSITIONS).to(tl.float32)
    b = load_rows(x + HALF, x_stride, start, length, d, HALF, POSITIONS).to(tl.float32)
    store_rows(out, out_stride, start, length, d, HALF, a * c - b * s, POSITIONS)
    store_rows(out + HALF, out_stride, start, length, d, HALF, a * s + b * c, POSITIONS)
    for rest in tl.static_range(2 * HALF, D, BLOCK):
        value = load_rows(x + rest, x_stride, start, length, d, D - rest, POSITIONS)
        store_rows(out + rest, out_stride, start, length, d, D - rest, value, POSITIONS)


@triton.jit
def _scores(one, other, ahead, n, factor, WINDOW: tl.constexpr, OF_KEYS: tl.constexpr):
    """factor * one . other, -inf where a query does not see a key; `one` are queries, with OF_KEYS keys.

    ahead   how far the first query lies ahead of the first key      n   keys, or with OF_KEYS queries, that exist
    """
    scores = dot(one, tl.trans(other)) * factor
    i, j = tl.arange(0, one.shape[0])[:, None], tl.arange(0, other.shape[0])[None, :]
    distance = (ahead + j - i) if OF_KEYS else (ahead + i - j)
    sees = (distance >= 0) & (j < n)
    if WINDOW >= 0:
        sees = sees & (distance <= WINDOW)
    return tl.where(sees, scores, float("-inf"))


@kernel
def _attend(
    q, q_stride, q_head, k, k_stride, k_head, v, v_stride, v_head, limits, steps, n_rows, T, H, factor, out, total,
    D: tl.constexpr, WINDOW: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out (T, H, D) of a tile of queries; total (H, T): the logarithm, to base 2, of the sum of their exponentials."""
    number, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    _row, begin, row_end, start = tile_at(limits, steps, n_rows, QUERIES, number)
    length, d = tl.minimum(row_end - start, QUERIES).to(tl.int32), tl.arange(0, BLOCK)
    if length > 0:
        first = tl.maximum(begin, start - WINDOW) if WINDOW >= 0 else begin
        qs = load_rows(q + h * q_head, q_stride, start, length, d, D, QUERIES)
        top = tl.full((QUERIES,), float("-inf"), tl.float32)
        sums = tl.zeros((QUERIES,), tl.float32)
        values = tl.zeros((QUERIES, BLOCK), tl.float32)
        for i in range(0, tl.cdiv(start + length - first, KEYS)):
            at = first + i * KEYS
            n = tl.minimum(start + length - at, KEYS).to(tl.int32)
            ks = load_rows(k + h * k_head, k_stride, at, n, d, D, KEYS)
            scores = _scores(qs, ks, (start - at).to(tl.int32), n, factor, WINDOW, False)
            higher = tl.maximum(top, tl.max(scores, axis=1))
            # A query far behind the first of a tile sees no key of its first window.
            base = tl.where(higher == float("-inf"), 0.0, higher)
            weight, kept = tl.exp2(scores - base[:, None]), tl.exp2(top - base)
            sums = sums * kept + tl.sum(weight, axis=1)
            vs = load_rows(v + h * v_head, v_stride, at, n, d, D, KEYS)
            values = dot(narrowed(weight, vs.dtype), vs, values * kept[:, None])
            top = higher
        sums = tl.where(sums > 0, sums, 1.0)  # of a query beyond the row
        store_rows(out + h * D, H * D, start, length, d, D, values / sums[:, None], QUERIES)
        t = tl.arange(0, QUERIES)
        at = total + (start * 0 + T) * h + start
        tl.store(at + t, top + tl.log2(sums), mask=t < length)


@triton.jit
def _numbers(x, T, h, start, length, N: tl.constexpr):
    """x[h, start : start + N] of x (H, T), 0 from `length` on."""
    t = tl.arange(0, N)
    return tl.load(x + (start * 0 + T) * h + start + t, mask=t < length, other=0.0)


@kernel
def _query_gradients(
    q, q_stride, q_head, k, k_stride, k_head, v, v_stride, v_head, limits, steps, n_rows, T, H, factor, out, total,
    dout, dout_stride, dout_head, dq, dq_stride, dq_head, along,
    D: tl.constexpr, WINDOW: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """dq of a tile of queries, and along (H, T): <dout, out> of each."""
    number, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    _row, begin, row_end, start = tile_at(limits, steps, n_rows, QUERIES, number)
    length, d = tl.minimum(row_end - start, QUERIES).to(tl.int32), tl.arange(0, BLOCK)
    if length > 0:
        first = tl.maximum(begin, start - WINDOW) if WINDOW >= 0 else begin
        qs = load_rows(q + h * q_head, q_stride, start, length, d, D, QUERIES)
        given = load_rows(dout + h * dout_head, dout_stride, start, length, d, D, QUERIES)
        outs = load_rows(out + h * D, H * D, start, length, d, D, QUERIES)
        both = tl.sum(given.to(tl.float32) * outs.to(tl.float32), axis=1)
        t = tl.arange(0, QUERIES)
        tl.store(along + (start * 0 + T) * h + start + t, both, mask=t < length)
        whole = _numbers(total, T, h, start, length, QUERIES)
        dqs = tl.zeros((QUERIES, BLOCK), tl.float32)
        for i in range(0, tl.cdiv(start + length - first, KEYS)):
            at = first + i * KEYS
            n = tl.minimum(start + length - at, KEYS).to(tl.int32)
            ks = load_rows(k + h * k_head, k_stride, at, n, d, D, KEYS)
            scores = _scores(qs, ks, (start - at).to(tl.int32), n, factor, WINDOW, False)
            weight = tl.exp2(scores - whole[:, None])
            vs = load_rows(v + h * v_head, v_stride, at, n, d, D, KEYS)
            dscores = weight * (dot(given, tl.trans(vs)) - both[:, None])
            dqs = dot(narrowed(dscores, ks.dtype), ks, dqs)
        store_rows(dq + h * dq_head, dq_stride, start, length, d, D, dqs * (factor / LOG2_E), QUERIES)


@kernel
def _key_gradients(
    q, q_stride, q_head, k, k_stride, k_head, v, v_stride, v_head, limits, steps, n_rows, T, factor, total,
    dout, dout_stride, dout_head, dk, dk_stride, dk_head, dv, dv_stride, dv_head, along,
    D: tl.constexpr, WINDOW: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """dk and dv of a tile of keys; `along` from _query_gradients."""
    number, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    _row, _begin, row_end, start = tile_at(limits, steps, n_rows, KEYS, number)
    length, d = tl.minimum(row_end - start, KEYS).to(tl.int32), tl.arange(0, BLOCK)
    if length > 0:
        stop = tl.minimum(row_end, start + length + WINDOW) if WINDOW >= 0 else row_end
        ks = load_rows(k + h * k_head, k_stride, start, length, d, D, KEYS)
        vs = load_rows(v + h * v_head, v_stride, start, length, d, D, KEYS)
        dks = tl.zeros((KEYS, BLOCK), tl.float32)
        dvs = tl.zeros((KEYS, BLOCK), tl.float32)
        for i in range(0, tl.cdiv(stop - start, QUERIES)):
            at = start + i * QUERIES
            n = tl.minimum(stop - at, QUERIES).to(tl.int32)
            qs = load_rows(q + h * q_head, q_stride, at, n, d, D, QUERIES)
            given = load_rows(dout + h * dout_head, dout_stride, at, n, d, D, QUERIES)
            scores = _scores(ks, qs, (at - start).to(tl.int32), n, factor, WINDOW, True)
            weight = tl.exp2(scores - _numbers(total, T, h, at, n, QUERIES)[None, :])
            dvs = dot(narrowed(weight, given.dtype), given, dvs)
            both = _numbers(along, T, h, at, n, QUERIES)
            dscores = weight * (dot(vs, tl.trans(given)) - both[None, :])
            dks = dot(narrowed(dscores, qs.dtype), qs, dks)
        store_rows(dk + h * dk_head, dk_stride, start, length, d, D, dks * (factor / LOG2_E), KEYS)
        store_rows(dv + h * dv_head, dv_stride, start, length, d, D, dvs, KEYS)


class Attention(torch.autograd.Function):
    """kernels.attention on CUDA. Keeps qkv, the rotated q and k, the output, and one number a position and head."""

    @staticmethod
    def forward(ctx, qkv, cos, sin, cu_seqlens, window):
        qkv = qkv if qkv.stride(-1) == 1 else qkv.contiguous()
        T, _, H, D = qkv.shape
        qk = qkv[:, :2]
        if cos is not None:
            qk = torch.empty(qk.shape, dtype=qkv.dtype, device=qkv.device)
            _rotated(qkv[:, :2], cos, sin, qk, back=False)
        out = torch.empty(T, H, D, dtype=qkv.dtype, device=qkv.device)
        total = torch.empty(H, T, device=qkv.device)
        given, grid = _given(qk, qkv, cu_seqlens, window)
        launch(_attend, grid("QUERIES"), **given, H=H, out=out, total=total)
        ctx.save_for_backward(qkv, qk, cos, sin, cu_seqlens, out, total)
        ctx.window = window
        return out

    @staticmethod
    def backward(ctx, dout):
        qkv, qk, cos, sin, cu_seqlens, out, total = ctx.saved_tensors
        dout = dout if dout.stride(-1) == 1 else dout.contiguous()
        dqkv = torch.empty(qkv.shape, dtype=qkv.dtype, device=qkv.device)
        along = torch.empty_like(total)
        given, grid = _given(qk, qkv, cu_seqlens, ctx.window)
        given |= {"total": total, "along": along, **_laid("dout", dout)}
        H = out.shape[1]
        launch(_query_gradients, grid("QUERIES"), **given, H=H, out=out, **_laid("dq", dqkv[:, 0]))
        launch(_key_gradients, grid("KEYS"), **given, **_laid("dk", dqkv[:, 1]), **_laid("dv", dqkv[:, 2]))
        if cos is not None:
            _rotated(dqkv[:, :2], cos, sin, dqkv[:, :2], back=True)
        return dqkv, None, None, None, None


def _laid(name: str, x: Tensor) -> dict:
    """x (T, H, D) and its strides, by the names that kernels give them."""
    return {name: x, f"{name}_stride": x.stride(0), f"{name}_head": x.stride(1)}


def _given(qk: Tensor, qkv: Tensor, cu_seqlens: Tensor, window: int):
    """What all kernels read, and the grid for tiles of QUERIES or KEYS."""
    T, _, H, D = qkv.shape
    sizes = _sizes(qkv.dtype, max(16, triton.next_power_of_2(D)))
    rows = search(cu_seqlens)
    given = _laid("q", qk[:, 0]) | _laid("k", qk[:, 1]) | _laid("v", qkv[:, 2]) | rows | sizes
    given |= {"T": T, "factor": LOG2_E.value / math.sqrt(D), "D": D, "WINDOW": max(window, -1)}
    return given, lambda which: (n_tiles(T, rows["n_rows"], sizes[which]), H)


def _sizes(dtype: torch.dtype, block: int) -> dict:
    """What a program multiplies at once, heads being `block` channels wide: as much as registers hold without spilling.

    Float32, whose factors are three parts each, takes less, and loads nothing ahead of its products; with 256 channels
    it spills even so, by 64 bytes at most.
    """
    if dtype == torch.float32:
        side = 32 if block <= 64 else 16
        tiles = {"QUERIES": side, "KEYS": side, "num_warps": 4 if block <= 128 else 8, "num_stages": 1}
    elif block <= 128:
        tiles = {"QUERIES": 64, "KEYS": 32, "num_warps": 4, "num_stages": 3}
    else:
        tiles = {"QUERIES": 32, "KEYS": 16, "num_warps": 4, "num_stages": 2}
    return tiles | {"BLOCK": block}


def _rotated(x: Tensor, cos: Tensor, sin: Tensor, out: Tensor, *, back: bool) -> None:
    """out = x (T, 2, H, D), rotated by the angles or back."""
    (T, _, H, D), half = x.shape, cos.shape[1]
    launch(
        _rotate, (triton.cdiv(T, POSITIONS), 2 * H), x=x, x_stride=x.stride(0), x_part=x.stride(1), x_head=x.stride(2),
        cos=cos, sin=sin, out=out, out_stride=out.stride(0), out_part=out.stride(1), out_head=out.stride(2), T=T, H=H,
        HALF=half, D=D, BACK=back, POSITIONS=POSITIONS, BLOCK=max(2, triton.next_power_of_2(half)), num_warps=4,
    )  # fmt: skip


def attention(
    qkv: Tensor, cu_seqlens: Tensor, rotary: tuple[Tensor, Tensor] | None = None, window: int = -1
) -> Tensor:
    """See kernels.attention."""
    if qkv.shape[-1] > MAX_WIDTH:
        return reference.attention(qkv, cu_seqlens, rotary, window)
    cos, sin = (None, None) if rotary is None else (angles.float().contiguous() for angles in rotary)
    return Attention.apply(qkv, cos, sin, cu_seqlens, window)
