"""Rows on the device: which row a position is in, tiles of rows, and how every Triton kernel is launched.

A scan works on tiles of at most `size` positions that lie in one row. Row r owns the tiles number
limits[r] // size + r up to limits[r + 1] // size + r: at least as many as it needs, and at least one, so an
empty row has a tile too. All T // size + R numbers are launched; no table is made and the host waits for nothing.
"""

from collections.abc import Callable, Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

INTERPRETED = tl.constexpr(triton.knobs.runtime.interpret)
"""Whether kernels run in Triton's interpreter."""
PROGRAMS_ON_CPU = 3
"""Programs of a persistent kernel in the interpreter: more than one, and no divisor of the usual sizes."""
NEW_EVERY_STEP = ("T", "M", "steps", "n_rows", "size", "tiles")
"""Arguments whose values say how much there is, not how it lies: positions, chunks, rows, tiles."""
OPTIONS = frozenset(("num_warps", "num_stages"))
"""What a launch tells the compiler beside a kernel's arguments."""


def kernel(function: Callable):
    """A Triton kernel that is compiled once for all of NEW_EVERY_STEP: else it would be again where one of them is 1 or
    a multiple of 16, hundreds of steps into a training. Widths and strides, which a model does not change, stay known
    to the compiler: they tell how wide a load may be."""
    return triton.jit(function, do_not_specialize=NEW_EVERY_STEP)


@triton.jit
def row_at(limits, steps, n_rows, t):
    """The row of position t (a number or a block): the last one that begins at or before t. 2 ** steps > n_rows."""
    low = t * 0
    high = low + n_rows
    for _ in range(steps):
        middle = (low + high) // 2
        begun = tl.load(limits + middle) <= t
        low = tl.where(begun, middle, low)
        high = tl.where(begun, high, middle)
    return low


@triton.jit
def tile_at(limits, steps, n_rows, size, number):
    """(row, its first position, the position after its last, first position of the tile) of tile `number` (int64).

    The tile is empty where its first position is not below the end of the row.
    """
    low = number * 0
    high = low + n_rows
    for _ in range(steps):
        middle = (low + high) // 2
        begun = tl.load(limits + middle) // size + middle <= number
        low = tl.where(begun, middle, low)
        high = tl.where(begun, high, middle)
    begin = tl.load(limits + low)
    return low, begin, tl.load(limits + low + 1), begin + (number - begin // size - low) * size


@triton.jit
def silu(x):
    return x * tl.sigmoid(x)


@triton.jit
def narrowed(value, dtype: tl.constexpr):
    """value in `dtype`, rounded to the nearest, as a GPU rounds; Triton's interpreter by itself cuts bfloat16 off."""
    if INTERPRETED and dtype == tl.bfloat16:
        bits = value.to(tl.float32).to(tl.int32, bitcast=True)
        bits = (bits + (0x7FFF + ((bits >> 16) & 1))) & -65536
        value = tl.where(value == value, bits.to(tl.float32, bitcast=True), value)
    return value.to(dtype)


@triton.jit
def dot(a, b, onto=None):
    """onto + a @ b in float32; float32 factors are multiplied in three parts of tf32, which lose next to nothing."""
    if INTERPRETED:  # it knows no products of bfloat16; those of the same numbers in float32 are exact
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, onto, input_precision="tf32x3")


@triton.jit
def load_rows(x, stride, start, length, i, width, CHUNK: tl.constexpr):
    """x[start : start + CHUNK, i], 0 from `length` and from `width` on, in x's own dtype.

    Only the corner of a tile needs 64 bits; offsets inside it have 32, which saves a register each.
    """
    t = tl.arange(0, CHUNK)
    inside = (t < length)[:, None] & (i < width)[None, :]
    return tl.load(x + start * stride + (t[:, None] * stride + i[None, :]), mask=inside, other=0.0)


@triton.jit
def store_rows(x, stride, start, length, i, width, value, CHUNK: tl.constexpr):
    """The counterpart of load_rows."""
    t = tl.arange(0, CHUNK)
    inside = (t < length)[:, None] & (i < width)[None, :]
    at = x + start * stride + (t[:, None] * stride + i[None, :])
    tl.store(at, narrowed(value, x.dtype.element_ty), mask=inside)


def n_tiles(n_positions: int, n_rows: int, size: int) -> int:
    """Tile numbers to launch."""
    return n_positions // size + n_rows


def search(cu_seqlens: Tensor) -> dict[str, Tensor | int]:
    """What `row_at` and `tile_at` begin with: limits, steps of the search and rows, by the names that kernels know."""
    n_rows = len(cu_seqlens) - 1
    return {"limits": cu_seqlens.contiguous(), "steps": n_rows.bit_length(), "n_rows": n_rows}


def unit_stride(x: Tensor | None) -> Tensor | None:
    """x itself where neighbours of the last dimension lie side by side, else a copy where they do."""
    return x if x is None or x.shape[-1] < 2 or x.stride(-1) == 1 else x.contiguous()


def row_stride(x: Tensor | None) -> int:
    """Elements from one position to the next."""
    return 0 if x is None else x.stride(0)


def persistent(tensor: Tensor, n_pieces: int, per_processor: int) -> int:
    """Programs that share `n_pieces` of work: so many for each multiprocessor, and no more than there is work."""
    if not tensor.is_cuda:
        return min(n_pieces, PROGRAMS_ON_CPU)
    return min(
        n_pieces, per_processor * torch.cuda.get_device_properties(tensor.device).multi_processor_count
    )


def launch(kernel, grid: Sequence[int], **arguments) -> None:
    """Run `kernel` on the device of its first tensor, all arguments by name; an empty grid runs nothing.

    Raises TypeError for a name that the kernel has not, or wants and does not get.
    """
    wrong = arguments.keys() ^ set(kernel.arg_names) - OPTIONS
    if not wrong <= OPTIONS:
        name = kernel.__name__
        raise TypeError(
            f"{name} takes {', '.join(kernel.arg_names)}; wrong or missing: {sorted(wrong - OPTIONS)}"
        )
    if all(grid):
        with torch.cuda.device_of(next(x for x in arguments.values() if isinstance(x, Tensor))):
            kernel[tuple(grid)](**arguments)
