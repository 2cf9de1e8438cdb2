"""The Mamba-2 layer (arXiv 2405.21060): projection, short convolution, selective scan, gated norm."""

import math

import torch
from torch import Tensor, nn

from hnet_core.config import MAMBA_HEAD_DIM, HNetConfig
from hnet_core.projection import Projection
from hnet_core.rows import Rows
from hnet_core.state import MambaState, zeros
from kernels.mamba2 import mamba2, row_multiple

A_RANGE = (1.0, 16.0)
DT_RANGE = (1e-3, 0.1)


class Mamba2(nn.Module):
    """u (T, D) -> (T, D), each row on its own. One group: B and C are shared by all heads."""

    def __init__(self, config: HNetConfig, stage: int) -> None:
        super().__init__()
        d, ssm = config.d_model[stage], config.ssm_cfg
        self.d_inner, self.d_state = ssm.expand * d, ssm.d_state
        self.n_heads = self.d_inner // MAMBA_HEAD_DIM
        channels = self.d_inner + 2 * self.d_state
        self.in_proj = Projection(d, self.d_inner + channels + self.n_heads)
        self.conv1d = nn.Conv1d(channels, channels, ssm.d_conv, groups=channels)
        self.dt_bias = nn.Parameter(torch.empty(self.n_heads))
        self.A_log = nn.Parameter(torch.empty(self.n_heads))
        self.D = nn.Parameter(torch.empty(self.n_heads, dtype=torch.float32))
        self.norm = RMSNormWeight(self.d_inner)
        self.out_proj = Projection(self.d_inner, d)

    def forward(
        self, u: Tensor, rows: Rows, state: MambaState | None = None
    ) -> tuple[Tensor, MambaState | None]:
        conv, scan = (state.conv, state.ssm) if state else (None, None)
        y, conv, scan = mamba2(
            self.in_proj(u, row_multiple(u)),
            self.conv1d.weight.squeeze(1),
            self.conv1d.bias,
            -torch.exp(self.A_log.to(torch.promote_types(self.A_log.dtype, torch.float32))),
            self.D,
            self.dt_bias,
            self.norm.weight,
            rows.cu_seqlens,
            conv,
            scan,
        )
        return self.out_proj(y), (MambaState(conv, scan) if state else None)

    def new_state(self, n_rows: int) -> MambaState:
        channels, width = self.conv1d.weight.shape[0], self.conv1d.weight.shape[2]
        like = self.in_proj.weight
        return MambaState(
            conv=zeros(n_rows, channels, width - 1, like=like),
            ssm=zeros(n_rows, self.n_heads, MAMBA_HEAD_DIM, self.d_state, like=like),
        )

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator) -> None:
        """Decay rates uniform in A_RANGE, step sizes log-uniform in DT_RANGE, as published for Mamba-2."""
        self.A_log.uniform_(*A_RANGE, generator=generator).log_()
        low, high = (math.log(v) for v in DT_RANGE)
        dt = (
            torch.empty_like(self.dt_bias, dtype=torch.float32).uniform_(low, high, generator=generator).exp()
        )
        self.dt_bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # the inverse of softplus
        self.D.fill_(1)
        bound = self.conv1d.weight.shape[2] ** -0.5
        self.conv1d.weight.uniform_(-bound, bound, generator=generator)
        self.conv1d.bias.uniform_(-bound, bound, generator=generator)


class RMSNormWeight(nn.Module):
    """Holds the weight (D,) of a root-mean-square norm; who applies it chooses the fused form."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
