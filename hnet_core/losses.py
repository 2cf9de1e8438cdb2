"""The language-model loss over packed rows."""

import torch
import torch.nn.functional as F
from torch import Tensor


def next_byte_nll(logits: Tensor, input_ids: Tensor, cu_seqlens: Tensor) -> tuple[Tensor, Tensor]:
    """Surprise at the next byte of the same row, for every position that has one.

    logits (T, V)   input_ids (T,)   cu_seqlens (R + 1,)
    returns  nll (n,) in nats, and the positions (n,) they belong to; the last position of a row has none
    """
    has_next = torch.ones(len(input_ids), dtype=torch.bool, device=input_ids.device)
    ends = cu_seqlens[1:][cu_seqlens.diff() > 0] - 1
    has_next[ends.long()] = False
    at = has_next.nonzero().squeeze(1)
    target = input_ids.long().index_select(0, at + 1)
    return F.cross_entropy(logits.index_select(0, at).float(), target, reduction="none"), at
