"""SSD on the CPU: four walks along time, all the same loop, with the state in registers and L1.

With u = step x and a = exp(step A), the forward is S[t] = a[t] S[t-1] + u[t] B[t]', y[t] = S[t] C[t], and the
backward is the same recurrence from the end, G[t] = a[t+1] G[t+1] + dy[t] C[t]', G being the gradient of S. Hence all
four are M = decay M + w v', out = r' M, where the entries of v and out lie in the lanes of a vector and those of w
and r are spread over them, so that no sum runs across lanes:

    forwards    y:  v = u, w = B, r = C        dC: v = B, w = u, r = dy        M is S
    backwards   du: v = dy, w = C, r = B       dB: v = C, w = dy, r = u        M is G

The gradient of the log decay, F[t] = a[t] <G[t], S[t-1]>, needs no walk of its own: per head it obeys
F[t] = F[t+1] + <dC[t], C[t]> - <dB[t], B[t]>; it is tied to <G, S> between blocks, so that rounding does not add up.

A walk takes a block of STEPS positions at a time. Within it M is kept divided by the decay since the block's first
position, which costs only a scaling of v and out. The forward keeps S before every TILE positions for the backward.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numba import njit
from torch import Tensor
from torch.autograd.function import once_differentiable

from kernels.ssd.lanes import (
    load,
    multiply,
    multiply_add,
    spread,
    spread_from,
    store,
    total,
    width_of,
    zeros,
)

STEPS = 4
"""Positions of a block; `_block` is written out for four."""
TILE = 64
"""Positions after which a walk turns to the next head: what they read and the states between blocks fit L2."""
SMALLEST_DECAY = np.float32(1e-12)
"""A block that forgets more than this is taken position by position: dividing by its decay would overflow."""
WORTH_A_THREAD = 1 << 22
"""Multiplications below which a second thread costs more than it brings."""

_compiled = njit(nogil=True, fastmath=True, cache=True, error_model="numpy")


class Track(NamedTuple):
    """The rows of a (T, ...) tensor inside its flat memory: position t begins at flat[start + t * stride]."""

    flat: np.ndarray
    start: int
    stride: int


@_compiled
def _row(track, t):
    return track.start + t * track.stride


@_compiled
def _moved(track, offset):
    return Track(track.flat, track.start + offset, track.stride)


@_compiled
def _block(zero, states, source, target, rows, decay, v, w, w_at, r, r_at):
    """Four positions: for each, M += w v' and out = r' M. M (rows, width) is read at states[source] and decays first."""
    v0, v1, v2, v3 = v
    w0, w1, w2, w3 = w_at
    r0, r1, r2, r3 = r_at
    out0 = out1 = out2 = out3 = zero
    decays = spread(zero, decay)
    for i in range(rows):
        m = multiply(load(zero, states, source + i * width_of(zero)), decays)
        m = multiply_add(v0, spread_from(zero, w, w0 + i), m)
        out0 = multiply_add(m, spread_from(zero, r, r0 + i), out0)
        m = multiply_add(v1, spread_from(zero, w, w1 + i), m)
        out1 = multiply_add(m, spread_from(zero, r, r1 + i), out1)
        m = multiply_add(v2, spread_from(zero, w, w2 + i), m)
        out2 = multiply_add(m, spread_from(zero, r, r2 + i), out2)
        m = multiply_add(v3, spread_from(zero, w, w3 + i), m)
        out3 = multiply_add(m, spread_from(zero, r, r3 + i), out3)
        store(states, target + i * width_of(zero), m)
    return out0, out1, out2, out3


@_compiled
def _cut(decay, start, stop, cuts):
    """Cut positions start..stop into blocks cuts[b]..cuts[b + 1]; returns their number."""
    blocks, t = 0, start
    while t < stop:
        cuts[blocks] = t
        blocks += 1
        kept = np.float32(1)
        for later in range(t + 1, min(t + STEPS, stop)):
            kept *= decay[later]
        t = min(t + STEPS, stop) if kept >= SMALLEST_DECAY else t + 1
    cuts[blocks] = stop
    return blocks


@_compiled
def _positions(first, count, backwards, decay):
    """A block's positions in the order of the walk, M's decay from the first of them to each, and its inverse.

    A block of fewer than four repeats its last position, with an inverse of 0.
    """
    move = -1 if backwards else 1
    t0 = first + count - 1 if backwards else first
    t1, t2, t3 = t0 + move * min(1, count - 1), t0 + move * min(2, count - 1), t0 + move * (count - 1)
    one = np.float32(1)
    scale1 = decay[max(t0, t1)] if count > 1 else one
    scale2 = scale1 * decay[max(t1, t2)] if count > 2 else scale1
    scale3 = scale2 * decay[max(t2, t3)] if count > 3 else scale2
    inverse = (
        one,
        np.float32(count > 1) / scale1,
        np.float32(count > 2) / scale2,
        np.float32(count > 3) / scale3,
    )
    return (t0, t1, t2, t3), (one, scale1, scale2, scale3), inverse


@_compiled
def _with_gain(values, gain, at):
    return values[0] * gain[at[0]], values[1] * gain[at[1]], values[2] * gain[at[2]], values[3] * gain[at[3]]


@_compiled
def _walk_block(zero, states, source, target, rows, at, pending, before, v, w, r):
    """Read what `_block` needs at the positions `at`; `before` multiplies v."""
    vectors = (
        multiply(load(zero, v.flat, _row(v, at[0])), spread(zero, before[0])),
        multiply(load(zero, v.flat, _row(v, at[1])), spread(zero, before[1])),
        multiply(load(zero, v.flat, _row(v, at[2])), spread(zero, before[2])),
        multiply(load(zero, v.flat, _row(v, at[3])), spread(zero, before[3])),
    )
    w_at = (_row(w, at[0]), _row(w, at[1]), _row(w, at[2]), _row(w, at[3]))
    r_at = (_row(r, at[0]), _row(r, at[1]), _row(r, at[2]), _row(r, at[3]))
    return _block(zero, states, source, target, rows, pending, vectors, w.flat, w_at, r.flat, r_at)


@_compiled
def _put(t, value, scale, v, skip, out):
    """out[t] = scale value + skip v[t]"""
    v_row = load(value, v.flat, _row(v, t))
    result = multiply_add(v_row, spread(value, skip), multiply(value, spread(value, scale)))
    store(out.flat, _row(out, t), result)


@_compiled
def _walk_over_width(zero, state, rows, cuts, blocks, backwards, pending, decay, gain, v, w, r, skip, out):
    """y or dx of a tile, for one head and the lanes v. M is pending * state, before; the new `pending` is returned."""
    for index in range(blocks):
        block = blocks - 1 - index if backwards else index
        first, count = cuts[block], cuts[block + 1] - cuts[block]
        at, scale, inverse = _positions(first, count, backwards, decay)
        if backwards:
            outs = _walk_block(zero, state, 0, 0, rows, at, pending, inverse, v, w, r)
            pending = scale[3] * decay[first]
            scale = _with_gain(scale, gain, at)
        else:
            before = _with_gain(inverse, gain, at)
            outs = _walk_block(zero, state, 0, 0, rows, at, pending * decay[first], before, v, w, r)
            pending = scale[3]
        _put(at[0], outs[0], scale[0], v, skip, out)
        if count > 1:
            _put(at[1], outs[1], scale[1], v, skip, out)
        if count > 2:
            _put(at[2], outs[2], scale[2], v, skip, out)
        if count > 3:
            _put(at[3], outs[3], scale[3], v, skip, out)
    return pending


@_compiled
def _add(t, value, scale, gain, q, out, products):
    """products[t] = <scale value, q[t]>; out[t] += gain scale value"""
    value = multiply(value, spread(value, scale))
    at = _row(out, t)
    store(out.flat, at, multiply_add(value, spread(value, gain), load(value, out.flat, at)))
    products[t] = total(multiply(value, load(value, q.flat, _row(q, t))))


@_compiled
def _walk_dC(zero, marks, pendings, rows, cuts, blocks, decay, gain, x, B, C, dy, dC, dlog):
    """dC of a tile, for one head and the lanes of B; dlog[t] = <its dC[t], C[t]>.

    S before block b is pendings[b] * (part b of marks); the first is given.
    """
    size = rows * width_of(zero)
    for block in range(blocks):
        first, count = cuts[block], cuts[block + 1] - cuts[block]
        at, scale, inverse = _positions(first, count, False, decay)
        before, pending = _with_gain(inverse, gain, at), pendings[block] * decay[first]
        outs = _walk_block(
            zero, marks, block * size, block * size + size, rows, at, pending, before, B, x, dy
        )
        pendings[block + 1] = scale[3]
        _add(at[0], outs[0], scale[0], np.float32(1), C, dC, dlog)
        if count > 1:
            _add(at[1], outs[1], scale[1], np.float32(1), C, dC, dlog)
        if count > 2:
            _add(at[2], outs[2], scale[2], np.float32(1), C, dC, dlog)
        if count > 3:
            _add(at[3], outs[3], scale[3], np.float32(1), C, dC, dlog)


@_compiled
def _dot(zero, a, b, b_at):
    result = zero
    for i in range(0, len(a), width_of(zero)):
        result = multiply_add(load(zero, a, i), load(zero, b, b_at + i), result)
    return total(result)


@_compiled
def _forget(first, count, later, earlier, gain, dlog, dgain):
    """dlog of a block, from <dC, C> to the gradient of the log decay F.

    later, earlier   F of the position after the block and of its first one, from the states; summing up from
    `later` should end at `earlier`, and the rounding by which it does not is spread over the block.
    """
    running = later
    for t in range(first + count - 1, first - 1, -1):
        running += dlog[t] - gain[t] * dgain[t]
        dlog[t] = running
    for k in range(count):
        dlog[first + k] += (earlier - running) * np.float32(count - k) / np.float32(count)


@_compiled
def _walk_dB(
    zero, state, pending, marks, pendings, rows, cuts, blocks, decay, gain, x, B, C, dy, dB, dlog, dgain
):
    """dB of a tile, for one head and the lanes of C; dgain[t] = <du[t], x[t]>, and dlog[t] is completed.

    G is pending * state, before; the new `pending` is returned.
    """
    size = len(state)
    later = pending * pendings[blocks] * _dot(zero, state, marks, blocks * size)
    for block in range(blocks - 1, -1, -1):
        first, count = cuts[block], cuts[block + 1] - cuts[block]
        at, scale, inverse = _positions(first, count, True, decay)
        outs = _walk_block(zero, state, 0, 0, rows, at, pending, inverse, C, dy, x)
        pending = scale[3] * decay[first]
        _add(at[0], outs[0], scale[0], gain[at[0]], B, dB, dgain)
        if count > 1:
            _add(at[1], outs[1], scale[1], gain[at[1]], B, dB, dgain)
        if count > 2:
            _add(at[2], outs[2], scale[2], gain[at[2]], B, dB, dgain)
        if count > 3:
            _add(at[3], outs[3], scale[3], gain[at[3]], B, dB, dgain)
        earlier = pending * pendings[block] * _dot(zero, state, marks, block * size)
        _forget(first, count, later, earlier, gain, dlog, dgain)
        later = earlier
    return pending


@_compiled
def _aligned(size):
    """An uninitialised float32 array that starts at a cache line."""
    memory = np.empty(size + 16, np.float32)
    skipped = (-(memory.ctypes.data // 4)) % 16
    return memory[skipped : skipped + size]


@_compiled
def _inner(zero, a, b, start, stop):
    """<a[t], b[t]> over the lanes and start..stop."""
    result = zero
    for t in range(start, stop):
        result = multiply_add(load(zero, a.flat, _row(a, t)), load(zero, b.flat, _row(b, t)), result)
    return total(result)


@_compiled
def _over_width(
    lanes,
    bounds,
    rows,
    units,
    backwards,
    decay,
    gain,
    v,
    w,
    r,
    skip,
    out,
    first,
    last,
    tiles_before,
    kept,
    x,
    dskip,
):
    """y, or backwards dx: the lanes are entries of a head, a unit is a head's block of lanes.

    rows, units              (begin, end) of those to do
    first, last              (R, H, P, N)  M where the walk begins, given, and where it ends, written
    tiles_before, kept       (R,), (tiles, units, N * width)  if not empty, M before each tile is written here
    x, dskip                 (R, units)  if not empty, <v, x> is written here
    """
    zero = zeros(lanes)
    width, N = width_of(zero), first.shape[3]
    blocks_of_head = first.shape[2] // width
    states, pendings = _aligned((units[1] - units[0]) * N * width), np.empty(units[1], np.float32)
    states = states.reshape((units[1] - units[0], N * width))
    cuts = np.empty(TILE + 1, np.int64)
    for row in range(rows[0], rows[1]):
        for unit in range(units[0], units[1]):
            head, lane = unit // blocks_of_head, unit % blocks_of_head * width
            _transpose(first[row, head], lane, width, states[unit - units[0]])
            pendings[unit] = 1
            if dskip.size:
                dskip[row, unit] = 0
        tiles = -((bounds[row] - bounds[row + 1]) // TILE)
        for index in range(tiles):
            tile = tiles - 1 - index if backwards else index
            start = bounds[row] + tile * TILE
            stop = min(start + TILE, bounds[row + 1])
            for unit in range(units[0], units[1]):
                head, state = unit // blocks_of_head, states[unit - units[0]]
                v_, out_ = _moved(v, unit * width), _moved(out, unit * width)
                if kept.size:
                    _keep(zero, state, pendings[unit], kept[tiles_before[row] + tile, unit])
                    pendings[unit] = 1
                if dskip.size:
                    dskip[row, unit] += _inner(zero, v_, _moved(x, unit * width), start, stop)
                blocks = _cut(decay[head], start, stop, cuts)
                pendings[unit] = _walk_over_width(
                    zero,
                    state,
                    N,
                    cuts,
                    blocks,
                    backwards,
                    pendings[unit],
                    decay[head],
                    gain[head],
                    v_,
                    w,
                    r,
                    skip[head],
                    out_,
                )
        for unit in range(units[0], units[1]):
            head, lane = unit // blocks_of_head, unit % blocks_of_head * width
            for p in range(width):
                for n in range(N):
                    last[row, head, lane + p, n] = pendings[unit] * states[unit - units[0], n * width + p]


@_compiled
def _transpose(matrix, lane, width, state):
    """matrix (P, N), rows lane .. lane + width, into state (N, width) flat."""
    for p in range(width):
        for n in range(matrix.shape[1]):
            state[n * width + p] = matrix[lane + p, n]


@_compiled
def _keep(zero, state, pending, kept):
    """kept = state = pending * state"""
    for i in range(0, len(state), width_of(zero)):
        value = multiply(load(zero, state, i), spread(zero, pending))
        store(state, i, value)
        store(kept, i, value)


@_compiled
def _recall(kept, n, width, mark):
    """The kept state (units, N * lanes of the forward), entries n .. n + width of B, into mark (P, width) flat."""
    units, size = kept.shape
    lanes = len(mark) // width // units
    for unit in range(units):
        for lane in range(lanes):
            for i in range(width):
                mark[(unit * lanes + lane) * width + i] = kept[unit, (n + i) * lanes + lane]


@_compiled
def _over_state(
    lanes, bounds, rows, units, decay, gain, x, B, C, dy, dB, dC, dlog, dgain, last, tiles_before, kept
):
    """dB and dC (added to), dlog and dgain (units, H, T): the lanes are entries of B and C, a unit is a block of them.

    last (R, H, P, N)  the gradient of the state after each row   tiles_before, kept  as the forward wrote them
    """
    zero = zeros(lanes)
    width, H, P = width_of(zero), last.shape[1], last.shape[2]
    of_head = kept.shape[1] // H
    gradients = _aligned(H * P * width).reshape((H, P * width))
    pending_gradients = np.empty(H, np.float32)
    marks, pendings = _aligned((TILE + 1) * P * width), np.empty(TILE + 1, np.float32)
    cuts = np.empty(TILE + 1, np.int64)
    for row in range(rows[0], rows[1]):
        for unit in range(units[0], units[1]):
            n = unit * width
            B_, C_, dB_, dC_ = _moved(B, n), _moved(C, n), _moved(dB, n), _moved(dC, n)
            for h in range(H):
                pending_gradients[h] = 1
                for p in range(P):
                    for i in range(width):
                        gradients[h, p * width + i] = last[row, h, p, n + i]
            tiles = -((bounds[row] - bounds[row + 1]) // TILE)
            for tile in range(tiles - 1, -1, -1):
                start = bounds[row] + tile * TILE
                stop = min(start + TILE, bounds[row + 1])
                for h in range(H):
                    x_, dy_ = _moved(x, h * P), _moved(dy, h * P)
                    blocks = _cut(decay[h], start, stop, cuts)
                    states = kept[tiles_before[row] + tile, h * of_head : (h + 1) * of_head]
                    _recall(states, n, width, marks[: P * width])
                    pendings[0] = 1
                    _walk_dC(
                        zero,
                        marks,
                        pendings,
                        P,
                        cuts,
                        blocks,
                        decay[h],
                        gain[h],
                        x_,
                        B_,
                        C_,
                        dy_,
                        dC_,
                        dlog[unit, h],
                    )
                    pending_gradients[h] = _walk_dB(
                        zero,
                        gradients[h],
                        pending_gradients[h],
                        marks,
                        pendings,
                        P,
                        cuts,
                        blocks,
                        decay[h],
                        gain[h],
                        x_,
                        B_,
                        C_,
                        dy_,
                        dB_,
                        dlog[unit, h],
                        dgain[unit, h],
                    )


def _run(kernel: Callable, size: int, bounds: np.ndarray, units: int, work: int, *arguments) -> None:
    """Run a kernel over all rows and units, on as many threads as torch uses if there is enough work.

    size   what the lanes run over; vectors of 32 floats if they fill it, else of 16
    """
    lanes = (0, 0) if size % 32 == 0 else (0,)
    rows, threads = len(bounds) - 1, min(torch.get_num_threads(), 1 + work // WORTH_A_THREAD)
    if threads == 1:
        kernel(lanes, bounds, (0, rows), (0, units), *arguments)
        return
    if units % threads == 0 or rows < threads:
        edges = [units * i // threads for i in range(threads + 1)]
        parts = [((0, rows), (edges[i], edges[i + 1])) for i in range(threads)]
    else:
        edges = [*np.searchsorted(bounds, [bounds[-1] * i // threads for i in range(threads)]).tolist(), rows]
        parts = [((edges[i], edges[i + 1]), (0, units)) for i in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: kernel(lanes, bounds, *part, *arguments), parts))


def _track(tensor: Tensor) -> Track:
    """The memory of a (T, width) or (T, H, P) tensor; copied only if a position's numbers are not side by side."""
    if tensor.stride(-1) != 1 or (tensor.dim() == 3 and tensor.stride(1) != tensor.shape[2]):
        tensor = tensor.contiguous()
    size = (len(tensor) - 1) * tensor.stride(0) + tensor[0].numel() if len(tensor) else 0
    return Track(tensor.detach().as_strided((size,), (1,)).numpy(), 0, tensor.stride(0))


