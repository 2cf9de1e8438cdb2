"""What a training minimises: the cross entropy of the next byte, and the ratio loss of every stage."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from hnet_core.losses import next_bytes
from hnet_core.model import HNetOutput
from hnet_core.routing import ratio_loss
from hnet_core.training.totals import StepTotals
from kernels.cross_entropy import IGNORED
from kernels.cross_entropy import cross_entropy as surprise


@dataclass(frozen=True)
class Objective:
    """Losses of one packed stream, as scalars with gradient.

    cross_entropy  mean over the predicted bytes, in nats     ratios  one a stage, outermost first
    """

    total: Tensor
    cross_entropy: Tensor
    ratios: tuple[Tensor, ...]


def objective(
    output: HNetOutput,
    input_ids: Tensor,
    cu_seqlens: Tensor,
    *,
    target: Sequence[float],
    alpha: float | Sequence[float],
    totals: StepTotals | None = None,
) -> Objective:
    """total = cross entropy + alpha * sum of ratio losses, over a packed stream (arXiv 2507.07955, eq. 10).

    alpha   one weight for all stages, or one a stage
    totals  of the step that this stream is a part of: the losses are then its share, and the shares of all packs
            and processes add up to the losses of the step; None: the stream is the whole step
    """
    wanted = next_bytes(input_ids, cu_seqlens)
    totals = totals or StepTotals.of((wanted != IGNORED).sum(), output.stages)
    cross_entropy = surprise(output.logits.float(), wanted).sum() / totals.predicted.float()
    ratios = tuple(
        ratio_loss(stage.prob, stage.is_boundary, n, (kept / seen).to(stage.prob.dtype))
        * (len(stage.prob) / seen).to(stage.prob.dtype)
        for stage, n, kept, seen in zip(
            output.stages, target, totals.boundaries, totals.positions, strict=True
        )
    )
    if isinstance(alpha, float | int):
        return Objective(cross_entropy + alpha * sum(ratios), cross_entropy, ratios)
    weighted = sum(weight * ratio for weight, ratio in zip(alpha, ratios, strict=True))
    return Objective(cross_entropy + weighted, cross_entropy, ratios)
