"""The specification of the cross entropy: torch's own."""

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """logits (T, V), target (T,) -> (T,); see kernels.cross_entropy."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return F.cross_entropy(logits, target, reduction="none", ignore_index=IGNORED)
