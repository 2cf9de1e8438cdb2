"""The bias-free linear layer that every projection of the model is."""

from torch import Tensor, nn

from kernels.linear import linear


class Projection(nn.Linear):
    """x (T, d_in) -> (T, d_out). Stored as nn.Linear stores it."""

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__(d_in, d_out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight)
