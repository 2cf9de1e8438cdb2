"""torch.compile where it helps: on a CUDA device, for the layers that are plain torch around their products."""

from torch import nn

from hnet_core.block import SwiGLU
from hnet_core.errors import ConfigError


def compile_gates(model: nn.Module, device: str, backend: str = "inductor") -> None:
    """Let torch.compile fuse every SwiGLU: its gate is the one product of activations that no kernel of ours covers.

    Compiled once for all lengths, since every step has another number of chunks. What surrounds the gates are kernels,
    which a compiler cannot look into. Raises ConfigError on a CPU, where starting takes longer than it saves.
    """
    if not device.startswith("cuda"):
        raise ConfigError(f"training: compile=true is for CUDA devices, not {device!r}; set compile=false")
    for module in model.modules():
        if isinstance(module, SwiGLU):
            module.compile(dynamic=True, backend=backend)
