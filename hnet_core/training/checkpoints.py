"""The checkpoint of a running training: one file that holds everything the next step depends on."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from hnet_core.errors import CheckpointError
from hnet_core.json_text import parsed
from hnet_core.model import HNetForCausalLM
from hnet_core.training.distributed import laid_as, whole
from hnet_core.training.optim import Together

FILE = "checkpoint.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step", "momentum")


def tensors_of(
    model: nn.Module, optimizer: torch.optim.Optimizer | Together, keep: bool = True
) -> dict[str, Tensor]:
    """Weights, optimizer moments and random state, on the CPU and whole: a sharded model is gathered here, which all
    its processes must take part in. keep: False in a process that will not write them; it then holds none."""
    tensors = {}
    for name, parameter in model.named_parameters():
        state = optimizer.state.get(parameter, {})
        for kind, value in {"model": parameter, **state}.items():
            gathered = whole(value.detach())
            if keep:
                tensors[f"{kind}/{name}"] = gathered.cpu().contiguous()
    return tensors | {"random/torch": torch.get_rng_state()} if keep else {}


def whole_model(model: HNetForCausalLM, tensors: Mapping[str, Tensor]) -> HNetForCausalLM:
    """`model`, or if it is sharded an unsharded one with the weights of `tensors`."""
    if not any(isinstance(p, DTensor) for p in model.parameters()):
        return model
    copy = HNetForCausalLM(model.config)
    with torch.no_grad():
        for name, parameter in copy.named_parameters():
            parameter.copy_(tensors[f"model/{name}"])
    return copy


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], progress: Mapping[str, Any]) -> None:
    """Write what `tensors_of` gave and `progress` (JSON values), by atomic rename.

    A crash at any moment leaves the old file or the new one, never half of one. Raises OSError on a full disk.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        save_file(dict(tensors), partial, metadata={"progress": json.dumps(progress)})
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.replace(path)
    except SafetensorError as err:
        raise OSError(f"{path}: cannot be written ({err})") from err
    finally:
        partial.unlink(missing_ok=True)


def read_progress(path: Path) -> dict[str, Any]:
    """The progress that was given to `save_checkpoint`."""
    try:
        with safe_open(path, framework="pt") as stream:
            return parsed(stream.metadata()["progress"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as err:
        raise CheckpointError(f"{path}: is not a checkpoint of a training, or is damaged ({err})") from err


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer | Together) -> None:
    """Put weights, optimizer moments and random state back into a model and optimizer built from the same recipe."""
    parameters = dict(model.named_parameters())
    try:
        with safe_open(path, framework="pt") as stream:
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as err:
        raise CheckpointError(f"{path}: is damaged ({err})") from err
    _check_same(path, tensors, parameters)
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(laid_as(tensors[f"model/{name}"], parameter))
            moments = {m: tensors[f"{m}/{name}"] for m in _MOMENTS if f"{m}/{name}" in tensors}
            if moments:
                optimizer.state[parameter] = {m: laid_as(v, parameter) for m, v in moments.items()}
    torch.set_rng_state(tensors["random/torch"])


def _check_same(path: Path, tensors: Mapping[str, Tensor], parameters: Mapping[str, Tensor]) -> None:
    held = {name.removeprefix("model/"): t.shape for name, t in tensors.items() if name.startswith("model/")}
    wanted = {name: p.shape for name, p in parameters.items()}
    if held != wanted:
        name = sorted(set(held.items()) ^ set(wanted.items()))[0][0]
        raise CheckpointError(
            f"{path}: belongs to another model ({name} differs); use the recipe it was made with"
        )
