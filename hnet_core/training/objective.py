"""What a training minimises: the cross entropy of the next byte, the rate loss of every stage, and what pulls at p."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hnet_core.losses import next_bytes
from hnet_core.model import HNetOutput
from hnet_core.routers.decision import StageBoundaries
from hnet_core.routers.space_like import space_like_starts
from hnet_core.rows import Rows
from hnet_core.training.aims import Aims
from hnet_core.training.rate_losses import RATE_LOSSES
from hnet_core.training.totals import StepTotals
from kernels.cross_entropy import IGNORED
from kernels.cross_entropy import cross_entropy as surprise

SUREST = 1e-4
"""The prior takes p as no nearer to 0 and 1 than this, so that its gradient stays bounded."""


@dataclass(frozen=True)
class Objective:
    """Losses of one packed stream, as scalars with gradient.

    cross_entropy  mean over the predicted bytes, in nats     ratios  rate losses, one a stage, outermost first
    """

    total: Tensor
    cross_entropy: Tensor
    ratios: tuple[Tensor, ...]


def objective(
    output: HNetOutput,
    input_ids: Tensor,
    cu_seqlens: Tensor,
    aims: Aims,
    totals: StepTotals | None = None,
) -> Objective:
    """total = cross entropy + the weighted rate losses (arXiv 2507.07955, eq. 10), alignment, prior, and what
    routers add.

    totals  of the step that this packed stream is a part of: the losses are then its share, and the shares of all packs
            and processes add up to the losses of the step; None: the stream is the whole step
    """
    wanted = next_bytes(input_ids, cu_seqlens)
    totals = totals or StepTotals.of((wanted != IGNORED).sum(), output.stages)
    nll = surprise(output.logits, wanted)
    cross_entropy = nll.sum() / totals.predicted.float()
    rate_loss = RATE_LOSSES[aims.rate_loss]
    ratios = tuple(rate_loss(stage, i, aims, totals) for i, stage in enumerate(output.stages))
    total = cross_entropy + sum(w * ratio for w, ratio in zip(aims.weight, ratios, strict=True))
    for stage, positions in zip(output.stages, totals.positions, strict=True):
        if stage.loss is not None:
            total = total + stage.loss / positions.float()
    if aims.cab:
        aligned = alignment_loss(output.stages[0].prob, nll, wanted != IGNORED)
        total = total + aims.cab * aligned / totals.predicted.float()
    if aims.prior:
        pull = prior_loss(output.stages[0], input_ids)
        total = total + aims.prior * pull / totals.positions[0].float()
    return Objective(total, cross_entropy, ratios)


def alignment_loss(prob: Tensor, nll: Tensor, predicts: Tensor) -> Tensor:
    """Sum over t of (1 - P(x[t+1]) - p[t])^2, P without gradient: a chunk should start where the next byte is hard to
    tell (arXiv 2601.22805).

    prob (T,) of the outermost stage   nll (T,) -log P(x[t+1])   predicts (T,) bool: t has a next byte
    """
    return ((1 - torch.exp(-nll.detach()) - prob) ** 2 * predicts).sum()


def prior_loss(stage: StageBoundaries, input_ids: Tensor) -> Tensor:
    """Summed binary cross entropy, in nats, of p with the places where the space-like router would start a chunk."""
    starts = space_like_starts(Rows(stage.cu_seqlens, ids=input_ids))
    prob = stage.prob.clamp(SUREST, 1 - SUREST)
    return -torch.where(starts, prob, 1 - prob).log().sum()
