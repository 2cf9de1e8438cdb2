"""Checkpoints as others publish them: read, unwrapped, and matched name by name to a configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hnet_core.checkpoint import EMBEDDINGS, OUTPUT_HEAD, boundary_tensor_names
from hnet_core.errors import CheckpointError, ConfigError
from hnet_core.model import HNetForCausalLM
from hnet_core.pickles import is_plain_tensor, read_pickle

PICKLE_SUFFIXES = (".pt", ".pth", ".bin")
SAFETENSORS_SUFFIX = ".safetensors"
SUFFIXES = (*PICKLE_SUFFIXES, SAFETENSORS_SUFFIX)
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module")
"""Keys under which training programs keep the state dict beside other things."""
_MAX_NESTING = 4


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint file under their published names; they stay on disk until they are used."""
    if path.suffix in PICKLE_SUFFIXES:
        content: Mapping[Any, Any] = read_pickle(path)
    elif path.suffix == SAFETENSORS_SUFFIX:
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                content = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as err:
            raise CheckpointError(f"{path}: cannot be read as safetensors ({err})") from err
    else:
        raise CheckpointError(f"{path}: must end in one of {', '.join(SUFFIXES)}")
    return unwrap(content, path)


def unwrap(content: Mapping[Any, Any], where: Path) -> dict[str, Tensor]:
    """Find the state dict inside what a training program saved; drop the prefix its wrappers put on names."""
    node: Any = content
    for _ in range(_MAX_NESTING):
        if not isinstance(node, Mapping):
            break
        names = [n for n, value in node.items() if isinstance(n, str) and isinstance(value, Tensor)]
        found = [n for n in names if n == EMBEDDINGS or n.endswith("." + EMBEDDINGS)]
        if found:
            prefix = min(found, key=len).removesuffix(EMBEDDINGS)
            return {n.removeprefix(prefix): node[n] for n in names if n.startswith(prefix)}
        node = next((node[key] for key in _WRAPPERS if isinstance(node.get(key), Mapping)), None)
    raise CheckpointError(f"{where}: holds no {EMBEDDINGS}, so it is no H-Net checkpoint")


def select(
    tensors: Mapping[str, Tensor], model: HNetForCausalLM, where: str, config: Path, boundary_only: bool
) -> dict[str, Tensor]:
    """The tensors to keep, after checking all names and shapes against the configuration. Copies nothing."""
    shapes = {n: tuple(t.shape) for n, t in model.state_dict().items()}
    unknown = sorted(set(tensors) - set(shapes))
    if unknown:
        raise CheckpointError(
            f"{where}: holds {unknown[0]}, which {config} has no place for ({len(unknown)} in all)"
        )
    if boundary_only and not model.config.n_stages:
        raise ConfigError(f"{config}: an isotropic model has no router, so it has no boundary weights")
    wanted = boundary_tensor_names(model) if boundary_only else list(shapes)
    if model.config.tie_embeddings:
        _check_tied(tensors, where)
        wanted = [n for n in wanted if n != OUTPUT_HEAD]
    for n in wanted:
        if n not in tensors:
            raise CheckpointError(
                f"{where}: lacks {n}, which {config} asks for; check that the two belong together"
            )
        if tuple(tensors[n].shape) != shapes[n]:
            raise CheckpointError(
                f"{where}: {n} is {tuple(tensors[n].shape)}, but {config} makes it {shapes[n]}; "
                "check that the two belong together"
            )
        if not is_plain_tensor(tensors[n]):
            raise CheckpointError(
                f"{where}: {n} is no plain tensor of real numbers; save the checkpoint as such"
            )
    return {n: tensors[n].detach() for n in wanted}


def _check_tied(tensors: Mapping[str, Tensor], where: str) -> None:
    head, embeddings = tensors.get(OUTPUT_HEAD), tensors.get(EMBEDDINGS)
    if head is not None and embeddings is not None and not torch.equal(head, embeddings):
        raise CheckpointError(
            f"{where}: {OUTPUT_HEAD} differs from {EMBEDDINGS}, but the configuration ties them"
        )
