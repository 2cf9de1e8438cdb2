"""The published kernels of the same operators, where their packages are: what ours are measured against."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from kernels.ssd import mamba_ssm

FOLDER = Path(__file__).resolve().parents[2] / "peers"
"""Where `python -m hnet_core.lab.device.peers` puts them; git ignores it."""
EPS = 1e-5
"""Of the norms, as ours have it."""


@dataclass(frozen=True)
class Peer:
    """One published kernel. call: on the inputs of our operator, rows packed; how: what else is to know of its figure.

    narrow  inputs that it takes only in the dtype of the activations
    """

    package: str
    call: Callable[..., Tensor]
    how: str = ""
    narrow: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.package} ({self.how})" if self.how else self.package


def reach(folder: Path = FOLDER) -> None:
    """Let the packages in `folder` be imported, where none of that name is installed."""
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))


def _simple_gla(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, dt_bias: Tensor, cu_seqlens: Tensor
) -> Tensor:
    """Its heads have keys and queries of their own: B and C are given to every one."""
    from fla.ops.simple_gla import chunk_simple_gla

    step = F.softplus(dt.float() + dt_bias)
    shape = (1, *x.shape[:2], B.shape[1])
    key, query = (value[None, :, None].expand(shape).contiguous() for value in (B, C))
    value = (x * step[..., None]).to(x.dtype)[None]
    y, _ = chunk_simple_gla(query, key, value, g=(step * A)[None], scale=1.0, cu_seqlens=cu_seqlens)
    return y[0] + (D[:, None] * x).to(x.dtype)


def _fla_causal_conv1d(x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor) -> Tensor:
    from fla.modules.causal_conv1d import causal_conv1d

    return causal_conv1d(x[None], weight, bias, activation="silu", cu_seqlens=cu_seqlens)[0][0]


def _causal_conv1d(x: Tensor, weight: Tensor, bias: Tensor, cu_seqlens: Tensor) -> Tensor:
    """Its packed rows need channels side by side in memory, as ours are: (1, C, T) as a view of (T, C)."""
    from causal_conv1d import causal_conv1d_fn

    rows = mamba_ssm.rows_of(cu_seqlens, len(x))
    return causal_conv1d_fn(x.T[None], weight, bias, seq_idx=rows, activation="silu")[0].T


def _mamba_gated_norm(y: Tensor, z: Tensor, weight: Tensor) -> Tensor:
    from mamba_ssm.ops.triton.layernorm_gated import rmsnorm_fn

    return rmsnorm_fn(y, weight, None, z=z, eps=EPS, norm_before_gate=False)


def _fla_gated_norm(y: Tensor, z: Tensor, weight: Tensor) -> Tensor:
    from fla.modules.norm.layernorm_gated import rmsnorm_fn

    return rmsnorm_fn(y, weight, None, z=z, eps=EPS, norm_before_gate=False)


def _liger_norm(x: Tensor, weight: Tensor, residual: Tensor) -> Tensor:
    from liger_kernel.ops.fused_add_rms_norm import LigerFusedAddRMSNormFunction

    return LigerFusedAddRMSNormFunction.apply(x, residual, weight, EPS)[0]


def _liger_swiglu(x: Tensor) -> Tensor:
    from liger_kernel.ops.swiglu import LigerFusedGateUpSiLUMulFunction

    return LigerFusedGateUpSiLUMulFunction.apply(x)


def _liger_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    from liger_kernel.ops.cross_entropy import LigerCrossEntropyFunction

    return LigerCrossEntropyFunction.apply(logits, target, None, -100, 0.0, 0.0, "none")[0]


PEERS: dict[str, tuple[Peer, ...]] = {
    "ssd": (
        Peer("mamba_ssm", mamba_ssm.packed),
        Peer("fla", _simple_gla, "chunk_simple_gla, B and C expanded"),
    ),
    "causal_conv1d": (Peer("causal_conv1d", _causal_conv1d), Peer("fla", _fla_causal_conv1d)),
    "gated_rms_norm": (Peer("mamba_ssm", _mamba_gated_norm), Peer("fla", _fla_gated_norm)),
    "rms_norm": (Peer("liger_kernel", _liger_norm, "residual as narrow as x", narrow=("residual",)),),
    "swiglu": (Peer("liger_kernel", _liger_swiglu, "gate before value"),),
    "cross_entropy": (
        Peer("liger_kernel", _liger_cross_entropy, "its forward computes the gradient as well"),
    ),
}
"""Name of an operator -> the packages that have it too."""
