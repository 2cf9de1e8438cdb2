"""CPU kernel of the causal convolution: convolution, bias and SiLU in one pass over memory, and so its backward.

The first part, sixteen float32 lanes as one Numba value, also carries the other streaming kernels: Numba's own
loops over several arrays are vectorised only behind alias checks that cost more than the work on a row.
"""

import operator
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model
from torch import Tensor

# --- Sixteen float32 lanes -------------------------------------------------------------------------------------

LANES = 16
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTS = ir.VectorType(ir.IntType(32), LANES)
_BITS = ir.VectorType(ir.IntType(1), LANES)
# Products may fuse with sums. Nothing else: NaN and infinity must pass through.
_FUSE = ("contract",)


class _Lanes(types.Type):
    """LANES float32 numbers: one AVX-512 register, or what the machine has instead."""


class _Mask(types.Type):
    """LANES truth values: which lanes to read and write."""


lanes, mask_type = _Lanes("lanes"), _Mask("mask")


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, frontend_type):
        super().__init__(manager, frontend_type, _FLOATS)


@register_model(_Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager, frontend_type):
        super().__init__(manager, frontend_type, _BITS)


def _define(python_operator: Callable, instruction: str) -> None:
    """Let `lanes <operator> lanes` compile to one LLVM instruction."""

    @infer_global(python_operator)
    class Template(ConcreteTemplate):
        cases = [signature(lanes, lanes, lanes)]  # noqa: RUF012

    @lower_builtin(python_operator, lanes, lanes)
    def lower(context, builder, sig, args):
        return getattr(builder, instruction)(*args, flags=_FUSE)


for _operator, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _define(_operator, _instruction)


def _call(builder, name: str, returned, args, fastmath=()):
    """Call the LLVM intrinsic `name`."""
    kind = ir.FunctionType(returned, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args, fastmath=fastmath)


def _splat(builder, scalar, vector_type):
    one = builder.insert_element(ir.Constant(vector_type, ir.Undefined), scalar, ir.IntType(32)(0))
    return builder.shuffle_vector(one, one, ir.Constant(_INTS, None))


def _address(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _FLOATS.as_pointer())


@intrinsic
def first(typing_context, count):
    """The mask of the first `count` lanes; all of them if count >= LANES."""

    def generate(context, builder, sig, args):
        numbers = ir.Constant(_INTS, list(range(LANES)))
        count = _splat(builder, builder.trunc(args[0], ir.IntType(32)), _INTS)
        return builder.icmp_signed("<", numbers, count)

    return mask_type(types.intp), generate


@intrinsic
def load(typing_context, array, index, mask):
    """array[index : index + LANES] of a flat float32 array; lanes outside the mask are 0 and not read."""

    def generate(context, builder, sig, args):
        address = _address(context, builder, sig.args[0], args[0], args[1])
        given = [address, ir.IntType(32)(4), args[2], ir.Constant(_FLOATS, None)]
        return _call(builder, "llvm.masked.load.v16f32.p0", _FLOATS, given)

    return lanes(array, types.intp, mask_type), generate


@intrinsic
def store(typing_context, array, index, value, mask):
    """array[index : index + LANES] = value, in the lanes of the mask."""

    def generate(context, builder, sig, args):
        address = _address(context, builder, sig.args[0], args[0], args[1])
        given = [args[2], address, ir.IntType(32)(4), args[3]]
        _call(builder, "llvm.masked.store.v16f32.p0", ir.VoidType(), given)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes, mask_type), generate


@intrinsic
def splat(typing_context, scalar):
    """The same number in all lanes."""

    def generate(context, builder, sig, args):
        return _splat(builder, args[0], _FLOATS)

    return lanes(types.float32), generate


@intrinsic
def total(typing_context, value):
    """The sum over the lanes."""

    def generate(context, builder, sig, args):
        given = [ir.FloatType()(0.0), args[0]]
        return _call(builder, "llvm.vector.reduce.fadd.v16f32", ir.FloatType(), given, fastmath=("reassoc",))

    return types.float32(lanes), generate


@intrinsic
def _clip(typing_context, value, low, high):
    def generate(context, builder, sig, args):
        value, low, high = args
        # Ordered this way round, a NaN stays a NaN.
        value = builder.select(builder.fcmp_ordered("<", value, low), low, value)
        return builder.select(builder.fcmp_ordered(">", value, high), high, value)

    return lanes(lanes, lanes, lanes), generate


@intrinsic
def _rounded(typing_context, value):
    def generate(context, builder, sig, args):
        return _call(builder, "llvm.rint.v16f32", _FLOATS, list(args))

    return lanes(lanes), generate


