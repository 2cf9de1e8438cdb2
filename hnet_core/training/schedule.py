"""What changes over a training: the learning rate (arXiv 2507.07955, section 3.1) and the target chunk length."""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class TargetRamp:
    """Wanted positions a chunk, one a stage, by share of the planned bytes.

    `first` until the share `begin`, then in a straight line to `last` at the share `end`. A router that may cut
    often at first finds white space early, and keeps the best of its cuts as chunks grow; one that is held to long
    chunks from the start settles on cuts inside words (measured on English, see docs/training.md).
    """

    first: Sequence[float]
    last: Sequence[float]
    begin: float
    end: float

    def __call__(self, progress: float) -> tuple[float, ...]:
        """progress  bytes seen over bytes planned"""
        if progress >= self.end:
            return tuple(self.last)
        share = max(0.0, progress - self.begin) / (self.end - self.begin)
        return tuple(a + share * (b - a) for a, b in zip(self.first, self.last, strict=True))
