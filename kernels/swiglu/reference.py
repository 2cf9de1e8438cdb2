"""The specification of the gate, in plain torch: any dtype, any device."""

import torch.nn.functional as F
from torch import Tensor


def swiglu(x: Tensor) -> Tensor:
    """x (T, 2 D) -> (T, D); see kernels.swiglu."""
    value, gate = x.chunk(2, dim=-1)
    return F.silu(gate) * value
