"""How a byte is drawn from what a model says of the next one."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hnet_core.encoding import VOCAB_SIZE
from hnet_core.errors import CheckpointError, InputError

MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next byte is drawn. What cannot be is refused with InputError.

    temperature  0 takes the likeliest byte; higher is more varied
    top_k        draw only from so many of the likeliest bytes; 0 is no limit
    top_p        draw only from the likeliest bytes that together have this probability
    alphabet     the bytes that may be written, such as b"ACGT"; None: all, the end marker included
    seed         sample j of a prompt draws by (seed, j), whatever else is in the batch
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    alphabet: bytes | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise InputError(f"temperature={self.temperature} must be 0 (always the likeliest byte) or more")
        if not 0 <= self.top_k <= VOCAB_SIZE:
            raise InputError(f"top-k={self.top_k} must be from 0 (no limit) to {VOCAB_SIZE}")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top-p={self.top_p} must be above 0 and at most 1 (1 is no limit)")
        if self.alphabet is not None and not self.alphabet:
            raise InputError("alphabet is empty; give the bytes that may be written, or None for all")
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"seed={self.seed} must be from 0 to {MAX_SEED}")

    def generator(self, sample: int) -> torch.Generator:
        """The draws of one sample of a prompt; of the first one they follow from the seed alone."""
        if sample == 0:
            return torch.Generator().manual_seed(self.seed)
        mixed = np.random.SeedSequence([self.seed, sample]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(mixed) & MAX_SEED)

    def draw(self, logits: Tensor, generator: torch.Generator) -> tuple[int, float]:
        """A byte from logits (V,), and its log-probability in nats under the model, untempered.

        Drawn on the CPU in float64: a seed means the same everywhere.
        """
        # A larger vocabulary has entries beyond the byte values, which are no bytes.
        logits = logits[:VOCAB_SIZE].to("cpu", torch.float64)
        if not bool(logits.isfinite().all()):
            raise CheckpointError(
                "the model answers with logits that are not numbers; its weights are damaged"
            )
        known = torch.log_softmax(logits, dim=-1)
        allowed = logits
        if self.alphabet is not None:
            outside = torch.ones(VOCAB_SIZE, dtype=torch.bool)
            outside[list(self.alphabet)] = False
            allowed = logits.masked_fill(outside, -math.inf)
        if self.temperature == 0:
            byte = int(allowed.argmax())
            return byte, float(known[byte])
        # Relative to the largest, so that even a tiny temperature never yields infinity minus infinity.
        tempered = torch.softmax((allowed - allowed.max()) / self.temperature, dim=-1)
        prob, order = tempered.sort(descending=True, stable=True)
        # A byte stays while those before it have not reached top_p yet: the likeliest one always does.
        prob = torch.where(prob.cumsum(0) - prob < self.top_p, prob, 0.0)
        if self.top_k:
            prob[self.top_k :] = 0.0
        byte = int(order[torch.multinomial(prob, 1, generator=generator)])
        return byte, float(known[byte])
