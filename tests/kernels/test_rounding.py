"""Kernels round to bfloat16 as a GPU does, in the interpreter too."""

import torch
import triton.language as tl

from kernels.packed.cuda import kernel, launch, narrowed


@kernel
def _rounded(x, y, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(y + i, narrowed(tl.load(x + i), tl.bfloat16))


def test_to_the_nearest_and_ties_to_even():
    x = torch.randn(1024, generator=torch.Generator().manual_seed(0)) * torch.logspace(-30, 30, 1024)
    x[:256] = 1 + torch.arange(256) * 2.0**-16  # ties among them
    x[256:260] = torch.tensor([torch.nan, torch.inf, -torch.inf, -0.0])
    y = torch.empty(1024, dtype=torch.bfloat16)
    launch(_rounded, (1,), x=x, y=y, N=1024)
    assert torch.equal(y.nan_to_num(), x.bfloat16().nan_to_num()) and y[256].isnan()
