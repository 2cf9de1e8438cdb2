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
    returns  (T,), float32 where logits are bfloat16
    Raises ValueError if shapes do not fit together or a target lies outside the vocabulary; on a GPU, where the host
    would have to wait to know, such a position has NaN.
    """
    if logits.dim() != 2 or target.shape != logits.shape[:1] or target.dtype != torch.int64:
        raise ValueError(
            f"logits must be (T, V) and target (T,) int64, got {tuple(logits.shape)} and {tuple(target.shape)} "
            f"{target.dtype}"
        )
    match backend.choose("cross_entropy", logits):
        case "triton":
            from kernels.cross_entropy import cuda as chosen
        case "numba":
            from kernels.cross_entropy import cpu as chosen
        case _:
            chosen = reference
    return chosen.cross_entropy(logits, target)
