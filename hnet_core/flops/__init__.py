"""Floating-point operations a byte costs: counted from the configuration, with the chunk rates that were measured.

Counted are matrix products, attention, convolutions and scans, a multiplication and an addition as two. Left out
are norms, activations, gates, embeddings and softmax: they grow with the width, not with its square.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hnet_core.blocks.block import mlp_hidden
from hnet_core.config import MAMBA_HEAD_DIM, HNetConfig, parse_layout
from hnet_core.errors import ConfigError

PARTS = ("encoder", "router", "main_network", "decoder", "head")
TRAINING_FACTOR = 3
"""A backward pass computes two products for each of the forward: one for the input, one for the weight."""


@dataclass(frozen=True)
class Flops:
    """Forward operations per byte. rows: (stage, part of PARTS, positions a byte there, operations a byte)."""

    rows: tuple[tuple[int, str, float, float], ...]

    @property
    def by_part(self) -> dict[str, float]:
        return {part: sum(row[3] for row in self.rows if row[1] == part) for part in PARTS}

    @property
    def total(self) -> float:
        return sum(row[3] for row in self.rows)

    @property
    def training(self) -> float:
        """Forward and backward together."""
        return TRAINING_FACTOR * self.total

    def to_dict(self) -> dict:
        rows = [
            dict(zip(("stage", "part", "positions_per_byte", "flops_per_byte"), r, strict=True))
            for r in self.rows
        ]
        return {"rows": rows, "parts": self.by_part, "forward": self.total, "training": self.training}


def flops_per_byte(
    config: HNetConfig, rates: Sequence[float], context: float, bytes_per_position: float = 1.0
) -> Flops:
    """Count the operations of a forward pass.

    rates               share of its positions that each router keeps, outermost first
    context             bytes of the row that attention can look back on; the mean over its positions is counted
    bytes_per_position  1, or bytes a token for a model that reads tokens
    """
    if len(rates) != config.n_stages or not all(0 < rate <= 1 for rate in rates):
        raise ConfigError(
            f"rates={list(rates)} must have {config.n_stages} entries above 0 and at most 1, one a routing stage"
        )
    if context < bytes_per_position or bytes_per_position < 1:
        raise ConfigError(f"context={context} must be at least one position of {bytes_per_position} bytes")
    density, rows = 1 / bytes_per_position, []
    for stage, layout in enumerate(config.layouts):
        length = max(1.0, context * density)
        costs = [sum(block_flops(*run, config, stage, length) for run in parse_layout(t)) for t in layout]
        if stage == config.n_stages:
            rows.append((stage, "main_network", density, density * costs[0]))
            break
        width, kept = config.d_model[stage], rates[stage]
        router = ROUTER_FLOPS[config.chunking.router](width)
        # Around the inner network: the projected residual of each position, the running average of each chunk.
        around = 2 * width * width + (3 * width * kept if config.chunking.smoothing else 0)
        around += 3 * width if config.chunking.early_smoothing else 0
        rows.append((stage, "encoder", density, density * costs[0]))
        rows.append((stage, "router", density, density * router))
        rows.append((stage, "decoder", density, density * (costs[1] + around)))
        density *= kept
    head = 2 * config.d_model[0] * config.vocab_size / bytes_per_position
    return Flops((*rows, (0, "head", 1 / bytes_per_position, head)))


def block_flops(kind: str, n: int, config: HNetConfig, stage: int, length: float) -> float:
    """n blocks of one kind, per position of a row of `length` positions."""
    width = config.d_model[stage]
    mixer = MIXER_FLOPS[kind.lower()](config, stage, length)
    hidden = mlp_hidden(config.d_intermediate[stage]) if kind.isupper() else 0
    # fc1 yields value and gate, fc2 takes their product.
    return n * (mixer + 2 * width * 2 * hidden + 2 * hidden * width)


def mamba_flops(config: HNetConfig, stage: int, length: float) -> float:
    """Projections, convolution, and the scan: state = decay * state + x B (3 an entry), y = state C (2 an entry)."""
    width, ssm = config.d_model[stage], config.ssm_cfg
    inner = ssm.expand * width
    channels = inner + 2 * ssm.d_state
    projected = inner + channels + inner // MAMBA_HEAD_DIM
    return 2 * width * projected + 2 * channels * ssm.d_conv + 5 * inner * ssm.d_state + 2 * inner * width


def attention_flops(config: HNetConfig, stage: int, length: float) -> float:
    """Projections, and scores and weighted sum over the positions that a query sees."""
    width = config.d_model[stage]
    seen = mean_visible(length, config.attn_cfg.window_size[stage])
    return 2 * width * 3 * width + 2 * width * width + 4 * width * seen


def mean_visible(length: float, window: int) -> float:
    """Positions that a query of a causal row sees on average, itself included; -1 is no window."""
    reach = length if window < 0 else min(length, window + 1)
    return (reach * (reach + 1) / 2 + (length - reach) * reach) / length


MIXER_FLOPS = {"m": mamba_flops, "t": attention_flops}
ROUTER_FLOPS = {
    # Two projections; three inner products make a cosine.
    "cosine": lambda width: 2 * 2 * width * width + 6 * width,
    "cosine_random": lambda width: 2 * 2 * width * width + 6 * width,
    "linear": lambda width: 2 * width,
    "dense_linear": lambda width: 2 * width,
    "fixed_stride": lambda width: 0,
    "space_like": lambda width: 0,
}