def _units(size: int) -> int:
    return size // 32 if size % 32 == 0 else size // 16


class _SSD(torch.autograd.Function):
    """P and N multiples of 16; `bounds` is cu_seqlens as an int64 array; `keep` says whether a backward may follow."""

    @staticmethod
    def forward(ctx, x, dt, A, B, C, D, dt_bias, state, bounds, keep):
        (T, H, P), N = x.shape, B.shape[1]
        step = F.softplus((dt + dt_bias).T.contiguous())
        decay = torch.exp(step * A[:, None])
        y, final = x.new_empty(T, H, P), torch.empty_like(state)
        tiles = np.cumsum(np.append(0, -(-np.diff(bounds) // TILE)))
        units = H * _units(P)
        kept = torch.empty(int(tiles[-1]) if keep else 0, units, N * (H * P // units))
        _run(
            _over_width,
            P,
            bounds,
            units,
            T * H * P * N,
            False,
            decay.numpy(),
            step.numpy(),
            _track(x),
            _track(B),
            _track(C),
            D.contiguous().numpy(),
            _track(y),
            state.numpy(),
            final.numpy(),
            tiles,
            kept.numpy(),
            _track(x),
            np.empty((0, 0)),
        )
        ctx.save_for_backward(x, A, B, C, D, step, decay, kept)
        ctx.bounds, ctx.tiles = bounds, tiles
        return y, final

    @staticmethod
    @once_differentiable
    def backward(ctx, dy, dfinal):
        x, A, B, C, D, step, decay, kept = ctx.saved_tensors
        (T, H, P), N = x.shape, B.shape[1]
        dx, dB, dC = torch.empty(T, H, P), torch.zeros(T, N), torch.zeros(T, N)
        dy, dfinal = dy.contiguous(), dfinal.contiguous()
        dstate, rows = torch.empty_like(dfinal), len(dfinal)
        units, work = H * _units(P), T * H * P * N
        dD = torch.empty(rows, units, dtype=torch.float64)
        none = np.empty((0, 0, 0), np.float32)
        _run(
            _over_width,
            P,
            ctx.bounds,
            units,
            work,
            True,
            decay.numpy(),
            step.numpy(),
            _track(dy),
            _track(C),
            _track(B),
            D.contiguous().numpy(),
            _track(dx),
            dfinal.numpy(),
            dstate.numpy(),
            ctx.tiles,
            none,
            _track(x),
            dD.numpy(),
        )
        dlog, dgain = torch.empty(_units(N), H, T), torch.empty(_units(N), H, T)
        _run(
            _over_state,
            N,
            ctx.bounds,
            _units(N),
            work,
            decay.numpy(),
            step.numpy(),
            _track(x),
            _track(B),
            _track(C),
            _track(dy),
            _track(dB),
            _track(dC),
            dlog.numpy(),
            dgain.numpy(),
            dfinal.numpy(),
            ctx.tiles,
            kept.numpy(),
        )
        dlog, dgain = dlog.sum(0), dgain.sum(0)
        ddt = (dgain + dlog * A[:, None]) * -torch.expm1(-step)
        dD = dD.view(rows, H, -1).sum((0, 2)).to(D.dtype)
        return dx, ddt.T, (dlog * step).sum(1), dB, dC, dD, ddt.sum(1), dstate, None, None


def ssd(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    dt_bias: Tensor,
    cu_seqlens: Tensor,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """As kernels.ssd.ssd; float32. Widths that do not fill vectors are padded with zeros, which change nothing."""
    (T, H, P), N = x.shape, B.shape[1]
    bounds = cu_seqlens.numpy()
    if bounds[0] != 0 or bounds[-1] != T or (np.diff(bounds) < 0).any():
        raise ValueError(f"cu_seqlens must rise from 0 to {T}, the length of x, got {cu_seqlens.tolist()}")
    if state is None:
        state = x.new_zeros(len(bounds) - 1, H, P, N)
    more_p, more_n = -P % 16, -N % 16
    if more_p or more_n:
        x, B, C = F.pad(x, (0, more_p)), F.pad(B, (0, more_n)), F.pad(C, (0, more_n))
        state = F.pad(state, (0, more_n, 0, more_p))
    keep = torch.is_grad_enabled() and any(t.requires_grad for t in (x, dt, A, B, C, D, dt_bias, state))
    y, final = _SSD.apply(x, dt, A, B, C, D, dt_bias, state.contiguous(), bounds, keep)
    if more_p or more_n:
        y, final = y[..., :P], final[..., :P, :N]
    return y, final
