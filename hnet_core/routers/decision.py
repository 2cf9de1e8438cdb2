"""What a router says, inside a stage and to those who use the model."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kernels.routing import THRESHOLD


@dataclass(frozen=True)
class Decision:
    """What a router says of the T positions of its stage.

    prob         (T,) p of a boundary, float32 whatever the model computes in (float64 in a float64 model): bfloat16 has
                 33 numbers where a float32 sigmoid has thousands, and a slope of 0 from 0.998 on
    is_boundary  (T,) bool: chunks start here; the very first position of a row must be one
    sureness     (T,) of the choice, if it is not the probability of what was chosen
    loss         () what the router adds to the training's loss, summed over the positions; None: nothing
    """

    prob: Tensor
    is_boundary: Tensor
    sureness: Tensor | None = None
    loss: Tensor | None = None

    @classmethod
    def by_threshold(cls, prob: Tensor) -> "Decision":
        """A boundary where p is above a half."""
        return cls(prob, prob > THRESHOLD)

    @property
    def confidence(self) -> Tensor:
        """(T,) by which merges scale what comes back from the chunks."""
        return chosen_prob(self) if self.sureness is None else self.sureness


@dataclass(frozen=True)
class StageBoundaries:
    """What one router decided, in that stage's own index.

    prob, is_boundary, loss  as in Decision; (T,) packed or (B, L) masked      cu_seqlens  (R + 1,) in the packed form
    mask                     (B, L) True at valid positions in the masked form
    """

    prob: Tensor
    is_boundary: Tensor
    cu_seqlens: Tensor | None = None
    mask: Tensor | None = None
    loss: Tensor | None = None

    @classmethod
    def of(cls, decision: Decision, cu_seqlens: Tensor) -> "StageBoundaries":
        return cls(decision.prob, decision.is_boundary, cu_seqlens, loss=decision.loss)

    @property
    def selected_prob(self) -> Tensor:
        """Probability of the decision taken: p at boundaries, 1 - p elsewhere, 0 at padding."""
        chosen = chosen_prob(self)
        return chosen if self.mask is None else chosen * self.mask


def chosen_prob(said: Decision | StageBoundaries) -> Tensor:
    """Probability of what was chosen: p at boundaries, 1 - p elsewhere."""
    return torch.where(said.is_boundary, said.prob, 1 - said.prob)
