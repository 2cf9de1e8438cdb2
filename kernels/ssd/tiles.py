"""How much of its input a program of the SSD kernels takes at once: what fits into registers and fills a GPU."""

import torch
from torch import Tensor

CHUNK, SMALL_CHUNK, SHORT_CHUNK = 64, 32, 16
"""Positions treated at once by matrix products; the short one where rows are not longer than that, as in generation.
The small one below compute capability 9.0, whose products keep their factors in registers: 64 positions spill there.
Float32, whose factors are three parts each, takes the short one.
"""
COLUMNS, FLOAT_COLUMNS, SHARED_FLOAT_COLUMNS = 64, 16, 32
"""Columns of x, or of B and C, that a program treats at once. Float32, whose products hold more, takes fewer; the third
is for dB and dC, where fewer than that would spill again."""
MAX_STATE = 128
"""Rows or columns of a state. With 256 columns the scan in bfloat16 wants 248 kB of shared memory on sm_90, which has
227."""
PROGRAMS = 1024
"""Segments times heads that keep a large GPU busy: segments are as long as that allows."""
SEGMENTS = (256, 4096)
"""Fewest and most positions of a segment."""


def sizes_of(x: Tensor, B: Tensor, n_rows: int) -> tuple[int, dict]:
    """Positions of a segment, and the constants of the kernels."""
    T, H, P = x.shape
    chunk = _chunk(x) if SHORT_CHUNK * n_rows < T else SHORT_CHUNK
    low, high = SEGMENTS
    size = min(high, max(low, _power_of_2(T * H // PROGRAMS + 1)))
    blocks = {"BLOCK_P": P, "BLOCK_N": B.shape[1]}
    blocks = {name: max(16, _power_of_2(width)) for name, width in blocks.items()}
    if max(blocks.values()) > MAX_STATE:
        raise ValueError(
            f"the SSD kernel takes states of at most {MAX_STATE} x {MAX_STATE}, got {P} x {B.shape[1]}"
        )
    # Loads that run ahead of their products take registers, which float32 has none left of.
    ahead = {"num_stages": 1} if x.dtype == torch.float32 else {}
    return size, {"CHUNK": chunk, **blocks, "num_warps": 8, **ahead}


def columns_at_once(x: Tensor, width: int, of_float: int = FLOAT_COLUMNS) -> int:
    """How many of `width` columns a program treats at once, x being what it reads."""
    return min(width, of_float if x.dtype == torch.float32 else COLUMNS)


def _chunk(x: Tensor) -> int:
    """Positions of a chunk of x on its device; in the interpreter registers do not matter."""
    if x.device.type == "cpu":
        return CHUNK
    if x.dtype == torch.float32:
        return SHORT_CHUNK
    return CHUNK if torch.cuda.get_device_capability(x.device) >= (9, 0) else SMALL_CHUNK


def _power_of_2(n: int) -> int:
    """The smallest power of 2 that is n or more, n from 1 on."""
    return 1 << (n - 1).bit_length()
