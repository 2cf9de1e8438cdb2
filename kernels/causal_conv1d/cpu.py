"""CPU kernel of the causal convolution: convolution, bias and SiLU in one pass over memory, and so its backward."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from kernels.lanes.cpu import LANES, first, flat, flush, in_blocks, load, n_blocks, sigmoid, splat, store

_ONE = np.float32(1)
WIDTH = 4
"""The one kernel width. Positions go through in groups of WIDTH: seven rows of x then give four rows of y."""
_FLUSH = 64
"""Groups whose weight gradients are summed in float32 before they join the float64 sums."""


@njit(cache=True, nogil=True)
def _forward_group(x, i, stride, params, y, o):
    """Four rows of y, at y[o], from the rows of x at i - 3 * stride ... i + 3 * stride."""
    c = len(params) // 5
    for j in range(0, c, LANES):
        m = first(c - j)
        w0, w1, w2 = load(params, j, m), load(params, c + j, m), load(params, 2 * c + j, m)
        w3, bias = load(params, 3 * c + j, m), load(params, 4 * c + j, m)
        at = i + j
        x0, x1, x2 = load(x, at - 3 * stride, m), load(x, at - 2 * stride, m), load(x, at - stride, m)
        x3, x4, x5 = load(x, at, m), load(x, at + stride, m), load(x, at + 2 * stride, m)
        x6 = load(x, at + 3 * stride, m)
        v0 = w3 * x3 + (w2 * x2 + (w1 * x1 + (w0 * x0 + bias)))
        v1 = w3 * x4 + (w2 * x3 + (w1 * x2 + (w0 * x1 + bias)))
        v2 = w3 * x5 + (w2 * x4 + (w1 * x3 + (w0 * x2 + bias)))
        v3 = w3 * x6 + (w2 * x5 + (w1 * x4 + (w0 * x3 + bias)))
        store(y, o + j, v0 * sigmoid(v0), m)
        store(y, o + c + j, v1 * sigmoid(v1), m)
        store(y, o + 2 * c + j, v2 * sigmoid(v2), m)
        store(y, o + 3 * c + j, v3 * sigmoid(v3), m)


@njit(forceinline=True)
def _through_silu(dy, v):
    """The gradient at silu's input v."""
    s = sigmoid(v)
    return dy * (s + v * s * (splat(_ONE) - s))


@njit(cache=True, nogil=True)
def _backward_group(x, i, stride, dy, k, dy_stride, params, dx, o, dx_stride, ahead, sums):
    """Four rows of dx, the first at dx[o]; adds to `sums` (the gradients of params).

    ahead (3 * C)   in: gradients at SiLU's inputs at the three positions after the group; out: at its first three
    """
    c = len(params) // 5
    for j in range(0, c, LANES):
        m = first(c - j)
        w0, w1, w2 = load(params, j, m), load(params, c + j, m), load(params, 2 * c + j, m)
        w3, bias = load(params, 3 * c + j, m), load(params, 4 * c + j, m)
        at, dy_at = i + j, k + j
        x0, x1, x2 = load(x, at - 3 * stride, m), load(x, at - 2 * stride, m), load(x, at - stride, m)
        x3, x4, x5 = load(x, at, m), load(x, at + stride, m), load(x, at + 2 * stride, m)
        x6 = load(x, at + 3 * stride, m)
        g0 = _through_silu(load(dy, dy_at, m), w3 * x3 + (w2 * x2 + (w1 * x1 + (w0 * x0 + bias))))
        g1 = _through_silu(load(dy, dy_at + dy_stride, m), w3 * x4 + (w2 * x3 + (w1 * x2 + (w0 * x1 + bias))))
        g2 = _through_silu(
            load(dy, dy_at + 2 * dy_stride, m), w3 * x5 + (w2 * x4 + (w1 * x3 + (w0 * x2 + bias)))
        )
        g3 = _through_silu(
            load(dy, dy_at + 3 * dy_stride, m), w3 * x6 + (w2 * x5 + (w1 * x4 + (w0 * x3 + bias)))
        )
        g4, g5, g6 = load(ahead, j, m), load(ahead, c + j, m), load(ahead, 2 * c + j, m)
        store(dx, o + j, w3 * g0 + (w2 * g1 + (w1 * g2 + w0 * g3)), m)
        store(dx, o + dx_stride + j, w3 * g1 + (w2 * g2 + (w1 * g3 + w0 * g4)), m)
        store(dx, o + 2 * dx_stride + j, w3 * g2 + (w2 * g3 + (w1 * g4 + w0 * g5)), m)
        store(dx, o + 3 * dx_stride + j, w3 * g3 + (w2 * g4 + (w1 * g5 + w0 * g6)), m)
        store(ahead, j, g0, m)
        store(ahead, c + j, g1, m)
        store(ahead, 2 * c + j, g2, m)
        store(sums, j, load(sums, j, m) + (g0 * x0 + (g1 * x1 + (g2 * x2 + g3 * x3))), m)
        store(sums, c + j, load(sums, c + j, m) + (g0 * x1 + (g1 * x2 + (g2 * x3 + g3 * x4))), m)
        store(sums, 2 * c + j, load(sums, 2 * c + j, m) + (g0 * x2 + (g1 * x3 + (g2 * x4 + g3 * x5))), m)
        store(sums, 3 * c + j, load(sums, 3 * c + j, m) + (g0 * x3 + (g1 * x4 + (g2 * x5 + g3 * x6))), m)
        store(sums, 4 * c + j, load(sums, 4 * c + j, m) + (g0 + g1 + (g2 + g3)), m)


