"""The specification of attention, in plain torch: row by row, any dtype, any device."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from kernels.arguments import known_limits


def attention(
    qkv: Tensor, cu_seqlens: Tensor, rotary: tuple[Tensor, Tensor] | None = None, window: int = -1
) -> Tensor:
    """qkv (T, 3, H, Dh) -> (T, H, Dh); see kernels.attention."""
    qk = qkv[:, :2] if rotary is None else rotate(qkv[:, :2], *rotary)
    # Split, not sliced: the gradient of a slice is a tensor of the whole stream's size, one a row.
    sizes = [end - start for start, end in pairwise(known_limits(cu_seqlens) or cu_seqlens.tolist())]
    rows = zip(*(part.split(sizes) for part in (qk[:, 0], qk[:, 1], qkv[:, 2])), strict=True)
    outs = [attend(q, k, v, window) for q, k, v in rows if len(q)]
    return torch.cat(outs) if outs else qk[:, 0]


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the first 2 * cos.shape[-1] channels of each head, first half against second (arXiv 2104.09864).

    x (T, n, H, Dh)   cos, sin (T, rotary_dim / 2)
    """
    half = cos.shape[-1]
    cos, sin = cos[:, None, None].to(x.dtype), sin[:, None, None].to(x.dtype)
    a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return torch.cat((a * cos - b * sin, a * sin + b * cos, rest), dim=-1)


def attend(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Exact causal attention of the last len(q) positions of one row.

    q (n, H, Dh)   k, v (m, H, Dh), m >= n, the last n belong to q   returns (n, H, Dh)
    Long rows are taken in blocks of about a window, so memory grows with n * window, not n * m.
    """
    n, past = len(q), len(k) - len(q)
    if past == 0 and not 0 <= window < n - 1:
        return _sdpa(q, k, v, is_causal=n > 1)
    block = max(window, 128) if window >= 0 else 1024
    outs = []
    for i in range(0, n, block):
        j = min(i + block, n)
        low = max(0, past + i - window) if window >= 0 else 0
        query = torch.arange(past + i, past + j, device=q.device)[:, None]
        key = torch.arange(low, past + j, device=q.device)
        visible = key <= query
        if window >= 0:
            visible &= key >= query - window
        outs.append(_sdpa(q[i:j], k[low : past + j], v[low : past + j], attn_mask=visible))
    return torch.cat(outs)


def _sdpa(q: Tensor, k: Tensor, v: Tensor, **how) -> Tensor:
    q, k, v = (t.transpose(0, 1)[None] for t in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, **how)[0].transpose(0, 1)
