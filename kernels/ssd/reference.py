"""The SSD operator in plain torch: the specification (Dao and Gu 2024, Mamba-2, the chunked form of section 6)."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 64
"""Positions treated at once by matrix products; changes the speed, not the result."""


def ssd(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    dt_bias: Tensor,
    cu_seqlens: Tensor,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Row by row, in the widest dtype given; shapes and meaning as in kernels.ssd.ssd. Any dtype and device."""
    (_, H, P), N = x.shape, B.shape[1]
    step = F.softplus(dt + dt_bias)
    if state is None:
        state = x.new_zeros(len(cu_seqlens) - 1, H, P, N, dtype=torch.promote_types(x.dtype, A.dtype))
    dtype = torch.promote_types(step.dtype, state.dtype)
    given, x, B, C = x, *(value.to(dtype) for value in (x, B, C))
    outputs, finals = [x[:0]], [state[:0]]
    for row, (start, stop) in enumerate(pairwise(cu_seqlens.tolist())):
        part = slice(start, stop)
        y, final = _row(x[part], step[part], A, B[part], C[part], state[row])
        outputs.append(y)
        finals.append(final[None])
    return (torch.cat(outputs) + D[:, None] * x).to(given.dtype), torch.cat(finals)


def _row(x: Tensor, step: Tensor, A: Tensor, B: Tensor, C: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """S[t] = exp(step[t] A) S[t-1] + step[t] x[t] B[t]', y[t] = S[t] C[t], for the positions of one row.

    x (L, H, P)   step (L, H)   A (H,)   B, C (L, N)   state (H, P, N) before the row
    returns       y (L, H, P), state after the row
    """
    (L, H, P), N = x.shape, B.shape[1]
    if L == 0:
        return x, state
    Q = min(CHUNK, L)
    # A position whose step is 0 neither forgets nor adds: the last chunk is filled up with such positions.
    x, step, B, C = (F.pad(v, (0, 0) * (v.dim() - 1) + (0, -L % Q)) for v in (x, step, B, C))
    u = (step[..., None] * x).view(-1, Q, H, P).transpose(1, 2)  # (chunks, H, Q, P)
    B, C = B.view(-1, 1, Q, N), C.view(-1, 1, Q, N)
    decay = (step * A).view(-1, Q, H).transpose(1, 2).cumsum(2)  # log of the decay since the chunk's start
    later = torch.ones(Q, Q, dtype=torch.bool, device=x.device).triu(1)
    weight = (decay[..., :, None] - decay[..., None, :]).masked_fill(later, -torch.inf).exp()
    inside = (C @ B.mT * weight) @ u
    added = ((decay[..., -1:] - decay).exp()[..., None] * u).mT @ B
    before = []
    for kept, new in zip(decay[..., -1].exp(), added, strict=True):
        before.append(state)
        state = kept[:, None, None] * state + new
    carried = decay.exp()[..., None] * (C @ torch.stack(before).mT)
    return (inside + carried).transpose(1, 2).reshape(-1, H, P)[:L], state
