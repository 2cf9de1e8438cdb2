"""What one stage of a model is made of, as plain values: no part of it is known here."""

from dataclasses import dataclass, field, fields
from typing import Any

from hnet_core.errors import ConfigError

MAX_WIDTH = 16384
"""Channels that the norms' CUDA kernel takes; a Mamba-2 layer norms expand times the width."""


@dataclass(frozen=True, kw_only=True)
class SSMConfig:
    """Mamba-2 layers: state width N, convolution width, expansion of the model width."""

    d_state: int = 128
    d_conv: int = 4
    expand: int = 2
    chunk_size: int = 256
    """Block length of the published chunked scan. Kept for their files; our kernels choose their own."""

    def __post_init__(self) -> None:
        for name in ("d_state", "d_conv", "expand", "chunk_size"):
            check_size("ssm_cfg." + name, getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class AttentionConfig:
    """Attention layers: heads, the channels of each head that are rotated, and the earlier positions that a query sees
    besides its own (-1: all)."""

    num_heads: int = 1
    rotary_emb_dim: int = 0
    window_size: int = -1


@dataclass(frozen=True, kw_only=True)
class ChunkingConfig:
    """How a stage cuts its positions into chunks and spreads them again. The defaults are the published H-Net; the rest
    are the ablations and baselines of arXiv 2507.07955, section 3.3."""

    router: str = "cosine"
    """What decides where chunks start: a name in hnet_core.routers.ROUTERS."""
    stride: int | None = None
    """Positions a chunk of the router fixed_stride, which alone takes it."""
    merge: str = "published"
    """What spreads chunks to positions again: a name in hnet_core.merging.MERGES."""
    smoothing: bool = True
    """False: every position gets its own chunk's output as it is, without the running average."""
    early_smoothing: bool = False
    """True: what the inner network gets of a position is the running average x[t] = p h[t] + (1 - p) x[t-1] of the
    encoder's outputs h, taken before chunks are selected (after arXiv 2601.22805). For routers that learn."""
    straight_through: bool = True
    """False: outputs are multiplied by the confidence itself, not by 1 with the gradient of the confidence."""

    def to_dict(self) -> dict[str, Any]:
        """What differs from the published H-Net."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One stage; of a model without routers, all of it.

    index     0 is the outermost       outer_width  of the stage around it; of the outermost, its own
    layouts   of its networks: encoder and decoder, or the one innermost network
    chunking  None: the innermost stage, which cuts nothing
    """

    index: int
    width: int
    outer_width: int
    d_intermediate: int
    layouts: tuple[str, ...]
    ssm: SSMConfig = field(default_factory=SSMConfig)
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    chunking: ChunkingConfig | None = None


def check_size(name: str, value: Any, low: int = 1) -> None:
    """Raise ConfigError for what is no whole number from `low` to MAX_WIDTH."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= MAX_WIDTH:
        raise ConfigError(f"{name}={value!r} must be a whole number from {low} to {MAX_WIDTH}")
