"""Causal self-attention with rotary positions, over packed rows, optionally within a window."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_core.blocks.key_values import AttentionState, KVCache
from hnet_core.blocks.mixer import Mixer
from hnet_core.blocks.projection import Projection
from hnet_core.errors import ConfigError
from hnet_core.rows import Rows
from hnet_core.stage_config import StageConfig

HEAD_MULTIPLE = 8
"""Attention heads are a multiple of this wide: the fused attention of GPUs takes no others."""


class Attention(Mixer):
    """x (T, D) -> (T, D), each row on its own. `window` w: a query sees itself and w earlier positions."""

    def __init__(self, stage: StageConfig) -> None:
        super().__init__()
        d, given = stage.width, stage.attention
        self.n_heads, self.rotary_dim, self.window = given.num_heads, given.rotary_emb_dim, given.window_size
        self.Wqkv = Projection(d, 3 * d)
        self.out_proj = Projection(d, d)

    @classmethod
    def check(cls, stage: StageConfig) -> None:
        at, width, given = f"[{stage.index}]", stage.width, stage.attention
        heads, rotary = given.num_heads, given.rotary_emb_dim
        if heads < 1 or width % heads:
            raise ConfigError(f"attn_cfg.num_heads{at}={heads} must divide d_model{at}={width}")
        if (width // heads) % HEAD_MULTIPLE:
            fitting = [str(n) for n in range(1, width + 1) if width % (n * HEAD_MULTIPLE) == 0]
            allowed = f"num_heads may be {', '.join(fitting)}" if fitting else "d_model must be one, too"
            raise ConfigError(
                f"attn_cfg.num_heads{at}={heads} makes heads {width // heads} wide at d_model{at}={width}; heads "
                f"must be a multiple of {HEAD_MULTIPLE} wide, so {allowed}"
            )
        if rotary < 0 or rotary % 2 or rotary > width // heads:
            raise ConfigError(
                f"attn_cfg.rotary_emb_dim{at}={rotary} must be even and at most the head width {width // heads}"
            )
        if given.window_size < -1:
            raise ConfigError(f"attn_cfg.window_size{at}={given.window_size} must be -1 or more")

    @classmethod
    def flops(cls, stage: StageConfig, length: float) -> float:
        """Projections, and scores and weighted sum over the positions that a query sees."""
        width, seen = stage.width, mean_visible(length, stage.attention.window_size)
        return 2 * width * 3 * width + 2 * width * width + 4 * width * seen

    def maps(self) -> dict[nn.Parameter, tuple[int, ...]]:
        """q, k and v."""
        return {self.Wqkv.weight: (self.Wqkv.out_features // 3,) * 3}

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


def mean_visible(length: float, window: int) -> float:
    """Positions that a query of a causal row sees on average, itself included; -1 is no window."""
    reach = length if window < 0 else min(length, window + 1)
    return (reach * (reach + 1) / 2 + (length - reach) * reach) / length


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
