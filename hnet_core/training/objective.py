"""What a training minimises: the cross entropy of the next byte, and the ratio loss of every stage."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from hnet_core.losses import NO_TARGET, next_bytes
from hnet_core.model import HNetOutput
from hnet_core.routing import ratio_loss


@dataclass(frozen=True)
class Objective:
    """Losses of one packed stream, as scalars with gradient.

    cross_entropy  mean over the predicted bytes, in nats     ratios  one a stage, outermost first
    """

    total: Tensor
    cross_entropy: Tensor
    ratios: tuple[Tensor, ...]


def objective(
    output: HNetOutput, input_ids: Tensor, cu_seqlens: Tensor, *, target: Sequence[float], alpha: float
) -> Objective:
    """total = cross entropy + alpha * sum of ratio losses, over a packed stream (arXiv 2507.07955, eq. 10)."""
    wanted = next_bytes(input_ids, cu_seqlens)
    cross_entropy = F.cross_entropy(output.logits.float(), wanted, ignore_index=NO_TARGET)
    ratios = tuple(
        ratio_loss(stage.prob, stage.is_boundary, n) for stage, n in zip(output.stages, target, strict=True)
    )
    return Objective(cross_entropy + alpha * sum(ratios), cross_entropy, ratios)
