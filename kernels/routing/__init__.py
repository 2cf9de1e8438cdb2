"""Routing: how likely each position begins a chunk, from how much it differs from the position before it."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from kernels import backend
from kernels.arguments import require, require_limits
from kernels.routing import reference
from kernels.routing.reference import THRESHOLD


class Routed(NamedTuple):
    """prob (T,), float32 where q is bfloat16   last_q (R, D) q of each row's last position, for the next call

    is_boundary (T,) bool, prob strictly above THRESHOLD   n_chunks (R,) integer, boundaries in each row
    """

    prob: Tensor
    last_q: Tensor
    is_boundary: Tensor
    n_chunks: Tensor


def routing(
    q: Tensor, k: Tensor, cu_seqlens: Tensor, last_q: Tensor | None = None, started: Tensor | None = None
) -> Routed:
    """prob[t] = clamp((1 - cos(q[t-1], k[t])) / 2, 0, 1) within every row; the first position of a new row has 1.

    q, k        (T, D)     projections W_q x and W_k x of every position; may be slices of columns (last stride 1)
    cu_seqlens  (R + 1,)   int64 limits of the rows; rows may be empty
    last_q      (R, D)     q of the position before each row; used where `started`
    started     (R,) bool  rows that go on from an earlier call. Both None: all rows are new
    returns     prob, last_q after each row, and what follows from prob: boundaries and how many a row has
    Raises ValueError if shapes or dtypes do not fit together.
    """
    _check(q, k, cu_seqlens, last_q, started)
    match backend.choose("routing", q):
        case "triton":
            from kernels.routing import cuda

            return Routed(*cuda.routing(q, k, cu_seqlens, last_q, started))
        case "numba":
            from kernels.routing import cpu as chosen
        case _:
            chosen = reference
    prob, last_q = chosen.routing(q, k, cu_seqlens, last_q, started)
    is_boundary = prob > THRESHOLD
    begun = F.pad(is_boundary.cumsum(0), (1, 0))
    return Routed(prob, last_q, is_boundary, begun[cu_seqlens].diff())


def _check(q: Tensor, k: Tensor, cu_seqlens: Tensor, last_q: Tensor | None, started: Tensor | None) -> None:
    if q.dim() != 2:
        raise ValueError(f"q must be (T, D), got {tuple(q.shape)}")
    if (last_q is None) != (started is None):
        raise ValueError(
            "last_q and started must be given together: a row that goes on needs the q before it"
        )
    n_rows = require_limits(cu_seqlens, q.device, len(q))
    require(q, {"k": (k, q.shape)}, {"last_q": (last_q, (n_rows, q.shape[1]))})
    if started is not None and (started.shape != (n_rows,) or started.dtype.is_floating_point):
        raise ValueError(f"started must be ({n_rows},) bool, got {tuple(started.shape)} {started.dtype}")
