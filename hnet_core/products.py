"""The precision of a model's matrix products, on a CPU and on CUDA alike."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from kernels.linear import precision


@contextmanager
def products(name: str, device: str | torch.device) -> Iterator[None]:
    """Inside, factors are rounded to `name`: by our own linear map on a CPU, by autocast on CUDA. Weights are not."""
    narrow = name == "bf16" and torch.device(device).type == "cuda"
    with precision(name), torch.autocast("cuda", torch.bfloat16, enabled=narrow):
        yield
