"""The specification of the causal convolution, in plain torch: any dtype, any device."""

import torch
import torch.nn.functional as F
from torch import Tensor


def causal_conv1d(
    x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """y[t] = silu(bias + sum_i weight[:, i] * x[t - (W-1) + i]) in every row; see kernels.causal_conv1d."""
    n_channels, width = weight.shape
    if state is None:
        state = x.new_zeros(len(cu_seqlens) - 1, n_channels, width - 1)
    dtype = torch.promote_types(x.dtype, weight.dtype)
    outputs, final_states = [x.new_zeros(0, n_channels)], []
    for start, end, before in zip(cu_seqlens[:-1], cu_seqlens[1:], state, strict=True):
        row = torch.cat((before, x[start:end].T), dim=1)
        final_states.append(row[:, row.shape[1] - (width - 1) :])
        if end > start:
            summed = F.conv1d(row[None].to(dtype), weight[:, None], bias.to(dtype), groups=n_channels)
            outputs.append(F.silu(summed[0].T).to(x.dtype))
    return torch.cat(outputs), torch.stack(final_states) if final_states else state
