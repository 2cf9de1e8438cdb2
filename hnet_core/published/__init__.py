"""Checkpoints as others publish them: read, unwrapped, and matched name by name to a configuration."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hnet_core.checkpoint import (
    EMBEDDINGS,
    OUTPUT_HEAD,
    WEIGHTS,
    check_finite,
    refuse_pointer,
)
from hnet_core.errors import CheckpointError, ConfigError
from hnet_core.json_text import parsed
from hnet_core.model import HNetForCausalLM
from hnet_core.published.pickles import is_plain_tensor, read_pickle

SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")
INDEX = ".index.json"
"""How the name of an index ends: it says which file of several holds which tensor."""
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module")
"""Keys under which training programs keep the state dict beside other things."""
_MAX_NESTING = 4
_LONGEST_HEADER = 100_000_000
_WRAPPER_NAMES = {
    "module",
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "_forward_module",
}
"""Parts of names that come of DDP, torch.compile, FSDP, activation checkpointing and Fabric."""


def weights_in(folder: Path) -> Path:
    """The one checkpoint of a folder: model.safetensors, else an index of pieces, else the only file there is."""
    if (folder / WEIGHTS).is_file():
        return folder / WEIGHTS
    for found in (
        sorted(folder.glob("*" + INDEX)),
        _files(folder, (".safetensors",)),
        _files(folder, SUFFIXES),
    ):
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(path.name for path in found[:5])
            raise CheckpointError(f"{folder}: holds several checkpoints ({listed}); give the path of one")
    raise CheckpointError(
        f"{folder}: holds no checkpoint; give a file that ends in one of {', '.join(SUFFIXES)}"
    )


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in suffixes)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint under their published names; they stay on disk until they are used.

    path  a .pt or .safetensors file, told apart by content, or the index of several
    """
    return unwrap(_read_index(path) if path.name.endswith(INDEX) else _read_file(path), path)


def _read_index(path: Path) -> dict[Any, Any]:
    """The tensors of all pieces that an index names; each must be in the piece where the index has it."""
    try:
        raw = parsed(path.read_bytes())
        places = {str(name): str(file) for name, file in raw["weight_map"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise CheckpointError(f'{path}: is no index of a checkpoint (JSON with "weight_map"): {err}') from err
    found: dict[Any, Any] = {}
    for file in dict.fromkeys(places.values()):
        piece = path.parent / file
        if Path(file).name != file or not os.path.isfile(piece):
            raise CheckpointError(
                f"{path}: names the piece {file!r}, which is not beside it; fetch all pieces"
            )
        content = _read_file(piece)
        missing = [name for name, at in places.items() if at == file and name not in content]
        if missing:
            raise CheckpointError(f"{piece}: lacks {missing[0]}, which {path.name} has there; fetch it again")
        found |= {name: content[name] for name, at in places.items() if at == file}
    return found


def _read_file(path: Path) -> Mapping[Any, Any]:
    refuse_pointer(path)
    with path.open("rb") as file:
        start = file.read(9)
    # A safetensors file begins with the length of its header, whose low byte may be any, and the header itself.
    is_safetensors = start[8:] == b"{" and int.from_bytes(start[:8], "little") <= _LONGEST_HEADER
    if not is_safetensors and start.startswith(
        (b"PK\x03\x04", b"\x80")
    ):  # zip; a bare pickle before torch 1.6
        return read_pickle(path)
    if not is_safetensors and path.suffix.lower() != ".safetensors":
        what = f"it begins with {start!r}" if start else "it is empty"
        raise CheckpointError(
            f"{path}: is neither a .pt nor a .safetensors file ({what}); give a checkpoint, or fetch it again"
        )
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as err:
        raise CheckpointError(f"{path}: cannot be read as safetensors ({err}); fetch it again") from err


def unwrap(content: Mapping[Any, Any], where: Path) -> dict[str, Tensor]:
    """Find the state dict inside what a training program saved; drop what its wrappers put before and into names."""
    node: Any = content
    for _ in range(_MAX_NESTING):
        if not isinstance(node, Mapping):
            break
        given = [n for n, value in node.items() if isinstance(n, str) and isinstance(value, Tensor)]
        names = {n: ".".join(part for part in n.split(".") if part not in _WRAPPER_NAMES) for n in given}
        found = [n for n in names.values() if n == EMBEDDINGS or n.endswith("." + EMBEDDINGS)]
        if found:
            prefix = min(found, key=len).removesuffix(EMBEDDINGS)
            tensors: dict[str, Tensor] = {}
            for n, name in names.items():
                if (
                    name.startswith(prefix)
                    and tensors.setdefault(name.removeprefix(prefix), node[n]) is not node[n]
                ):
                    raise CheckpointError(
                        f"{where}: holds {name} twice, with and without a wrapper's name ({n}); save one of the two"
                    )
            return tensors
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
    wanted = model.boundary_parameters() if boundary_only else list(shapes)
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
        check_finite(where, n, tensors[n])
    return {n: tensors[n].detach() for n in wanted}


def _check_tied(tensors: Mapping[str, Tensor], where: str) -> None:
    head, embeddings = tensors.get(OUTPUT_HEAD), tensors.get(EMBEDDINGS)
    if head is not None and embeddings is not None and not torch.equal(head, embeddings):
        raise CheckpointError(
            f"{where}: {OUTPUT_HEAD} differs from {EMBEDDINGS}, but the configuration ties them"
        )
