"""Rows on the device: which row a position is in, tiles of rows, and how every Triton kernel is launched.

A scan works on tiles of at most `size` positions that lie in one row. Row r owns the tiles number
limits[r] // size + r up to limits[r + 1] // size + r: at least as many as it needs, and at least one, so an
empty row has a tile too. All T // size + R numbers are launched; no table is made and the host waits for nothing.
"""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

INTERPRETED = tl.constexpr(triton.knobs.runtime.interpret)
"""Whether kernels run in Triton's interpreter."""
PROGRAMS_ON_CPU = 3
"""Programs of a persistent kernel in the interpreter: more than one, and no divisor of the usual sizes."""


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


def n_tiles(n_positions: int, n_rows: int, size: int) -> int:
    """Tile numbers to launch."""
    return n_positions // size + n_rows


def search(cu_seqlens: Tensor) -> tuple[Tensor, int, int]:
    """What `row_at` and `tile_at` begin with: limits, steps of the search, rows."""
    n_rows = len(cu_seqlens) - 1
    return cu_seqlens.contiguous(), n_rows.bit_length(), n_rows


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


def launch(kernel, grid: Sequence[int], *arguments, **constants) -> None:
    """Run `kernel` on the device of its first argument; an empty grid runs nothing."""
    if all(grid):
        with torch.cuda.device_of(arguments[0]):
            kernel[tuple(grid)](*arguments, **constants)
