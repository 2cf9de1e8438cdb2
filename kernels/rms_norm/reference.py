"""The specification of the two norms, in plain torch: any dtype, any device."""

import torch
import torch.nn.functional as F
from torch import Tensor


def rms_norm(
    x: Tensor,
    weight: Tensor,
    eps: float = 1e-5,
    residual: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """summed = x + residual; normed = summed / rms(summed) * weight; see kernels.rms_norm."""
    summed = x if residual is None else x.to(torch.promote_types(x.dtype, torch.float32)) + residual
    return (_scaled_to_unit(summed, eps) * weight).to(dtype or x.dtype), summed


def gated_rms_norm(y: Tensor, z: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    """u / rms(u) * weight with u = y * silu(z); see kernels.rms_norm."""
    return (_scaled_to_unit(y * F.silu(z), eps) * weight).to(y.dtype)


def _scaled_to_unit(x: Tensor, eps: float) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
