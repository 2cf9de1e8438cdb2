"""The surprise at the byte that came: softmax and negative log likelihood in one pass each way."""

import torch
from torch import Tensor

from kernels import backend
from kernels.cross_entropy import reference

IGNORED = reference.IGNORED


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """-log softmax(logits[t])[target[t]], in nats, for every position.

    logits   (T, V)
    target   (T,) int64 from 0 to V - 1, or IGNORED: such a position has 0 and no gradient
    returns  (T,)
    Raises ValueError if shapes do not fit together or a target lies outside the vocabulary.
    """
    if logits.dim() != 2 or target.shape != logits.shape[:1] or target.dtype != torch.int64:
        raise ValueError(
            f"logits must be (T, V) and target (T,) int64, got {tuple(logits.shape)} and {tuple(target.shape)} "
            f"{target.dtype}"
        )
    if backend.choose("cross_entropy", logits) == "numba":
        from kernels.cross_entropy import cpu

        return cpu.cross_entropy(logits, target)
    return reference.cross_entropy(logits, target)
