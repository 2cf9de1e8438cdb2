"""The weight of a norm."""

import torch
from torch import nn


class RMSNormWeight(nn.Module):
    """Holds the weight (D,) of a root-mean-square norm; who applies it chooses the fused form."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
