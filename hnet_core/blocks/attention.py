"""Causal self-attention with rotary positions, over packed rows, optionally within a window."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_core.blocks.projection import Projection
from hnet_core.config import HNetConfig
from hnet_core.rows import Rows
from hnet_core.state import AttentionState, KVCache


class Attention(nn.Module):
    """x (T, D) -> (T, D), each row on its own. `window` w: a query sees itself and w earlier positions."""

    def __init__(self, config: HNetConfig, stage: int) -> None:
        super().__init__()
        d, attn = config.d_model[stage], config.attn_cfg
        self.n_heads, self.rotary_dim = attn.num_heads[stage], attn.rotary_emb_dim[stage]
        self.window = attn.window_size[stage]
        self.Wqkv = Projection(d, 3 * d)
        self.out_proj = Projection(d, d)

    def forward(
        self, x: Tensor, rows: Rows, state: AttentionState | None = None
    ) -> tuple[Tensor, AttentionState | None]:
        qkv = self.Wqkv(x).unflatten(-1, (3, self.n_heads, -1))
        if not qkv.is_cuda:  # on a CPU attention is no faster in bfloat16
            qkv = qkv.to(self.Wqkv.weight.dtype)
        qk = rotate(qkv[:, :2], *rows.rotary(self.rotary_dim)) if self.rotary_dim else qkv[:, :2]
        q, k, v = qk[:, 0], qk[:, 1], qkv[:, 2]
        outs = []
        # Split, not sliced: the gradient of a slice is a tensor of the whole stream's size, one a row.
        sizes = [end - start for start, end in pairwise(rows.bounds)]
        for r, (query, keys, values) in enumerate(zip(*(t.split(sizes) for t in (q, k, v)), strict=True)):
            if not len(query):
                continue
            if state:
                kept = state.caches[r].extend(torch.stack((keys, values), dim=1))
                keys, values = kept[:, 0], kept[:, 1]
            outs.append(attend(query, keys, values, self.window))
        out = torch.cat(outs) if outs else q
        return self.out_proj(out.flatten(-2)), state

    def new_state(self, n_rows: int) -> AttentionState:
        return AttentionState([KVCache(self.window) for _ in range(n_rows)])


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
