"""The gated MLP of upper-case block kinds."""

import torch
from torch import Tensor, nn

from hnet_core.blocks.mixer import draw_products
from hnet_core.blocks.projection import Projection
from kernels.swiglu import swiglu

MLP_MULTIPLE = 128


def mlp_hidden(d_intermediate: int) -> int:
    """Hidden size of an MLP: the configured one, rounded up to a multiple of MLP_MULTIPLE."""
    return -(-d_intermediate // MLP_MULTIPLE) * MLP_MULTIPLE


class SwiGLU(nn.Module):
    """fc2(silu(gate) * value), where fc1 yields [value | gate] (arXiv 2002.05202). Hidden size as mlp_hidden."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        hidden = mlp_hidden(hidden)
        self.fc1 = Projection(width, 2 * hidden)
        self.fc2 = Projection(hidden, width)

    @classmethod
    def flops(cls, width: int, hidden: int) -> float:
        """Operations a position: fc1 yields value and gate, fc2 takes their product."""
        hidden = mlp_hidden(hidden)
        return 2 * width * 2 * hidden + 2 * hidden * width

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(swiglu(self.fc1(x)))

    def init_weights(self, generator: torch.Generator, depth: int) -> None:
        """As Mixer.init_weights."""
        draw_products(self, ("fc2",), generator, depth)

    def maps(self) -> dict[nn.Parameter, tuple[int, ...]]:
        """As Mixer.maps: value and gate."""
        return {self.fc1.weight: (self.fc1.out_features // 2,) * 2}
