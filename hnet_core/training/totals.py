"""What a whole step holds, over all its packs and all processes: the denominators of its losses."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hnet_core.routers.decision import StageBoundaries


@dataclass(frozen=True)
class StepTotals:
    """Counts of one pack, or of all packs of a step.

    counts (1 + 3 S,) float64: predicted positions, then for each of S stages its positions, its boundaries, and the sum
           of their p (no gradient)

    The losses of a step are defined over all of its positions, so its gradient does not depend on how it is cut into
    packs and processes. The ratio loss is not linear in its positions, but it is once the share F of boundaries is
    known, and F takes no gradient (arXiv 2507.07955, eq. 10): with F of the whole step, a pack adds its positions'
    share of the loss. A loss of the mean p is linearised at the mean of the whole step in the same way.
    """

    counts: Tensor

    @classmethod
    def of(cls, n_predicted: Tensor, stages: Sequence[StageBoundaries]) -> "StepTotals":
        """Of one pack; n_predicted () on the model's device. No host synchronisation."""
        counts = [n_predicted.double()]
        for stage in stages:
            counts += [counts[0].new_full((), len(stage.is_boundary)), stage.is_boundary.sum().double()]
            counts.append(stage.prob.detach().double().sum())
        return cls(torch.stack(counts))

    @classmethod
    def sum(cls, parts: Sequence["StepTotals"]) -> "StepTotals":
        return cls(torch.stack([part.counts for part in parts]).sum(0))

    @property
    def predicted(self) -> Tensor:
        return self.counts[0]

    @property
    def positions(self) -> Tensor:
        """(S,) positions that each stage sees"""
        return self.counts[1::3]

    @property
    def boundaries(self) -> Tensor:
        """(S,) boundaries among them"""
        return self.counts[2::3]

    @property
    def probability(self) -> Tensor:
        """(S,) sums of p over them"""
        return self.counts[3::3]
