"""The gate of an MLP: half of its hidden activations, each times the SiLU of one of the other half."""

from torch import Tensor

from kernels import backend
from kernels.swiglu import reference


def swiglu(x: Tensor) -> Tensor:
    """value * silu(gate), where x is [value | gate] (arXiv 2002.05202).

    x (T, 2 D) -> (T, D). Raises ValueError where x has another shape.
    """
    if x.dim() != 2 or x.shape[1] % 2:
        raise ValueError(f"x must be (T, 2 D), an even number of columns, got {tuple(x.shape)}")
    match backend.choose("swiglu", x):
        case "triton":
            from kernels.swiglu import cuda as chosen
        case "numba":
            from kernels.swiglu import cpu as chosen
        case _:
            chosen = reference
    return chosen.swiglu(x)
