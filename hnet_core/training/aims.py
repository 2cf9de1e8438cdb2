"""The targets of the losses of one step: settings of the training, and schedules read at the bytes seen so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hnet_core.training.options import TrainingOptions, of_stages


@dataclass(frozen=True, kw_only=True)
class Aims:
    """Tuples have one value a stage, outermost first; the options of these names say what they mean.

    weight  of the rate losses beside the cross entropy     prior  of the pull to space-like places, 1 falling to 0
    """

    target: tuple[float, ...]
    weight: tuple[float, ...]
    rate_loss: str = "ratio"
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    cab: float = 0.0
    prior: float = 0.0

    @classmethod
    def of(cls, options: TrainingOptions, n_bytes: int = 0) -> "Aims":
        """n_bytes  seen before the step"""
        n_stages = len(options.target)
        weight = options.alpha if options.rate_loss == "ratio" else options.beta
        share = n_bytes / options.bytes
        return cls(
            target=target_at(options.target_schedule, share) or options.target,
            weight=of_stages(weight, n_stages),
            rate_loss=options.rate_loss,
            low=target_at(options.low_schedule, share) or of_stages(options.low, n_stages),
            high=of_stages(options.high, n_stages),
            cab=options.cab,
            prior=max(0.0, 1 - n_bytes / options.prior_bytes) if options.prior_bytes else 0.0,
        )


def target_at(schedule: Sequence[Sequence[float]], share: float) -> tuple[float, ...]:
    """Targets at a share of the training: those of the points, linear between, level before the first and after the
    last. schedule: [share, target of each stage] in order; empty: ()"""
    if not schedule:
        return ()
    if share <= schedule[0][0]:
        return tuple(schedule[0][1:])
    for (start, *before), (end, *after) in pairwise(schedule):
        if share < end:
            part = (share - start) / (end - start)
            return tuple(a + part * (b - a) for a, b in zip(before, after, strict=True))
    return tuple(schedule[-1][1:])
