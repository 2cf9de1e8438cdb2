"""The specification of smoothing, in plain torch: any dtype, any device."""

import torch
import torch.nn.functional as F
from torch import Tensor

P_MIN = 1e-4
"""Boundary probabilities are clamped to [P_MIN, 1 - P_MIN] before they weigh chunks."""


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
    """z[m] = p[m] * chunks[m] + (1 - p[m]) * z[m-1], spread over each chunk's positions; see kernels.smoothing."""
    if state is None:
        dtype = torch.promote_types(chunks.dtype, torch.float32)
        state = chunks.new_zeros(len(cu_seqlens) - 1, chunks.shape[1], dtype=dtype)
    weights = prob[is_boundary].clamp(P_MIN, 1 - P_MIN)
    n_begun = F.pad(is_boundary.cumsum(0), (1, 0))  # chunks begun before each position, and after the last
    outputs, final_states = [chunks.new_zeros(0, chunks.shape[1])], []
    for start, end, z in zip(cu_seqlens[:-1], cu_seqlens[1:], state, strict=True):
        smoothed = [z]
        for m in range(n_begun[start], n_begun[end]):
            smoothed.append(weights[m] * chunks[m] + (1 - weights[m]) * smoothed[-1])
        outputs.append(torch.stack(smoothed)[n_begun[start + 1 : end + 1] - n_begun[start]])
        final_states.append(smoothed[-1])
    out = torch.cat(outputs)
    if confidence is not None:
        out = out * _ones_with_gradient_of(confidence)[:, None]
    if residual is not None:
        out = out + residual
    return out.to(chunks.dtype), torch.stack(final_states).to(state.dtype) if final_states else state


def _ones_with_gradient_of(confidence: Tensor) -> Tensor:
    """The straight-through estimator: 1 in the forward pass, the gradient of `confidence` in the backward."""
    return 1 + (confidence - confidence.detach())
