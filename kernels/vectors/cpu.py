"""A short vector of float32 that Numba keeps in registers, and what the scan does with several registers at once.

Numba has no vector type and leaves vectors to LLVM's loop vectoriser, which keeps no accumulators in registers across
a loop over time. `Lanes` is LLVM's own <width x float>; LLVM splits it into whatever registers the machine has.
All indices are positions in a flat float32 array and are not checked. A tensor (T, ...) is a `track`, (flat memory,
start, stride): position t begins at flat[start + t * stride].
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic, models, register_model
from numba.np.arrayobj import make_array

_WIDTHS = {"+avx512f": 16, "+avx": 8}
"""Numbers of a register by the feature that the processor has; without any of them (SSE, NEON) it holds four."""


def floats_in(features: str) -> int:
    """How many float32 numbers a register holds; `features` as LLVM writes them: "+avx,+avx2,-avx512f"."""
    known = features.split(",")
    return next((width for feature, width in _WIDTHS.items() if feature in known), 4)


FLOATS = floats_in(cpu_target.target_context.codegen().magic_tuple()[2])
"""Of the processor that Numba compiles for."""

compiled = njit(nogil=True, fastmath=True, cache=True, error_model="numpy")


class Lanes(types.Type):
    """`width` float32 values, operated on together."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(f"Lanes({width})")


def vector_of(width: int) -> ir.VectorType:
    """How LLVM names it."""
    return ir.VectorType(ir.FloatType(), width)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes: Lanes) -> None:
        super().__init__(manager, lanes, vector_of(lanes.width))


def call(builder, name: str, result, arguments, **kwargs):
    """Call an LLVM intrinsic by its full name."""
    signature = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments, **kwargs)


def _address(context, builder, array_type, array, index):
    return builder.gep(make_array(array_type)(context, builder, array).data, [index])


def spread_value(builder, width: int, value):
    """A vector whose lanes all hold the scalar `value`, a float or a whole number."""
    undefined = ir.Constant(ir.VectorType(value.type, width), ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(
        first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    )


@intrinsic
def zeros(typing, registers):
    """Zeros that fill len(registers) registers; of the tuple `registers` only the length matters."""
    width = FLOATS * len(registers)
    return Lanes(width)(registers), lambda context, builder, signature, args: ir.Constant(
        vector_of(width), [0.0] * width
    )


@intrinsic
def width_of(typing, like):
    """The number of lanes, a compile-time constant."""
    return types.intp(like), lambda context, builder, signature, args: ir.Constant(ir.IntType(64), like.width)


@intrinsic
def spread(typing, like, value):
    """`value` in every lane."""
    return like(like, types.float32), lambda context, builder, signature, args: spread_value(
        builder, like.width, args[1]
    )


@intrinsic
def spread_from(typing, like, array, index):
    """array[index] in every lane."""

    def generate(context, builder, signature, args):
        value = builder.load(_address(context, builder, array, args[1], args[2]))
        return spread_value(builder, like.width, value)

    return like(like, array, types.intp), generate


@intrinsic
def load(typing, like, array, index):
    """array[index : index + width]"""

    def generate(context, builder, signature, args):
        address = _address(context, builder, array, args[1], args[2])
        value = builder.load(
            builder.bitcast(address, vector_of(like.width).as_pointer()), typ=vector_of(like.width)
        )
        value.align = 4
        return value

    return like(like, array, types.intp), generate


@intrinsic
def store(typing, array, index, value):
    """array[index : index + width] = value"""

    def generate(context, builder, signature, args):
        address = _address(context, builder, array, args[0], args[1])
        builder.store(args[2], builder.bitcast(address, vector_of(value.width).as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), generate


@intrinsic
def multiply(typing, x, y):
    """x * y, lane by lane."""
    return x(x, x), lambda context, builder, signature, args: builder.fmul(*args, flags=("fast",))


@intrinsic
def multiply_add(typing, x, y, z):
    """x * y + z, lane by lane, in one instruction where the machine has it."""

    def generate(context, builder, signature, args):
        return call(builder, f"llvm.fmuladd.v{x.width}f32", vector_of(x.width), args)

    return x(x, x, x), generate


@intrinsic
def total(typing, x):
    """The sum of the lanes, in any order; NaN and infinity pass through."""

    def generate(context, builder, signature, args):
        zero = ir.Constant(ir.FloatType(), -0.0)
        name = f"llvm.vector.reduce.fadd.v{x.width}f32"
        return call(builder, name, ir.FloatType(), [zero, args[0]], fastmath=("reassoc",))

    return types.float32(x), generate


@compiled
def row_at(track, t):
    """Where position t begins in the track's memory."""
    return track[1] + t * track[2]


@compiled
def moved(track, offset):
    """The track that begins `offset` numbers later in every row."""
    return track[0], track[1] + offset, track[2]


@compiled
def dot(zero, a, b, b_at):
    """<a, b[b_at : b_at + len(a)]>; len(a) fills whole vectors."""
    result = zero
    for i in range(0, len(a), width_of(zero)):
        result = multiply_add(load(zero, a, i), load(zero, b, b_at + i), result)
    return total(result)


@compiled
def aligned(count, size):
    """`count` uninitialised float32 arrays, the first of which starts at a cache line."""
    memory = np.empty(count * size + 16, np.float32)
    skipped = (-(memory.ctypes.data // 4)) % 16
    return memory[skipped : skipped + count * size].reshape((count, size))


@compiled
def inner(zero, a, b, size, start, stop, out):
    """out[t - start] = <a[t], b[t]>, rows of `size` numbers, which fill whole vectors."""
    for t in range(start, stop):
        result, a_at, b_at = zero, row_at(a, t), row_at(b, t)
        for i in range(0, size, width_of(zero)):
            result = multiply_add(load(zero, a[0], a_at + i), load(zero, b[0], b_at + i), result)
        out[t - start] = total(result)


@compiled
def scaled_copy(zero, source, factor, target):
    """target = source = factor * source"""
    for i in range(0, len(source), width_of(zero)):
        value = multiply(load(zero, source, i), spread(zero, factor))
        store(source, i, value)
        store(target, i, value)
