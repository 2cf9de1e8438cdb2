"""Causal self-attention with rotary positions, over packed rows, optionally within a window."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from hnet_core.config import HNetConfig
from hnet_core.projection import Projection
from hnet_core.rows import Rows
from hnet_core.state import AttentionState, KVCache
from kernels.attention import Angles, attention
from kernels.attention.reference import attend, rotate


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
        rotary = rows.rotary(self.rotary_dim) if self.rotary_dim else None
        if state:
            out = self._after_caches(qkv, rotary, rows, state)
        else:
            out = attention(qkv, rows.cu_seqlens, rotary, self.window)
        return self.out_proj(out.flatten(-2)), state

    def _after_caches(self, qkv: Tensor, rotary: Angles | None, rows: Rows, state: AttentionState) -> Tensor:
        """Each row after the keys and values that its cache holds, which grow by its own."""
        qk = rotate(qkv[:, :2], *rotary) if rotary else qkv[:, :2]
        outs = []
        for (start, end), cache in zip(pairwise(rows.bounds), state.caches, strict=True):
            if start < end:
                kept = cache.extend(torch.stack((qk[start:end, 1], qkv[start:end, 2]), dim=1))
                outs.append(attend(qk[start:end, 0], kept[:, 0], kept[:, 1], self.window))
        return torch.cat(outs) if outs else qk[:, 0]

    def new_state(self, n_rows: int) -> AttentionState:
        return AttentionState([KVCache(self.window) for _ in range(n_rows)])
