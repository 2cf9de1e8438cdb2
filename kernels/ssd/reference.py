"""The SSD operator in plain torch: the specification (Dao and Gu 2024, Mamba-2, the chunked form of section 6)."""

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
    """Row by row, chunk by chunk; shapes and meaning as in kernels.ssd.ssd. Any dtype and device."""
    (_, H, P), N = x.shape, B.shape[1]
    step = F.softplus(dt + dt_bias)
    if state is None:
        state = x.new_zeros(len(cu_seqlens) - 1, H, P, N)
    outputs, finals = [x[:0]], []
    bounds = cu_seqlens.tolist()
    for row, (start, stop) in enumerate(zip(bounds, bounds[1:], strict=False)):
        carried = state[row]
        for first in range(start, stop, CHUNK):
            part = slice(first, min(first + CHUNK, stop))
            y, carried = _chunk(x[part], step[part], A, B[part], C[part], carried)
            outputs.append(y + D[:, None] * x[part])
        finals.append(carried)
    return torch.cat(outputs), torch.stack(finals) if finals else state


def _chunk(x: Tensor, step: Tensor, A: Tensor, B: Tensor, C: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """S[t] = exp(step[t] A) S[t-1] + step[t] x[t] B[t]', y[t] = S[t] C[t], for the few positions of one chunk.

    x (Q, H, P)   step (Q, H)   A (H,)   B, C (Q, N)   state (H, P, N) before the chunk
    returns       y (Q, H, P), state after the chunk
    """
    log_decay = (step * A).cumsum(0)
    later = torch.ones(len(x), len(x), dtype=torch.bool, device=x.device).triu(1)
    between = (
        log_decay[:, None] - log_decay[None, :]
    )  # (to, from, H): the log decay from one position to another
    weight = between.masked_fill(later[:, :, None], -torch.inf).exp()
    scaled = step[..., None] * x
    inside = torch.einsum("ts,tsh,shp->thp", C @ B.T, weight, scaled)
    carried = torch.einsum("th,hpn,tn->thp", log_decay.exp(), state, C)
    to_end = (log_decay[-1] - log_decay).exp()
    added = torch.einsum("th,thp,tn->hpn", to_end, scaled, B)
    return inside + carried, log_decay[-1].exp()[:, None, None] * state + added
