"""Smoothing: an exponential moving average of the chunks, weighted by boundary probability, spread over positions."""

from torch import Tensor

from kernels import backend
from kernels.arguments import require, require_chunks, require_flags, require_limits
from kernels.smoothing import reference


def smoothing(
    chunks: Tensor,
    prob: Tensor,
    is_boundary: Tensor,
    cu_seqlens: Tensor,
    *,
    confidence: Tensor | None = None,
    residual: Tensor | None = None,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """out[t] = z * ste(confidence[t]) + residual[t], where z, at each boundary, becomes p * chunk + (1 - p) * z.

    p is prob[t] clamped to [1e-4, 1 - 1e-4]. z starts each row at its state, or at 0. ste(c) is 1 in the forward pass;
    in the backward its gradient is that of c: dconfidence[t] = <dout[t], z at t>.

    chunks       (M, D)     outputs of the inner network: one for each boundary, in order
    prob         (T,)       boundary probability of every position
    is_boundary  (T,) bool  where a chunk begins
    cu_seqlens   (R + 1,)   int64 limits of the rows; rows may be empty
    confidence   (T,)       None: no straight-through factor
    residual     (T, D)     None: 0
    state        (R, D)     z before each row; None: zeros
    returns      out (T, D) in the dtype of chunks, and z after each row (R, D)
    Where chunks are bfloat16, everything else may be float32; z and the sum with the residual are.
    Raises ValueError if shapes or dtypes do not fit together, or chunks are more or fewer than boundaries.
    """
    _check(chunks, prob, is_boundary, cu_seqlens, confidence, residual, state)
    match backend.choose("smoothing", chunks):
        case "triton":
            from kernels.smoothing import cuda as chosen
        case "numba":
            from kernels.smoothing import cpu as chosen
        case _:
            chosen = reference
    return chosen.smoothing(
        chunks, prob, is_boundary, cu_seqlens, confidence=confidence, residual=residual, state=state
    )


def _check(chunks, prob, is_boundary, cu_seqlens, confidence, residual, state) -> None:
    if chunks.dim() != 2 or prob.dim() != 1:
        raise ValueError(
            f"chunks must be (M, D) and prob (T,), got {tuple(chunks.shape)} and {tuple(prob.shape)}"
        )
    n_positions, width, n_rows = (
        len(prob),
        chunks.shape[1],
        require_limits(cu_seqlens, chunks.device, len(prob)),
    )
    wide = {
        "prob": (prob, (n_positions,)),
        "confidence": (confidence, (n_positions,)),
        "residual": (residual, (n_positions, width)),
        "state": (state, (n_rows, width)),
    }
    require(chunks, {}, wide)
    require_flags("is_boundary", is_boundary, (n_positions,), chunks.device)
    require_chunks(is_boundary, len(chunks))
