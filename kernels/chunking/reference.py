"""The specification of chunking, in plain torch: any dtype, any device."""

import torch
import torch.nn.functional as F
from torch import Tensor


def starts(is_boundary: Tensor, cu_seqlens: Tensor) -> tuple[Tensor, Tensor, list[int]]:
    """Indices of the boundaries, and limits of the rows that they form; see kernels.chunking."""
    limits = F.pad(is_boundary.cumsum(0), (1, 0))[cu_seqlens]
    numbers = limits.tolist()
    return torch.nonzero_static(is_boundary, size=numbers[-1]).squeeze(1), limits, numbers


def keep(x: Tensor, starts: Tensor) -> Tensor:
    """x at the positions `starts`; see kernels.chunking."""
    return x.index_select(0, starts)