@intrinsic
def _power_of_two(typing_context, exponent):
    """2 ** exponent, for whole numbers in [-126, 127]: the exponent's bits are written directly."""

    def generate(context, builder, sig, args):
        exponent = builder.fptosi(args[0], _INTS)
        biased = builder.add(exponent, ir.Constant(_INTS, [127] * LANES))
        return builder.bitcast(builder.shl(biased, ir.Constant(_INTS, [23] * LANES)), _FLOATS)

    return lanes(lanes), generate


_F32 = np.float32
_ONE, _EDGE, _LOG2_E = _F32(1), _F32(87), _F32(1.44269504088896341)
_LN2_HIGH, _LN2_LOW = _F32(0.693359375), _F32(-2.12194440e-4)
# exp(r) = 1 + r + r^2 (_E0 + _E1 r + ...) on |r| <= ln(2)/2: the minimax polynomial of Cephes' expf.
_E5, _E4, _E3 = _F32(1.9875691500e-4), _F32(1.3981999507e-3), _F32(8.3334519073e-3)
_E2, _E1, _E0 = _F32(4.1665795894e-2), _F32(1.6666665459e-1), _F32(5.0000001201e-1)


@njit(forceinline=True)
def sigmoid(v):
    """1 / (1 + exp(-v)) in every lane, to about two roundings."""
    v = _clip(splat(_F32(0)) - v, splat(-_EDGE), splat(_EDGE))
    n = _rounded(v * splat(_LOG2_E))
    r = v - n * splat(_LN2_HIGH) - n * splat(_LN2_LOW)
    p = splat(_E5) * r + splat(_E4)
    p = p * r + splat(_E3)
    p = p * r + splat(_E2)
    p = p * r + splat(_E1)
    p = p * r + splat(_E0)
    p = p * (r * r) + r + splat(_ONE)
    return splat(_ONE) / (splat(_ONE) + p * _power_of_two(n))


# --- Rows of tensors, and blocks of rows over threads ------------------------------------------------------------

_WORTH_A_THREAD = 2**18
"""Numbers a block must hold before a second thread pays: below, handing it over takes as long as the work."""


def flat(x: Tensor) -> tuple[np.ndarray, int]:
    """x (T, D) as (array, stride), with x[t, j] at array[t * stride + j]; no copy if the last stride of x is 1."""
    n_rows, width = x.shape
    if x.stride(1) != 1 and width > 1:
        x = x.contiguous()
    extent = (n_rows - 1) * x.stride(0) + width if n_rows else 0
    return x.detach().as_strided((extent,), (1,)).numpy(), x.stride(0)


