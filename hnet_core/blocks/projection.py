"""The linear layers of the model: bias-free projections, and those that must never be rounded to bfloat16."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kernels.linear import linear


class Projection(nn.Linear):
    """x (T, d_in) -> (T, d_out), or filled up with zeros to a multiple. Stored as nn.Linear stores it."""

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__(d_in, d_out, bias=False)

    def forward(self, x: Tensor, multiple: int = 1) -> Tensor:
        return linear(x, self.weight, multiple)


class WideLinear(nn.Linear):
    """x (T, d_in) -> (T, d_out) with bias, computed in float32 or wider, inside torch.autocast too."""

    def forward(self, x: Tensor) -> Tensor:
        dtype = wide(torch.promote_types(x.dtype, self.weight.dtype))
        # autocast would round x and weights to bfloat16, whatever their dtype.
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(x.to(dtype), self.weight.to(dtype), self.bias.to(dtype))


def wide(dtype: torch.dtype) -> torch.dtype:
    """`dtype`, or float32 where that is narrower."""
    return torch.promote_types(dtype, torch.float32)
