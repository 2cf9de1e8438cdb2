"""Learning rate over a training: warm-up, stable, decay (arXiv 2507.07955, section 3.1)."""

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True)
class WarmupStableDecay:
    """Share of the peak learning rate by share of the planned bytes.

    warmup  share of the plan that rises linearly from 0     decay  share at the end that falls to 0

    The fall is 1 - sqrt(progress), the form that the paper's "inverse square root" decay is read as
    (arXiv 2405.18392): steep at first, and 0 at the end of the plan.
    """

    warmup: float = 0.1
    decay: float = 0.2

    def __call__(self, progress: float) -> float:
        """progress  bytes seen over bytes planned, counted to the end of the step, so the first step moves"""
        if progress < self.warmup:
            return progress / self.warmup
        falling = progress - (1 - self.decay)
        if falling <= 0 or not self.decay:
            return 1.0
        return max(0.0, 1 - sqrt(falling / self.decay))
