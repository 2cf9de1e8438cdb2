"""Tensors out of a published .pt file, without running anything that the file says.

A .pt file is a pickle, and a pickle may name any function to call. It is read by torch's weights-only reader,
which knows tensors and plain containers and refuses every other name. The published files may also hold
configuration objects of the package omegaconf; for their names an inert class stands in, so that nothing of
that package is needed or run.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hnet_core.errors import CheckpointError

_OMEGACONF = {
    "omegaconf.dictconfig": ("DictConfig",),
    "omegaconf.listconfig": ("ListConfig",),
    "omegaconf.base": ("ContainerMetadata", "Metadata", "Node", "Container", "SCMode", "UnionNode"),
    "omegaconf.nodes": (
        "AnyNode",
        "BooleanNode",
        "BytesNode",
        "EnumNode",
        "FloatNode",
        "IntegerNode",
        "InterpolationResultNode",
        "PathNode",
        "StringNode",
        "ValueNode",
    ),
}
_TYPES = {
    "typing": ("Any", "Dict", "List", "Optional", "Tuple", "Union"),
    "builtins": ("bool", "bytes", "dict", "float", "int", "list", "object", "str", "tuple"),
}
"""Types that omegaconf's metadata names without using them."""
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")


class StandIn:
    """Takes the place of an object that is of no use here: accepts whatever it is given and keeps nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "StandIn":
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def plain_dict(*factory: Any) -> dict:
    """Takes the place of collections.defaultdict, whose factory is of no use here."""
    return {}


def stand_ins() -> list[tuple[Any, str]]:
    """(what stands in, the name in the pickle) of everything allowed besides tensors and plain containers."""
    named = [
        f"{module}.{name}"
        for table in (_OMEGACONF, _TYPES)
        for module, names in table.items()
        for name in names
    ]
    return [(StandIn, name) for name in named] + [(plain_dict, "collections.defaultdict")]


def read_pickle(path: Path) -> Mapping[Any, Any]:
    """The dictionary in a .pt file; its tensors stay on disk (memory-mapped) until they are used.

    Raises CheckpointError for a file that is damaged, holds no dictionary, or names anything not allowed.
    """
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(stand_ins()):
            # The reader remarks on pickle protocols it may not know; what it does not know it refuses anyway.
            warnings.simplefilter("ignore")
            content = _load(path)
    except OSError:
        raise
    except Exception as err:
        # A damaged or hostile file can make the reader fail in any way; whatever it is, the file is refused.
        raise CheckpointError(_refusal(path, err)) from err
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, must hold a dictionary of tensors")
    return content


def _load(path: Path) -> Any:
    # Files older than torch 1.6 are no zip archives and cannot be mapped.
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)


def _refusal(path: Path, err: Exception) -> str:
    name = _GLOBAL.search(str(err))
    if name:
        return (
            f"{path}: refused, nothing was run: besides tensors it asks for {name[1]}; only tensors, plain "
            "containers and omegaconf objects are read; save its state dict alone, or as .safetensors"
        )
    reason = (str(err).strip() or type(err).__name__).splitlines()[0][:200]
    return f"{path}: cannot be read as a .pt file of tensors ({reason})"


def is_plain_tensor(value: Any) -> bool:
    """Whether a value is an ordinary tensor of real numbers that lies in memory or in the file."""
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and value.is_floating_point()
        and not value.is_quantized
    )
