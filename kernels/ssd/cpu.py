"""SSD on the CPU: four walks along time, all the same loop, with the state in registers and L1.

With u = step x and a = exp(step A), the forward is S[t] = a[t] S[t-1] + u[t] B[t]', y[t] = S[t] C[t], and the
backward is the same recurrence from the end, G[t] = a[t+1] G[t+1] + dy[t] C[t]', G being the gradient of S. Hence all
four are M = decay M; out = r' M; M += w v', where the entries of v and out lie in the lanes of a vector and those of
w and r are spread over them, so that no sum runs across lanes:

    forwards    y:  v = u, w = B, r = C        dC: v = B, w = u, r = dy        M is S
    backwards   du: v = dy, w = C, r = B       dB: v = C, w = dy, r = u        M is G

to which a position's own term is added, v (w' r). Without their own terms dC and dB give the gradient of the log
decay too: F[t] = a[t] <G[t], S[t-1]> obeys F[t] = F[t+1] + <dC[t], C[t]> - <dB[t], B[t]> head by head. It is tied to
<G, S> at intervals, so that rounding does not add up.

A walk takes a block of STEPS positions at a time. Within it M is kept divided by the decay since the block's first
position, which costs only a scaling of v and out. The forward keeps S before every TILE positions for the backward.
In the compiled functions tensors are tracks (kernels.vectors); decay and gain are a and step, (H, T) or one
head's (T,).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from kernels.vectors.cpu import (
    FLOATS,
    aligned,
    compiled,
    dot,
    inner,
    load,
    moved,
    multiply,
    multiply_add,
    row_at,
    scaled_copy,
    spread,
    spread_from,
    store,
    total,
    width_of,
    zeros,
)

STEPS = 4
"""Positions of a block; the compiled functions are written out for four."""
REGISTERS = 2
"""Of a vector: with AVX2 one and four were measured to be slower, with AVX-512 one is as fast."""
TILE = 128
"""Positions after which a walk turns to the next head: what the heads share is then still in the cache."""
ANCHOR = 4
"""Blocks between two places where the gradient of the log decay is tied to <G, S>; S is held there."""
SMALLEST_DECAY = np.float32(1e-12)
"""A block that forgets more than this is taken position by position: dividing by its decay would overflow."""
WORTH_A_THREAD = 1 << 24
"""Multiplications below which a second thread costs more than it brings."""


@compiled
def _four_rows(track, at):
    return row_at(track, at[0]), row_at(track, at[1]), row_at(track, at[2]), row_at(track, at[3])


@compiled
def _times_gain(values, gain, at):
    return values[0] * gain[at[0]], values[1] * gain[at[1]], values[2] * gain[at[2]], values[3] * gain[at[3]]


@compiled
def _four_positions(zero, states, source, target, rows, pending, at, before, v, w, r):
    """For each of four positions `at`: the output r' M, and then M += before v w'.

    M (rows, width) is pending * states[source :]; what becomes of it goes to states[target :].
    """
    w0, w1, w2, w3 = _four_rows(w, at)
    r0, r1, r2, r3 = _four_rows(r, at)
    v0 = multiply(load(zero, v[0], row_at(v, at[0])), spread(zero, before[0]))
    v1 = multiply(load(zero, v[0], row_at(v, at[1])), spread(zero, before[1]))
    v2 = multiply(load(zero, v[0], row_at(v, at[2])), spread(zero, before[2]))
    v3 = multiply(load(zero, v[0], row_at(v, at[3])), spread(zero, before[3]))
    w, r = w[0], r[0]
    out0 = out1 = out2 = out3 = zero
    for i in range(rows):
        m = multiply(load(zero, states, source + i * width_of(zero)), spread(zero, pending))
        out0 = multiply_add(m, spread_from(zero, r, r0 + i), out0)
        m = multiply_add(v0, spread_from(zero, w, w0 + i), m)
        out1 = multiply_add(m, spread_from(zero, r, r1 + i), out1)
        m = multiply_add(v1, spread_from(zero, w, w1 + i), m)
        out2 = multiply_add(m, spread_from(zero, r, r2 + i), out2)
        m = multiply_add(v2, spread_from(zero, w, w2 + i), m)
        out3 = multiply_add(m, spread_from(zero, r, r3 + i), out3)
        m = multiply_add(v3, spread_from(zero, w, w3 + i), m)
        store(states, target + i * width_of(zero), m)
    return out0, out1, out2, out3


@compiled
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


@compiled
def _positions(start, stop, backwards, decay):
    """A block's positions in the order of the walk, M's decay from the first of them to each, and its inverse.

    A block of fewer than four repeats its last position; `used` and the inverse are 0 for the repetitions. They leave
    M as it is, and their outputs are written first, to be overwritten by that of the position itself.
    """
    count, move, t0 = stop - start, 1, start
    if backwards:
        move, t0 = -1, stop - 1
    t1, t2, t3 = t0 + move * min(1, count - 1), t0 + move * min(2, count - 1), t0 + move * (count - 1)
    one = np.float32(1)
    used = one, np.float32(count > 1), np.float32(count > 2), np.float32(count > 3)
    scale1 = decay[max(t0, t1)] if count > 1 else one
    scale2 = scale1 * decay[max(t1, t2)] if count > 2 else scale1
    scale3 = scale2 * decay[max(t2, t3)] if count > 3 else scale2
    inverse = one, used[1] / scale1, used[2] / scale2, used[3] / scale3
    return (t0, t1, t2, t3), used, (one, scale1, scale2, scale3), inverse


@compiled
def _put(t, value, scale, v, factor, out):
    """out[t] = scale value + factor v[t]"""
    result = multiply(value, spread(value, scale))
    store(
        out[0], row_at(out, t), multiply_add(load(value, v[0], row_at(v, t)), spread(value, factor), result)
    )


@compiled
def _walk_width(zero, state, pending, rows, cuts, blocks, backwards, decay, gain, v, w, r, bc, skip, out):
    """y or dx of a tile, for one head and the lanes v; bc[t - tile's start] = <B[t], C[t]>.

    M is pending * state; returns what `pending` becomes.
    """
    for index in range(blocks):
        block = blocks - 1 - index if backwards else index
        start = cuts[block]
        at, _, scale, before = _positions(start, cuts[block + 1], backwards, decay)
        after = scale
        if backwards:
            after = _times_gain(scale, gain, at)
        else:
            before = _times_gain(before, gain, at)
            pending *= decay[start]
        outs = _four_positions(zero, state, 0, 0, rows, pending, at, before, v, w, r)
        pending = scale[3] * decay[start] if backwards else scale[3]
        first = cuts[0]
        _put(at[3], outs[3], after[3], v, skip + gain[at[3]] * bc[at[3] - first], out)
        _put(at[2], outs[2], after[2], v, skip + gain[at[2]] * bc[at[2] - first], out)
        _put(at[1], outs[1], after[1], v, skip + gain[at[1]] * bc[at[1] - first], out)
        _put(at[0], outs[0], after[0], v, skip + gain[at[0]] * bc[at[0] - first], out)
    return pending


@compiled
def _add(t, value, scale, factor, v, own, q, out):
    """out[t] += factor scale value + own v[t]; returns <scale value, q[t]>."""
    at, value = row_at(out, t), multiply(value, spread(value, scale))
    sum_ = multiply_add(value, spread(value, factor), load(value, out[0], at))
    store(out[0], at, multiply_add(load(value, v[0], row_at(v, t)), spread(value, own), sum_))
    return total(multiply(value, load(value, q[0], row_at(q, t))))


@compiled
def _walk_dC(zero, marks, pendings, rows, cuts, blocks, decay, gain, x, B, C, dy, xdy, dC, dlog):
    """dC of a tile, for one head and the lanes of B; dlog[t] = <a[t] S[t-1]' dy[t], C[t]>; xdy[t] = <x[t], dy[t]>.

    S before block b * ANCHOR is pendings[b] * (part b of marks); the first is given.
    """
    size = rows * width_of(zero)
    for block in range(blocks):
        start = cuts[block]
        at, used, scale, inverse = _positions(start, cuts[block + 1], False, decay)
        target = block // ANCHOR + 1
        source = target - 1 if block % ANCHOR == 0 else target
        before, pending = _times_gain(inverse, gain, at), pendings[source] * decay[start]
        outs = _four_positions(zero, marks, source * size, target * size, rows, pending, at, before, B, x, dy)
        pendings[target] = scale[3]
        own = _times_gain(_times_gain(used, gain, at), xdy, at)
        dlog[at[3]] = _add(at[3], outs[3], scale[3], used[3], B, own[3], C, dC)
        dlog[at[2]] = _add(at[2], outs[2], scale[2], used[2], B, own[2], C, dC)
        dlog[at[1]] = _add(at[1], outs[1], scale[1], used[1], B, own[1], C, dC)
        dlog[at[0]] = _add(at[0], outs[0], scale[0], used[0], B, own[0], C, dC)


@compiled
def _walk_dB(
    zero, state, pending, marks, pendings, rows, cuts, blocks, decay, gain, x, B, C, dy, xdy, dB, dlog, dgain
):
    """dB of a tile, for one head and the lanes of C; dgain[t] = <x[t], G'[t] B[t]>; completes dlog.

    G' is G without its newest term, dy[t] C[t]'. G is pending * state; returns what `pending` becomes. `marks` and
    `pendings` as _walk_dC left them.
    """
    size, mark, stop = len(state), -(-blocks // ANCHOR), cuts[blocks]
    later = pending * pendings[mark] * dot(zero, state, marks, mark * size)
    for block in range(blocks - 1, -1, -1):
        start = cuts[block]
        at, used, scale, inverse = _positions(start, cuts[block + 1], True, decay)
        outs = _four_positions(zero, state, 0, 0, rows, pending, at, inverse, C, dy, x)
        pending = scale[3] * decay[start]
        factor = _times_gain(used, gain, at)
        own = _times_gain(factor, xdy, at)
        dgain[at[3]] = _add(at[3], outs[3], scale[3], factor[3], C, own[3], B, dB)
        dgain[at[2]] = _add(at[2], outs[2], scale[2], factor[2], C, own[2], B, dB)
        dgain[at[1]] = _add(at[1], outs[1], scale[1], factor[1], C, own[1], B, dB)
        dgain[at[0]] = _add(at[0], outs[0], scale[0], factor[0], C, own[0], B, dB)
        if block % ANCHOR == 0:
            mark -= 1
            earlier = pending * pendings[mark] * dot(zero, state, marks, mark * size)
            _forget(start, stop, later, earlier, gain, dlog, dgain)
            later, stop = earlier, start
    return pending


@compiled
def _forget(start, stop, later, earlier, gain, dlog, dgain):
    """dlog at start..stop, as _walk_dC left it, becomes the gradient of the log decay F.

    later, earlier   F of `stop` and of `start`, from the states; summing up from `later` should end at `earlier`,
                     and the rounding by which it does not is spread over the positions
    """
    running = later
    for t in range(stop - 1, start - 1, -1):
        running += dlog[t] - gain[t] * dgain[t]
        dlog[t] = running
    slope = (earlier - running) / np.float32(stop - start)
    for t in range(start, stop):
        dlog[t] += slope * np.float32(stop - t)


@compiled
def _recall(kept, n, width, mark):
    """Entries n .. n + width of B of a kept state (blocks of lanes, N * their width), into mark (P * width,)."""
    lanes = len(mark) // width // len(kept)
    for block in range(len(kept)):
        for lane in range(lanes):
            for i in range(width):
                mark[(block * lanes + lane) * width + i] = kept[block, (n + i) * lanes + lane]


@compiled
def _tile(bounds, row, tile):
    start = bounds[row] + tile * TILE
    return start, min(start + TILE, bounds[row + 1])


@compiled
def _over_width(lanes, bounds, part, backwards, decay, gain, v, w, r, skip, out, first, last, keep):
    """y, or backwards dx: the lanes are entries of a head, a unit is a head's block of lanes.

    part         the rows and units to do: first and last row, first and last unit
    first, last  (R, H, P, N)  M where the walk begins, given, and where it ends, written
    keep         (R + 1,), (tiles, units, N * width)  tiles before each row, and where M before each tile is to go
                 if that is not empty
    """
    zero, N, begin, end = zeros(lanes), first.shape[3], part[2], part[3]
    width = width_of(zero)
    in_head = first.shape[2] // width
    states, pendings = aligned(end - begin, N * width), np.empty(end, np.float32)
    cuts, bc = np.empty(TILE + 1, np.int64), np.empty(TILE, np.float32)
    for row in range(part[0], part[1]):
        for unit in range(begin, end):
            lane, pendings[unit] = unit % in_head * width, 1
            for n in range(N):
                for p in range(width):
                    states[unit - begin, n * width + p] = first[row, unit // in_head, lane + p, n]
        tiles = -((bounds[row] - bounds[row + 1]) // TILE)
        for index in range(tiles):
            tile = tiles - 1 - index if backwards else index
            start, stop = _tile(bounds, row, tile)
            inner(zeros((0,)), w, r, N, start, stop, bc)
            for unit in range(begin, end):
                head, state, pending = unit // in_head, states[unit - begin], pendings[unit]
                v_, out_ = moved(v, unit * width), moved(out, unit * width)
                if keep[1].size:
                    scaled_copy(zero, state, pending, keep[1][keep[0][row] + tile, unit])
                    pending = np.float32(1)
                a, g, d = decay[head], gain[head], skip[head]
                blocks = _cut(a, start, stop, cuts)
                pendings[unit] = _walk_width(
                    zero, state, pending, N, cuts, blocks, backwards, a, g, v_, w, r, bc, d, out_
                )
        for unit in range(begin, end):
            lane = unit % in_head * width
            for p in range(width):
                for n in range(N):
                    last[row, unit // in_head, lane + p, n] = (
                        pendings[unit] * states[unit - begin, n * width + p]
                    )


@compiled
def _over_state(lanes, bounds, part, decay, gain, x, B, C, dy, dB, dC, dlog, dgain, xdy, last, keep):
    """dB and dC (added to), dlog, dgain (units, H, T) and xdy (H, T), all as the walks have them.

    The lanes are entries of B and C, a unit is a block of them.
    part and keep as in _over_width, which has filled keep   last (R, H, P, N), the gradient of the rows' last states
    """
    zero, H, P = zeros(lanes), last.shape[1], last.shape[2]
    width, in_head = width_of(zero), keep[1].shape[1] // H
    gradients, pending = aligned(H, P * width), np.empty(H, np.float32)
    marks, pendings = aligned(TILE // ANCHOR + 1, P * width), np.empty(TILE // ANCHOR + 1, np.float32)
    cuts = np.empty(TILE + 1, np.int64)
    for row in range(part[0], part[1]):
        for unit in range(part[2], part[3]):
            n = unit * width
            B_, C_, dB_, dC_ = moved(B, n), moved(C, n), moved(dB, n), moved(dC, n)
            for h in range(H):
                pending[h] = 1
                for p in range(P):
                    for i in range(width):
                        gradients[h, p * width + i] = last[row, h, p, n + i]
            for tile in range(-((bounds[row] - bounds[row + 1]) // TILE) - 1, -1, -1):
                start, stop = _tile(bounds, row, tile)
                for h in range(H):
                    a, g, x_, dy_ = decay[h], gain[h], moved(x, h * P), moved(dy, h * P)
                    dlog_, dgain_ = dlog[unit, h], dgain[unit, h]
                    blocks = _cut(a, start, stop, cuts)
                    kept = keep[1][keep[0][row] + tile, h * in_head : (h + 1) * in_head]
                    _recall(kept, n, width, marks[0])
                    pendings[0] = 1
                    inner(zeros((0,)), x_, dy_, P, start, stop, xdy[h, start:stop])
                    m, xdy_ = marks.reshape(marks.size), xdy[h]
                    _walk_dC(zero, m, pendings, P, cuts, blocks, a, g, x_, B_, C_, dy_, xdy_, dC_, dlog_)
                    pending[h] = _walk_dB(
                        zero, gradients[h], pending[h], m, pendings, P, cuts, blocks,
                        a, g, x_, B_, C_, dy_, xdy_, dB_, dlog_, dgain_,
                    )  # fmt: skip


def _lanes(size: int) -> int:
    """Numbers of a vector: those of REGISTERS, or of one where they do not fill `size`."""
    return REGISTERS * FLOATS if size % (REGISTERS * FLOATS) == 0 else FLOATS


def _run(kernel: Callable, width: int, bounds: np.ndarray, units: int, work: int, *arguments) -> None:
    """Run a kernel over all rows and units, on as many threads as torch uses if there is enough work.

    width  of the vectors   units  independent parts of every row   work  multiplications in all
    """
    lanes, rows = (0,) * (width // FLOATS), len(bounds) - 1
    threads = min(torch.get_num_threads(), 1 + work // WORTH_A_THREAD)
    if threads == 1:
        kernel(lanes, bounds, (0, rows, 0, units), *arguments)
        return
    if units % threads == 0 or rows < threads:
        edges = [units * i // threads for i in range(threads + 1)]
        parts = [(0, rows, begin, end) for begin, end in pairwise(edges)]
    else:
        shares = [bounds[-1] * i // threads for i in range(threads)]
        edges = [*np.searchsorted(bounds, shares).tolist(), rows]
        parts = [(begin, end, 0, units) for begin, end in pairwise(edges)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: kernel(lanes, bounds, part, *arguments), parts))


def _track(tensor: Tensor) -> tuple[np.ndarray, int, int]:
    """The memory of a (T, width) or (T, H, P) tensor; copied only if a position's numbers are not side by side."""
    apart = tensor.dim() == 3 and tensor.shape[1] > 1 and tensor.stride(1) != tensor.shape[2]
    if apart or tensor.stride(-1) != 1:
        tensor = tensor.contiguous()
    size = (tensor.shape[0] - 1) * tensor.stride(0) + tensor[0].numel() if tensor.shape[0] else 0
    return tensor.detach().as_strided((size,), (1,)).numpy(), 0, tensor.stride(0)


def scanned(x, dt, A, B, C, D, dt_bias, state, bounds, differentiable) -> tuple[Tensor, Tensor, tuple]:
    """y, the final state, and what `gradients` needs. P and N multiples of FLOATS, `bounds` is cu_seqlens in numpy."""
    (T, H, P), N, width = x.shape, B.shape[1], _lanes(x.shape[2])
    step = F.softplus((dt + dt_bias).T.contiguous())
    decay = torch.exp(step * A[:, None])
    y, final = x.new_empty(T, H, P), torch.empty_like(state)
    tiles = np.cumsum(np.append(0, -(-np.diff(bounds) // TILE)))
    kept = x.new_empty(int(tiles[-1]) if differentiable else 0, H * P // width, N * width)
    tracks = _track(x), _track(B), _track(C), D.contiguous().numpy(), _track(y), state.numpy(), final.numpy()
    clock, work = (decay.numpy(), step.numpy()), T * H * P * N
    _run(_over_width, width, bounds, H * P // width, work, False, *clock, *tracks, (tiles, kept.numpy()))
    return y, final, (A, D, step, decay, kept, tiles)


def gradients(x, B, C, saved, bounds, dy, dfinal, dx, dB, dC) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Writes dx, dB and dC, which may be slices of columns; returns ddt (T, H), dA, dD and the state's gradient."""
    (A, D, step, decay, kept, tiles), (T, H, P), N = saved, x.shape, B.shape[1]
    width, clock, work = _lanes(P), (decay.numpy(), step.numpy()), T * H * P * N
    dfinal, dstate = dfinal.contiguous(), torch.empty(dfinal.shape)
    x_, B_, C_, dy_ = _track(x), _track(B), _track(C), _track(dy)
    tracks = dy_, C_, B_, D.contiguous().numpy(), _track(dx)
    tracks = *tracks, dfinal.numpy(), dstate.numpy(), (tiles, kept[:0].numpy())
    _run(_over_width, width, bounds, H * P // width, work, True, *clock, *tracks)
    units = N // _lanes(N)
    dlog, dgain, xdy = x.new_empty(units, H, T), x.new_empty(units, H, T), x.new_empty(H, T)
    tracks = x_, B_, C_, dy_, _track(dB.zero_()), _track(dC.zero_()), dlog.numpy(), dgain.numpy(), xdy.numpy()
    _run(_over_state, _lanes(N), bounds, units, work, *clock, *tracks, dfinal.numpy(), (tiles, kept.numpy()))
    dlog, dgain = dlog.sum(0), dgain.sum(0) + xdy * (B * C).sum(1)
    ddt = (dgain + dlog * A[:, None]) * -torch.expm1(-step)  # the slope of softplus, by its value
    return ddt.T, (dlog * step).sum(1), xdy.sum(1), dstate


class _SSD(torch.autograd.Function):
    """`scanned` and its gradients; `differentiable` says whether a backward may follow."""

    @staticmethod
    def forward(ctx, x, dt, A, B, C, D, dt_bias, state, bounds, differentiable):
        y, final, (*tensors, ctx.tiles) = scanned(x, dt, A, B, C, D, dt_bias, state, bounds, differentiable)
        ctx.save_for_backward(x, B, C, *tensors)
        ctx.bounds = bounds
        return y, final

    @staticmethod
    @once_differentiable
    def backward(ctx, dy, dfinal):
        x, B, C, *tensors = ctx.saved_tensors
        dx, dB, dC = (torch.empty(value.shape) for value in (x, B, C))
        given = x, B, C, (*tensors, ctx.tiles), ctx.bounds, dy, dfinal
        ddt, dA, dD, dstate = gradients(*given, dx, dB, dC)
        return dx, ddt, dA, dB, dC, dD, ddt.sum(0), dstate, None, None


def ssd(x, dt, A, B, C, D, dt_bias, cu_seqlens, state=None) -> tuple[Tensor, Tensor]:
    """As kernels.ssd.ssd; float32. Widths that do not fill vectors are padded with zeros, which change nothing."""
    (_, H, P), N, bounds = x.shape, B.shape[1], cu_seqlens.numpy()
    if state is None:
        state = x.new_zeros(len(bounds) - 1, H, P, N)
    more_p, more_n = -P % FLOATS, -N % FLOATS
    if more_p or more_n:
        x, B, C = F.pad(x, (0, more_p)), F.pad(B, (0, more_n)), F.pad(C, (0, more_n))
        state = F.pad(state, (0, more_n, 0, more_p))
    floats = x, dt, A, B, C, D, dt_bias, state.contiguous()
    differentiable = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in floats)
    y, final = _SSD.apply(*floats, bounds, differentiable)
    return (y[..., :P], final[..., :P, :N]) if more_p or more_n else (y, final)