@njit(cache=True, nogil=True)
def _copy(source, i, target, o, n):
    """target[o : o + n] = source[i : i + n], whatever the two hold their numbers in."""
    for j in range(0, n, LANES):
        m = first(n - j)
        store(target, o + j, load(source, i + j, m), m)


@njit(cache=True, nogil=True)
def _copy_group(x, stride, state, row, row_start, t, n, copy):
    """The seven rows of a group of n <= 4 positions at t: what lies before the row from `state`, after it zeros."""
    c = len(copy) // 7
    for i in range(7):
        position = t - 3 + i
        if i < 3 + n and position >= row_start:
            _copy(x, position * stride, copy, i * c, c)
            continue
        before = i < 3 + n and len(state) > 0
        for j in range(c):
            copy[i * c + j] = state[row, j, position - row_start + 3] if before else 0


@njit(cache=True, nogil=True)
def _forward(x, stride, params, limits, state, y, start, stop):
    """y (flat, contiguous) at positions start ... stop. Groups that touch a row's ends go through small copies."""
    c = len(params) // 5
    x_copy, y_copy = np.empty(7 * c, np.float32), np.empty(4 * c, np.float32)
    for row in range(len(limits) - 1):
        row_start, end = limits[row], min(limits[row + 1], stop)
        for t in range(max(row_start, start), end, 4):
            if t - row_start >= 3 and t + 4 <= end:
                _forward_group(x, t * stride, stride, params, y, t * c)
            else:
                n = min(4, end - t)
                _copy_group(x, stride, state, row, row_start, t, n, x_copy)
                _forward_group(x_copy, 3 * c, c, params, y_copy, 0)
                _copy(y_copy, 0, y, t * c, n * c)


@njit(cache=True, nogil=True)
def _backward_edge(x, stride, state, row, row_start, t, n, dy, dy_stride, params, ahead, sums):
    """_backward_group for n <= 4 positions at t, by way of copies; returns their rows of dx, flat."""
    c = len(params) // 5
    x_copy, dx_copy = np.empty(7 * c, np.float32), np.empty(4 * c, np.float32)
    dy_copy = np.zeros(4 * c, np.float32)
    _copy_group(x, stride, state, row, row_start, t, n, x_copy)
    for i in range(n):
        _copy(dy, (t + i) * dy_stride, dy_copy, i * c, c)
    _backward_group(x_copy, 3 * c, c, dy_copy, 0, c, params, dx_copy, 0, c, ahead, sums)
    return dx_copy


