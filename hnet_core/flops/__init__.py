"""Floating-point operations a byte costs: counted from the configuration, with the chunk rates that were measured.

Counted are matrix products, attention, convolutions and scans, a multiplication and an addition as two. Left out
are norms, activations, gates, embeddings and softmax: they grow with the width, not with its square.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hnet_core.blocks.block import layout_flops
from hnet_core.config import HNetConfig
from hnet_core.errors import ConfigError
from hnet_core.gathering import GATHERS
from hnet_core.merging import MERGES
from hnet_core.routers import ROUTERS

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
    for stage in config.stages:
        length = max(1.0, context * density)
        costs = [layout_flops(layout, stage, length) for layout in stage.layouts]
        if stage.chunking is None:
            rows.append((stage.index, "main_network", density, density * costs[0]))
            break
        width, chunking, kept = stage.width, stage.chunking, rates[stage.index]
        router = ROUTERS[chunking.router].flops(width)
        around = MERGES[chunking.merge].flops(width, chunking, kept)
        around += GATHERS[chunking.early_smoothing].flops(width)
        rows.append((stage.index, "encoder", density, density * costs[0]))
        rows.append((stage.index, "router", density, density * router))
        rows.append((stage.index, "decoder", density, density * (costs[1] + around)))
        density *= kept
    head = 2 * config.d_model[0] * config.vocab_size / bytes_per_position
    return Flops((*rows, (0, "head", 1 / bytes_per_position, head)))
