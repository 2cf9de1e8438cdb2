"""torch.compile where it helps: on a CUDA device, for the one product of activations that no kernel of ours covers."""

import torch
from torch import nn

from hnet_core.blocks.mlp import SwiGLU
from hnet_core.errors import ConfigError
from kernels.swiglu import reference


def compile_gates(model: nn.Module, device: str, backend: str = "inductor") -> None:
    """Let torch.compile fuse the gate of every SwiGLU, which is plain torch on CUDA.

    Compiled once for all lengths, since every step has another number of chunks, and as one graph: it is one
    elementwise pass, which rounds once, with gradient or without. What surrounds it are products and kernels, which a
    compiler cannot look into. Raises ConfigError on a CPU, where starting takes longer than it saves.
    """
    if not device.startswith("cuda"):
        raise ConfigError(f"training: compile=true is for CUDA devices, not {device!r}; set compile=false")
    gate = torch.compile(reference.swiglu, dynamic=True, fullgraph=True, backend=backend)
    for module in model.modules():
        if isinstance(module, SwiGLU):
            module.gate = gate