@njit(forceinline=True)
def _whole_groups(edge, row_start, row_end):
    """A block's edge, moved into the row and up to the next group: only a row's last group may be short."""
    return min(row_end, row_start + (max(edge - row_start, 0) + 3) // 4 * 4)


@njit(cache=True, nogil=True)
def _backward(
    x, stride, params, limits, state, dy, dy_stride, dx, dx_stride, dparams, dstate, start, stop
):  # fmt: skip
    """dx at about the positions start ... stop, dstate of the rows that start there; adds to dparams (float64)."""
    c = len(params) // 5
    sums, ahead, unused = (
        np.zeros(5 * c, np.float32),
        np.empty(3 * c, np.float32),
        np.zeros(5 * c, np.float32),
    )
    for row in range(len(limits) - 1):
        row_start, row_end = limits[row], limits[row + 1]
        begin, end = _whole_groups(start, row_start, row_end), _whole_groups(stop, row_start, row_end)
        if begin >= end:
            continue
        for j in range(3 * c):
            ahead[j] = 0
        if end < row_end:  # the row goes on in the next block: look three positions ahead
            n = min(3, row_end - end)
            _backward_edge(x, stride, state, row, row_start, end, n, dy, dy_stride, params, ahead, unused)
        for group in range((end - begin - 1) // 4, -1, -1):
            t = begin + 4 * group
            if t - row_start >= 3 and t + 4 <= end:
                _backward_group(
                    x, t * stride, stride, dy, t * dy_stride, dy_stride, params,
                    dx, t * dx_stride, dx_stride, ahead, sums,
                )  # fmt: skip
            else:
                n = min(4, end - t)
                part = _backward_edge(
                    x, stride, state, row, row_start, t, n, dy, dy_stride, params, ahead, sums
                )
                for i in range(n):
                    _copy(part, i * c, dx, (t + i) * dx_stride, c)
            if group % _FLUSH == 0:
                flush(sums, dparams)
        if begin == row_start and len(dstate):
            for i in range(3):
                for j in range(c):
                    for back in range(i + 1):
                        dstate[row, j, i] += params[(i - back) * c + j] * ahead[back * c + j]


@njit(cache=True)
def _final_state(x, stride, limits, state, final):
    """final (R, C, 3): the last inputs of every row, going back into `state` where a row is shorter."""
    last = np.empty(final.shape[1], np.float32)
    for row in range(len(limits) - 1):
        for i in range(3):
            position = limits[row + 1] - 3 + i
            inside = position >= limits[row]
            if inside:
                _copy(x, position * stride, last, 0, len(last))
            for j in range(len(last)):
                if inside:
                    final[row, j, i] = last[j]
                elif len(state):
                    final[row, j, i] = state[row, j, position - limits[row] + 3]
                else:
                    final[row, j, i] = 0


@njit(cache=True)
def _add_final_state_gradient(dfinal, limits, dx, dx_stride, dstate):
    """The gradient of _final_state, added to dx and dstate."""
    last = np.empty(dfinal.shape[1], np.float32)
    for row in range(len(limits) - 1):
        for i in range(3):
            position = limits[row + 1] - 3 + i
            inside = position >= limits[row]
            if inside:
                _copy(dx, position * dx_stride, last, 0, len(last))
            for j in range(len(last)):
                if inside:
                    last[j] += dfinal[row, j, i]
                elif len(dstate):
                    dstate[row, j, position - limits[row] + 3] += dfinal[row, j, i]
            if inside:
                _copy(last, 0, dx, position * dx_stride, len(last))


def _array(state: Tensor | None) -> np.ndarray:
    """The state as a contiguous array; no rows at all stand for None."""
    return np.zeros((0, 0, 0), np.float32) if state is None else state.detach().contiguous().numpy()


def _params(weight: Tensor, bias: Tensor) -> np.ndarray:
    return torch.cat((weight.detach().T, bias.detach()[None])).view(-1).numpy()


def convolved(
    x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """kernels.causal_conv1d without its gradient; float32, whatever x is."""
    (rows, stride), (n_positions, n_channels) = flat(x), x.shape
    y = torch.empty(n_positions, n_channels)
    final = torch.empty(len(cu_seqlens) - 1, n_channels, WIDTH - 1)
    params, limits, before, out = _params(weight, bias), cu_seqlens.numpy(), _array(state), y.view(-1).numpy()

    def work(block, start, stop):
        _forward(rows, stride, params, limits, before, out, start, stop)

    in_blocks(work, n_positions, n_blocks(n_positions, n_channels))
    _final_state(rows, stride, limits, before, final.numpy())
    return y, final


def gradients(
    x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor, state: Tensor | None,
    dy: Tensor, dfinal: Tensor | None, dx: Tensor,
) -> tuple[Tensor, Tensor, Tensor | None]:  # fmt: skip
    """Writes the gradient of x to dx, which may be a slice of columns; returns those of weight, bias and state."""
    n_positions, n_channels = x.shape
    dstate = None if state is None else torch.zeros_like(state, memory_format=torch.contiguous_format)
    blocks = n_blocks(n_positions, n_channels)
    dparams = torch.zeros(blocks, 5 * n_channels, dtype=torch.float64)
    limits, dbefore, sums = cu_seqlens.numpy(), _array(dstate), dparams.numpy()
    arguments = *flat(x), _params(weight, bias), limits, _array(state), *flat(dy), *flat(dx)

    def work(block, start, stop):
        _backward(*arguments, sums[block], dbefore, start, stop)

    in_blocks(work, n_positions, blocks)
    if dfinal is not None:
        _add_final_state_gradient(dfinal.contiguous().numpy(), limits, *flat(dx), dbefore)
    dparams = dparams.sum(0).view(5, n_channels).to(torch.float32)
    return dparams[:WIDTH].T, dparams[WIDTH], dstate


class CausalConv1d(torch.autograd.Function):
    """kernels.causal_conv1d on the CPU: float32, width 4. The backward recomputes SiLU's input from x."""

    @staticmethod
    def forward(ctx, x, weight, bias, cu_seqlens, state):
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, weight, bias, cu_seqlens, state)
        return convolved(x, weight, bias, cu_seqlens, state)

    @staticmethod
    def backward(ctx, dy, dfinal):
        x, weight, bias, cu_seqlens, state = ctx.saved_tensors
        dx = torch.empty(x.shape)
        dy = torch.zeros_like(dx) if dy is None else dy
        dweight, dbias, dstate = gradients(x, weight, bias, cu_seqlens, state, dy, dfinal, dx)
        return dx, dweight, dbias, None, dstate


def causal_conv1d(
    x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """See kernels.causal_conv1d."""
    return CausalConv1d.apply(x, weight, bias, cu_seqlens, state)
