"""Chunking: the positions where chunks begin, side by side, and the limits of the rows that they form."""

import torch
from torch import Tensor

from kernels import backend
from kernels.arguments import remember, remember_limits, require_flags, require_limits, require_starts
from kernels.chunking import reference


def starts(is_boundary: Tensor, cu_seqlens: Tensor) -> tuple[Tensor, Tensor, list[int]]:
    """Where chunks begin, in order, and the limits of the rows of the stage that has one position for each chunk.

    is_boundary  (T,) bool
    cu_seqlens   (R + 1,)   int64 limits of the rows; rows may be empty
    returns      starts (M,) int64, inner limits (R + 1,) int64, and the same limits as numbers: on a GPU, the one time
                 that the host waits for the device, because M sizes what comes next
    Raises ValueError if shapes or dtypes do not fit together.
    """
    if is_boundary.dim() != 1:
        raise ValueError(f"is_boundary must be (T,) bool, got {tuple(is_boundary.shape)} {is_boundary.dtype}")
    require_flags("is_boundary", is_boundary, is_boundary.shape, cu_seqlens.device)
    require_limits(cu_seqlens, is_boundary.device, len(is_boundary))
    chosen = reference
    if backend.choose("chunking", cu_seqlens) == "triton":
        from kernels.chunking import cuda as chosen
    found, limits, numbers = chosen.starts(is_boundary, cu_seqlens)
    # What the host has just learned, so that the operators which take these need not ask the device for it.
    remember_limits(limits, numbers, len(found))
    remember(found, len(is_boundary))
    remember(is_boundary, len(found))
    return found, limits, numbers


def keep(x: Tensor, starts: Tensor) -> Tensor:
    """x (T, D) at the positions `starts` (M,) int64, which rise -> (M, D). Raises ValueError for other arguments."""
    if starts.dim() != 1 or starts.dtype != torch.int64:
        raise ValueError(f"starts must be (M,) in torch.int64, got {tuple(starts.shape)} in {starts.dtype}")
    if x.dim() != 2 or x.device != starts.device:
        raise ValueError(f"x must be (T, D) on {starts.device}, got {tuple(x.shape)} on {x.device}")
    require_starts(starts, len(x))
    if backend.choose("chunking", x) == "triton":
        from kernels.chunking import cuda

        return cuda.keep(x, starts)
    return reference.keep(x, starts)
