"""One register of float32 lanes (kernels.vectors), whole or in part, and the loops that hand blocks of rows to threads.

What the streaming kernels are written in: Numba's own loops over several arrays are vectorised only behind alias
checks that cost more than the work on a row. Arrays hold float32, or bfloat16 as its 16 bits (Numba knows no such
type): what is loaded is widened, what is stored is rounded to the nearest, to even in a tie, as torch rounds.
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
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model
from torch import Tensor

from kernels.vectors.cpu import FLOATS, Lanes, call, spread_value, vector_of

LANES = FLOATS
_FLOATS = vector_of(LANES)
_INTS = ir.VectorType(ir.IntType(32), LANES)
_COUNT = ir.IntType(64)
_HALVES = ir.VectorType(ir.IntType(16), LANES)
# Products may fuse with sums. Nothing else: NaN and infinity must pass through.
_FUSE = ("contract",)


class _Mask(types.Type):
    """How many lanes to read and write: the first ones, or all.

    Not a truth value a lane: without AVX-512, masked loads cost several plain ones, and masked stores ten. All but the
    last lanes of a row are whole, and a branch that always goes the same way costs next to nothing.
    """


lanes, mask_type = Lanes(LANES), _Mask("mask")


@register_model(_Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager, frontend_type):
        super().__init__(manager, frontend_type, _COUNT)


@infer_global(operator.add)
@infer_global(operator.sub)
@infer_global(operator.mul)
@infer_global(operator.truediv)
class _LanesOperator(ConcreteTemplate):
    cases = [signature(lanes, lanes, lanes)]  # noqa: RUF012


def _instruction(name: str) -> Callable:
    return lambda context, builder, sig, args: getattr(builder, name)(*args, flags=_FUSE)


_add = lower_builtin(operator.add, lanes, lanes)(_instruction("fadd"))
_subtract = lower_builtin(operator.sub, lanes, lanes)(_instruction("fsub"))
_multiply = lower_builtin(operator.mul, lanes, lanes)(_instruction("fmul"))
_divide = lower_builtin(operator.truediv, lanes, lanes)(_instruction("fdiv"))


def _memory(context, builder, array_type, array, index):
    """(pointer to array[index], vector type of LANES of its numbers, the ending of the type in LLVM's names)"""
    kind, ending = (
        (_HALVES, f"v{LANES}i16") if array_type.dtype == types.uint16 else (_FLOATS, f"v{LANES}f32")
    )
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), kind.as_pointer()), kind, ending


def _all(number: int) -> ir.Constant:
    return ir.Constant(_INTS, [number] * LANES)


def _widened(builder, halves):
    """bfloat16 is the upper half of a float32."""
    return builder.bitcast(builder.shl(builder.zext(halves, _INTS), _all(16)), _FLOATS)


def _narrowed(builder, value):
    bits = builder.bitcast(value, _INTS)
    odd = builder.and_(builder.lshr(bits, _all(16)), _all(1))
    rounded = builder.lshr(builder.add(bits, builder.add(odd, _all(0x7FFF))), _all(16))
    # Rounding up would turn some NaN into a number.
    kept = builder.select(builder.fcmp_unordered("uno", value, value), _all(0x7FC0), rounded)
    return builder.trunc(kept, _HALVES)


@intrinsic
def first(typing_context, count):
    """The mask of the first `count` lanes; all of them if count >= LANES."""
    return mask_type(types.intp), lambda context, builder, sig, args: args[0]


def _by_lane(builder, count):
    numbers = ir.Constant(_INTS, list(range(LANES)))
    return builder.icmp_signed(
        "<", numbers, spread_value(builder, LANES, builder.trunc(count, ir.IntType(32)))
    )


def _where_whole(builder, count):
    """Branches: (then, otherwise), for all lanes and for some."""
    return builder.if_else(builder.icmp_signed(">=", count, _COUNT(LANES)), likely=True)


@intrinsic
def load(typing_context, array, index, mask):
    """array[index : index + LANES] of a flat array; lanes outside the mask are 0 and not read."""

    def generate(context, builder, sig, args):
        address, kind, ending = _memory(context, builder, sig.args[0], args[0], args[1])
        size = sig.args[0].dtype.bitwidth // 8
        with _where_whole(builder, args[2]) as (then, otherwise):
            with then:
                whole, after_whole = builder.load(address, typ=kind, align=size), builder.block
            with otherwise:
                given = [address, ir.IntType(32)(size), _by_lane(builder, args[2]), ir.Constant(kind, None)]
                part = call(builder, f"llvm.masked.load.{ending}.p0", kind, given)
                after_part = builder.block
        value = builder.phi(kind)
        value.add_incoming(whole, after_whole)
        value.add_incoming(part, after_part)
        return _widened(builder, value) if kind is _HALVES else value

    return lanes(array, types.intp, mask_type), generate