def n_blocks(n_positions: int, width: int) -> int:
    """How many blocks to cut n_positions of `width` numbers into: at most one for each of torch's threads."""
    return max(1, min(torch.get_num_threads(), n_positions * width // _WORTH_A_THREAD, n_positions))


def in_blocks(work: Callable[[int, int, int], None], n_positions: int, blocks: int) -> None:
    """work(block, start, stop) for `blocks` equal parts of range(n_positions), each on its own thread.

    `work` must release the interpreter's lock (njit(nogil=True)).
    """
    edges = [n_positions * i // blocks for i in range(blocks + 1)]
    others = [_pool(os.getpid()).submit(work, i, edges[i], edges[i + 1]) for i in range(1, blocks)]
    work(0, edges[0], edges[1])
    for other in others:
        other.result()


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The worker threads of this process: threads do not survive a fork."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="kernels")


# --- The convolution ---------------------------------------------------------------------------------------------

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
def _backward_group(x, i, stride, dy, k, dy_stride, params, dx, o, ahead, sums):
    """Four rows of dx, at dx[o]; adds to `sums` (the gradients of params).

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
        store(dx, o + c + j, w3 * g1 + (w2 * g2 + (w1 * g3 + w0 * g4)), m)
        store(dx, o + 2 * c + j, w3 * g2 + (w2 * g3 + (w1 * g4 + w0 * g5)), m)
        store(dx, o + 3 * c + j, w3 * g3 + (w2 * g4 + (w1 * g5 + w0 * g6)), m)
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
    """target[o : o + n] = source[i : i + n]; Numba takes a second longer to compile the slices."""
    for j in range(n):
        target[o + j] = source[i + j]


@njit(cache=True, nogil=True)
def flush(sums, totals):
    """Move float32 sums into float64 totals: float32 alone would lose digits over thousands of positions."""
    for j in range(len(sums)):
        totals[j] += sums[j]
        sums[j] = 0


@njit(cache=True, nogil=True)
def _copy_group(x, stride, state, row, row_start, t, n, copy):
    """The seven rows of a group of n <= 4 positions at t: what lies before the row from `state`, after it zeros."""
    c = len(copy) // 7
    for i in range(7):
        position = t - 3 + i
        for j in range(c):
            if i >= 3 + n:
                copy[i * c + j] = 0
            elif position >= row_start:
                copy[i * c + j] = x[position * stride + j]
            elif len(state):
                copy[i * c + j] = state[row, j, position - row_start + 3]
            else:
                copy[i * c + j] = 0


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
    _backward_group(x_copy, 3 * c, c, dy_copy, 0, c, params, dx_copy, 0, ahead, sums)
    return dx_copy


@njit(forceinline=True)
def _whole_groups(edge, row_start, row_end):
    """A block's edge, moved into the row and up to the next group: only a row's last group may be short."""
    return min(row_end, row_start + (max(edge - row_start, 0) + 3) // 4 * 4)


@njit(cache=True, nogil=True)
def _backward(x, stride, params, limits, state, dy, dy_stride, dx, dparams, dstate, start, stop):
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
                    x, t * stride, stride, dy, t * dy_stride, dy_stride, params, dx, t * c, ahead, sums
                )
            else:
                n = min(4, end - t)
                part = _backward_edge(
                    x, stride, state, row, row_start, t, n, dy, dy_stride, params, ahead, sums
                )
                _copy(part, 0, dx, t * c, n * c)
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
    for row in range(len(limits) - 1):
        for i in range(3):
            position = limits[row + 1] - 3 + i
            for j in range(final.shape[1]):
                if position >= limits[row]:
                    final[row, j, i] = x[position * stride + j]
                elif len(state):
                    final[row, j, i] = state[row, j, position - limits[row] + 3]
                else:
                    final[row, j, i] = 0


@njit(cache=True)
def _add_final_state_gradient(dfinal, limits, dx, dstate):
    """The gradient of _final_state, added to dx (flat, contiguous) and dstate."""
    c = dfinal.shape[1]
    for row in range(len(limits) - 1):
        for i in range(3):
            position = limits[row + 1] - 3 + i
            for j in range(c):
                if position >= limits[row]:
                    dx[position * c + j] += dfinal[row, j, i]
                elif len(dstate):
                    dstate[row, j, position - limits[row] + 3] += dfinal[row, j, i]


def _array(state: Tensor | None) -> np.ndarray:
    """The state as a contiguous array; no rows at all stand for None."""
    return np.zeros((0, 0, 0), np.float32) if state is None else state.detach().contiguous().numpy()


class CausalConv1d(torch.autograd.Function):
    """kernels.causal_conv1d on the CPU: float32, width 4. The backward recomputes SiLU's input from x."""

    @staticmethod
    def forward(ctx, x, weight, bias, cu_seqlens, state):
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, weight, bias, cu_seqlens, state)
        (rows, stride), (n_positions, n_channels) = flat(x), x.shape
        params = torch.cat((weight.detach().T, bias.detach()[None])).view(-1).numpy()
        y = torch.empty(n_positions, n_channels)
        final = torch.empty(len(cu_seqlens) - 1, n_channels, WIDTH - 1)
        limits, before, out = cu_seqlens.numpy(), _array(state), y.view(-1).numpy()

        def work(block, start, stop):
            _forward(rows, stride, params, limits, before, out, start, stop)

        in_blocks(work, n_positions, n_blocks(n_positions, n_channels))
        _final_state(rows, stride, limits, before, final.numpy())
        return y, final

    @staticmethod
    def backward(ctx, dy, dfinal):
        x, weight, bias, cu_seqlens, state = ctx.saved_tensors
        (rows, stride), (n_positions, n_channels) = flat(x), x.shape
        params = torch.cat((weight.detach().T, bias.detach()[None])).view(-1).numpy()
        dx = torch.empty(n_positions, n_channels)
        dstate = None if state is None else torch.zeros_like(state, memory_format=torch.contiguous_format)
        blocks = n_blocks(n_positions, n_channels)
        dparams = torch.zeros(blocks, 5 * n_channels, dtype=torch.float64)
        limits, before, dbefore = cu_seqlens.numpy(), _array(state), _array(dstate)
        out, sums = dx.view(-1).numpy(), dparams.numpy()
        given, given_stride = flat(torch.zeros_like(dx) if dy is None else dy)

        def work(block, start, stop):
            _backward(
                rows,
                stride,
                params,
                limits,
                before,
                given,
                given_stride,
                out,
                sums[block],
                dbefore,
                start,
                stop,
            )

        in_blocks(work, n_positions, blocks)
        if dfinal is not None:
            _add_final_state_gradient(dfinal.contiguous().numpy(), limits, out, dbefore)
        dparams = dparams.sum(0).view(5, n_channels).to(torch.float32)
        return dx, dparams[:WIDTH].T, dparams[WIDTH], None, dstate


def causal_conv1d(
    x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """See kernels.causal_conv1d."""
    return CausalConv1d.apply(x, weight, bias, cu_seqlens, state)
