"""A pre-norm residual block: a mixer over positions, and for upper-case kinds an MLP after it."""

from torch import Tensor, nn

from hnet_core.attention import Attention
from hnet_core.config import HNetConfig
from hnet_core.mamba2 import Mamba2, RMSNormWeight
from hnet_core.projection import Projection
from hnet_core.rows import Rows
from kernels.linear import factor_dtype
from kernels.rms_norm import rms_norm
from kernels.swiglu import swiglu

MIXERS = {"m": Mamba2, "t": Attention}
"""Lower-case letter of a block kind -> the module that mixes positions. A new kind is one more entry."""
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

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(swiglu(self.fc1(x)))


class Block(nn.Module):
    """One block of kind m, M, t or T.

    Takes what the previous block adds, `x` (T, D), and the residual stream before that addition (None at the
    start of a stack); returns the same pair, so that every addition happens inside the next norm's pass.
    """

    def __init__(self, kind: str, config: HNetConfig, stage: int) -> None:
        super().__init__()
        width = config.d_model[stage]
        self.norm1 = RMSNormWeight(width)
        self.mixer = MIXERS[kind.lower()](config, stage)
        self.has_mlp = kind.isupper()
        if self.has_mlp:
            self.norm2 = RMSNormWeight(width)
            self.mlp = SwiGLU(width, config.d_intermediate[stage])

    @property
    def n_residual_additions(self) -> int:
        return 2 if self.has_mlp else 1

    def forward(self, x: Tensor, residual: Tensor | None, rows: Rows, state=None):
        """returns what this block adds (T, D), the residual stream before it (T, D), the mixer's new state"""
        x, residual = rms_norm(x, self.norm1.weight, residual=residual, dtype=factor_dtype(x))
        x, state = self.mixer(x, rows, state)
        if self.has_mlp:
            x, residual = rms_norm(x, self.norm2.weight, residual=residual, dtype=factor_dtype(x))
            x = self.mlp(x)
        return x, residual, state
