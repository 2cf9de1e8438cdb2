"""The Mamba-2 layer (arXiv 2405.21060): projection, short convolution, selective scan, gated norm."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hnet_core.blocks.mixer import Mixer
from hnet_core.blocks.norm import RMSNormWeight
from hnet_core.blocks.projection import Projection
from hnet_core.errors import ConfigError
from hnet_core.rows import Rows
from hnet_core.stage_config import MAX_WIDTH, StageConfig
from hnet_core.state import zeros
from kernels.mamba2 import mamba2, row_multiple

MAMBA_HEAD_DIM = 64
"""Head width of every Mamba-2 layer in the published models."""
CONV_WIDTH = 4
"""The one width of the convolution kernels."""
MAX_STATE = 128
"""State width that the scan's CUDA kernel takes: what trains on a CPU must run on a GPU as well."""

A_RANGE = (1.0, 16.0)
DT_RANGE = (1e-3, 0.1)


@dataclass
class MambaState:
    """conv (R, C, W - 1) last raw inputs of the convolution   ssm (R, H, P, N) state of the scan"""

    conv: Tensor
    ssm: Tensor


class Mamba2(Mixer):
    """u (T, D) -> (T, D), each row on its own. One group: B and C are shared by all heads."""

    STAYS_FLOAT32 = ("D",)

    def __init__(self, stage: StageConfig) -> None:
        super().__init__()
        d, ssm = stage.width, stage.ssm
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

    @classmethod
    def check(cls, stage: StageConfig) -> None:
        width, ssm = stage.width, stage.ssm
        inner = ssm.expand * width
        if inner % MAMBA_HEAD_DIM or inner > MAX_WIDTH:
            raise ConfigError(
                f"d_model[{stage.index}]={width} times expand={ssm.expand} must be a multiple of {MAMBA_HEAD_DIM}, at "
                f"most {MAX_WIDTH}"
            )
        if ssm.d_conv != CONV_WIDTH:
            raise ConfigError(
                f"ssm_cfg.d_conv={ssm.d_conv} must be {CONV_WIDTH}, the width of the convolution kernels"
            )
        if ssm.d_state > MAX_STATE:
            raise ConfigError(
                f"ssm_cfg.d_state={ssm.d_state} must be from 1 to {MAX_STATE}: a wider state has no kernel on a GPU"
            )

    @classmethod
    def flops(cls, stage: StageConfig, length: float) -> float:
        """Projections, convolution, and the scan: state = decay * state + x B (3 an entry), y = state C (2)."""
        width, ssm = stage.width, stage.ssm
        inner = ssm.expand * width
        channels = inner + 2 * ssm.d_state
        projected = inner + channels + inner // MAMBA_HEAD_DIM
        return 2 * width * projected + 2 * channels * ssm.d_conv + 5 * inner * ssm.d_state + 2 * inner * width

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator, depth: int) -> None:
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
        super().init_weights(generator, depth)

    def maps(self) -> dict[nn.Parameter, tuple[int, ...]]:
        """z, x, B, C and dt."""
        return {self.in_proj.weight: (self.d_inner, self.d_inner, self.d_state, self.d_state, self.n_heads)}
