"""The specification of routing, in plain torch: any dtype, any device."""

import torch
import torch.nn.functional as F
from torch import Tensor

EPS = 1e-12
"""Vectors shorter than this are divided by it instead of by their length, as in F.normalize."""
THRESHOLD = 0.5
"""A position is a boundary where its probability is strictly above this."""


def routing(
    q: Tensor, k: Tensor, cu_seqlens: Tensor, last_q: Tensor | None = None, started: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """p[t] = (1 - cos(q[t-1], k[t])) / 2 within every row; see kernels.routing."""
    n_rows, n_positions = len(cu_seqlens) - 1, len(q)
    if last_q is None:
        last_q, started = q.new_zeros(n_rows, q.shape[1]), cu_seqlens.new_zeros(n_rows, dtype=torch.bool)
    starts, lengths = cu_seqlens[:-1], cu_seqlens.diff()
    rows = torch.arange(n_rows, device=q.device)
    row_of = torch.repeat_interleave(rows, lengths)
    position = torch.arange(n_positions, device=q.device)
    is_first = position == starts[row_of]

    queries = torch.cat((last_q, q))
    previous = queries[torch.where(is_first, row_of, n_rows + position - 1)]
    previous, k = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (previous, k))
    cosine = (F.normalize(previous, dim=-1, eps=EPS) * F.normalize(k, dim=-1, eps=EPS)).sum(-1)
    prob = ((1 - cosine) / 2).clamp(0, 1)
    prob = torch.where(is_first & ~started[row_of], 1.0, prob)
    return prob, queries[torch.where(lengths > 0, n_rows + cu_seqlens[1:] - 1, rows)]
