"""Causal self-attention with rotary positions, over packed rows, optionally within a window."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from hnet_core.blocks.key_values import AttentionState, KVCache
from hnet_core.blocks.mixer import Mixer
from hnet_core.blocks.projection import Projection
from hnet_core.errors import ConfigError
from hnet_core.rows import Rows
from hnet_core.stage_config import StageConfig
from kernels.attention import Angles, attention
from kernels.attention.reference import attend, rotate

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


def mean_visible(length: float, window: int) -> float:
    """Positions that a query of a causal row sees on average, itself included; -1 is no window."""
    reach = length if window < 0 else min(length, window + 1)
    return (reach * (reach + 1) / 2 + (length - reach) * reach) / length
