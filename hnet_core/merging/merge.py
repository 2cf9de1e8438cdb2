"""What a merge must say of itself."""

from typing import Any

import torch
from torch import Tensor, nn

from hnet_core.routers.decision import Decision
from hnet_core.rows import Rows
from hnet_core.stage_config import ChunkingConfig


class Merge:
    """From chunks back to the positions of a stage, and what of the encoder goes around the chunks.

    A new merge is a subclass, made as cls(width, options), and an entry in hnet_core.merging.MERGES. It is no module:
    the stage takes its layers in, since published checkpoints have them there, between encoder and decoder.
    """

    def __init__(self, width: int, options: ChunkingConfig) -> None: ...

    @property
    def layers(self) -> dict[str, nn.Module]:
        """Its layers by the name under which the stage has them."""
        return {}

    @classmethod
    def check(cls, options: ChunkingConfig, where: str) -> None:
        """Raise ConfigError for options that it cannot have; where: how they are called in the configuration."""

    @classmethod
    def flops(cls, width: int, options: ChunkingConfig, kept: float) -> float:
        """Operations a position, of which the share `kept` starts a chunk."""
        raise NotImplementedError

    def __call__(
        self, encoded: Tensor, chunks: Tensor, decision: Decision, rows: Rows, state: Any = None
    ) -> tuple[Tensor, Any]:
        """encoded (T, D) of the encoder, chunks (M, D) of the inner network -> (T, D) for the decoder, and the state
        after it; None: start of the rows."""
        raise NotImplementedError

    def new_state(self, n_rows: int) -> Any:
        """What it remembers of n_rows rows between calls, before their first position: a position may come without a
        boundary, and its chunk from an earlier call."""

    def init_weights(self, generator: torch.Generator) -> None:
        """Draw the weights that it begins with, if it has any."""
