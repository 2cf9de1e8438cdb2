"""What holds the boundary rate of a stage: the ratio loss of the paper, or a hinge that leaves it free in limits."""

from collections.abc import Callable

from torch import Tensor

from hnet_core.routers.decision import StageBoundaries
from hnet_core.routers.ratio_loss import ratio_loss
from hnet_core.training.aims import Aims
from hnet_core.training.totals import StepTotals


def ratio_share(stage: StageBoundaries, index: int, aims: Aims, totals: StepTotals) -> Tensor:
    """What the positions of one pack add to the ratio loss of the step, with F of the whole step."""
    seen, kept = totals.positions[index], totals.boundaries[index]
    loss = ratio_loss(stage.prob, stage.is_boundary, aims.target[index], (kept / seen).to(stage.prob.dtype))
    return loss * (len(stage.prob) / seen).to(stage.prob.dtype)


def hinge_share(stage: StageBoundaries, index: int, aims: Aims, totals: StepTotals) -> Tensor:
    """What the positions of one pack add to the hinge of the step: relu(G - 1/low)^2 + relu(1/high - G)^2.

    G is the mean p over all positions of the step. The loss is not linear in it, so a pack adds its positions' share of
    the value and, for the gradient, the slope at G times its own part of G: the packs' gradients add up to the step's.
    """
    seen, mean = totals.positions[index], totals.probability[index] / totals.positions[index]
    low, high = aims.low[index], aims.high[index]
    above = (mean - 1 / low).clamp(min=0) if low else mean.new_zeros(())
    below = (1 / high - mean).clamp(min=0) if high else mean.new_zeros(())
    dtype = stage.prob.dtype
    value = (above**2 + below**2) * (len(stage.prob) / seen)
    part = stage.prob.sum() / seen.to(dtype)
    return value.to(dtype) + (2 * (above - below)).to(dtype) * (part - part.detach())


RateLoss = Callable[[StageBoundaries, int, Aims, StepTotals], Tensor]
RATE_LOSSES: dict[str, RateLoss] = {"ratio": ratio_share, "hinge": hinge_share}
"""Name in the options -> the loss of one stage. A new loss is one more entry, here and in options.RATE_LOSSES."""
