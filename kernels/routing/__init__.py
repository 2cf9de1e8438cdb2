"""Routing: how likely each position begins a chunk, from how much it differs from the position before it."""

from torch import Tensor

from kernels import backend
from kernels.arguments import require, require_flags, require_limits
from kernels.routing import reference

THRESHOLD = reference.THRESHOLD


def routing(
    q: Tensor, k: Tensor, cu_seqlens: Tensor, last_q: Tensor | None = None, started: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """prob[t] = clamp((1 - cos(q[t-1], k[t])) / 2, 0, 1) within every row; the first position of a new row has 1.

    q, k        (T, D)     projections W_q x and W_k x of every position; may be slices of columns (last stride 1)
    cu_seqlens  (R + 1,)   int64 limits of the rows; rows may be empty
    last_q      (R, D)     q of the position before each row; used where `started`
    started     (R,) bool  rows that go on from an earlier call. Both None: all rows are new
    returns     prob (T,), float32 where q is bfloat16, and q of each row's last position (R, D), for the next call
    A boundary is where prob is strictly above THRESHOLD.
    Raises ValueError if shapes or dtypes do not fit together.
    """
    _check(q, k, cu_seqlens, last_q, started)
    match backend.choose("routing", q):
        case "triton":
            from kernels.routing import cuda as chosen
        case "numba":
            from kernels.routing import cpu as chosen
        case _:
            chosen = reference
    return chosen.routing(q, k, cu_seqlens, last_q, started)


def _check(q: Tensor, k: Tensor, cu_seqlens: Tensor, last_q: Tensor | None, started: Tensor | None) -> None:
    if q.dim() != 2:
        raise ValueError(f"q must be (T, D), got {tuple(q.shape)}")
    if (last_q is None) != (started is None):
        raise ValueError(
            "last_q and started must be given together: a row that goes on needs the q before it"
        )
    n_rows = require_limits(cu_seqlens, q.device, len(q))
    require(q, {"k": (k, q.shape)}, {"last_q": (last_q, (n_rows, q.shape[1]))})
    if started is not None:
        require_flags("started", started, (n_rows,), q.device)