@intrinsic
def store(typing_context, array, index, value, mask):
    """array[index : index + LANES] = value, in the lanes of the mask."""

    def generate(context, builder, sig, args):
        address, kind, ending = _memory(context, builder, sig.args[0], args[0], args[1])
        value = _narrowed(builder, args[2]) if kind is _HALVES else args[2]
        size = sig.args[0].dtype.bitwidth // 8
        with _where_whole(builder, args[3]) as (then, otherwise):
            with then:
                builder.store(value, address, align=size)
            with otherwise:
                given = [value, address, ir.IntType(32)(size), _by_lane(builder, args[3])]
                call(builder, f"llvm.masked.store.{ending}.p0", ir.VoidType(), given)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes, mask_type), generate


@intrinsic
def splat(typing_context, scalar):
    """The same number in all lanes."""

    def generate(context, builder, sig, args):
        return spread_value(builder, LANES, args[0])

    return lanes(types.float32), generate


@intrinsic
def largest(typing_context, value):
    """The largest of the lanes."""

    def generate(context, builder, sig, args):
        return call(builder, f"llvm.vector.reduce.fmax.v{LANES}f32", ir.FloatType(), list(args))

    return types.float32(lanes), generate


@intrinsic
def maximum(typing_context, one, other):
    """The larger of two, lane by lane."""

    def generate(context, builder, sig, args):
        return call(builder, f"llvm.maxnum.v{LANES}f32", _FLOATS, list(args))

    return lanes(lanes, lanes), generate


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
        return call(builder, f"llvm.rint.v{LANES}f32", _FLOATS, list(args))

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
_ZERO, _ONE, _EDGE, _LOG2_E = _F32(0), _F32(1), _F32(87), _F32(1.44269504088896341)
_LN2_HIGH, _LN2_LOW = _F32(0.693359375), _F32(-2.12194440e-4)
# exp(r) = 1 + r + r^2 (_E0 + _E1 r + ...) on |r| <= ln(2)/2: the minimax polynomial of Cephes' expf.
_E5, _E4, _E3 = _F32(1.9875691500e-4), _F32(1.3981999507e-3), _F32(8.3334519073e-3)
_E2, _E1, _E0 = _F32(4.1665795894e-2), _F32(1.6666665459e-1), _F32(5.0000001201e-1)


@njit(forceinline=True)
def exponential(v):
    """exp(v) in every lane, to about two roundings; beyond +-87, where float32 ends, that of +-87."""
    v = _clip(v, splat(-_EDGE), splat(_EDGE))
    n = _rounded(v * splat(_LOG2_E))
    r = v - n * splat(_LN2_HIGH) - n * splat(_LN2_LOW)
    p = splat(_E5) * r + splat(_E4)
    p = p * r + splat(_E3)
    p = p * r + splat(_E2)
    p = p * r + splat(_E1)
    p = p * r + splat(_E0)
    p = p * (r * r) + r + splat(_ONE)
    return p * _power_of_two(n)


@njit(forceinline=True)
def sigmoid(v):
    """1 / (1 + exp(-v)) in every lane, to about two roundings."""
    return splat(_ONE) / (splat(_ONE) + exponential(splat(_ZERO) - v))


_WORTH_A_THREAD = 2**18
"""Numbers a block must hold before a second thread pays: below, handing it over takes as long as the work."""


def flat(x: Tensor) -> tuple[np.ndarray, int]:
    """x (T, D) as (array, stride), with x[t, j] at array[t * stride + j]; no copy if the last stride of x is 1."""
    n_rows, width = x.shape
    if x.stride(1) != 1 and width > 1:
        x = x.contiguous()
    extent = (n_rows - 1) * x.stride(0) + width if n_rows else 0
    return array(x.detach().as_strided((extent,), (1,))), x.stride(0)


def array(x: Tensor) -> np.ndarray:
    """x as the kernels read it: bfloat16 as its 16 bits."""
    return (x.view(torch.uint16) if x.dtype == torch.bfloat16 else x).numpy()


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


@njit(cache=True, nogil=True)
def flush(sums, totals):
    """Move float32 sums into float64 totals: float32 alone would lose digits over thousands of positions."""
    for j in range(len(sums)):
        totals[j] += sums[j]
        sums[j] = 0
