"""Between the stages: keep the boundary positions, and fit widths that grow inwards."""

import torch
from torch import Tensor


def keep(x: Tensor, is_boundary: Tensor) -> Tensor:
    """x (T, D), is_boundary (T,) -> (M, D): the first position of every chunk."""
    return x.index_select(0, is_boundary.nonzero().squeeze(1))


def widen(x: Tensor, extra: Tensor | None) -> Tensor:
    """Append the learned vector `extra` (D_inner - D,) to every position (arXiv 2507.07955, sec. 2.2)."""
    return x if extra is None else torch.cat((x, extra.to(x.dtype).expand(len(x), -1)), dim=-1)
