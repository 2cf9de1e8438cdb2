"""The loss of a language model: its surprise at the next byte of the same row."""

import torch
from torch import Tensor

from kernels.cross_entropy import IGNORED, cross_entropy


def next_bytes(input_ids: Tensor, cu_seqlens: Tensor) -> Tensor:
    """The byte each position predicts, IGNORED at the end of every row.

    input_ids (T,) integer   cu_seqlens (R + 1,)   returns (T,) int64
    """
    wanted = torch.roll(input_ids, -1).to(torch.int64)
    if len(wanted):  # of an empty stream no row has an end
        wanted[cu_seqlens[1:].long() - 1] = IGNORED
    return wanted


def next_byte_nll(logits: Tensor, input_ids: Tensor, cu_seqlens: Tensor) -> Tensor:
    """Surprise in nats at the byte after each position, 0 at the end of every row.

    logits (T, V)   input_ids (T,)   cu_seqlens (R + 1,)   returns (T,)
    """
    return cross_entropy(logits, next_bytes(input_ids, cu_seqlens))
