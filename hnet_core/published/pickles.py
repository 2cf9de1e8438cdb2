"""Tensors out of a published .pt file, without running anything that the file says.

A .pt file is a pickle, and a pickle may name any function to call. It is read by torch's weights-only reader,
which knows tensors and plain containers and refuses every other name. The published files may also hold
configuration objects of the package omegaconf, and training programs put numbers of numpy, options, paths and
dates beside the weights; for their names an inert class stands in, so that nothing of those packages is needed
or run.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hnet_core.errors import CheckpointError
from hnet_core.published.bounds import check_bounds

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
_PATHS = ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
_BESIDE_WEIGHTS = {
    "numpy": ("dtype", "ndarray"),
    "numpy.core.multiarray": ("_reconstruct", "scalar"),
    "numpy._core.multiarray": ("_reconstruct", "scalar"),
    "numpy._core.numeric": ("_frombuffer",),
    "argparse": ("Namespace",),
    "types": ("SimpleNamespace",),
    "pathlib": _PATHS,
    "pathlib._local": _PATHS,
    "datetime": ("date", "datetime", "time", "timedelta", "timezone"),
    "builtins": ("complex", "frozenset", "range", "set", "slice"),
}
"""What training programs keep beside the weights: the best loss so far, options, folders, dates."""
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
        for table in (_OMEGACONF, _TYPES, _BESIDE_WEIGHTS)
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
            check_bounds(path)
            content = _load(path)
    except (OSError, CheckpointError):
        raise
    except Exception as err:
        # A damaged or hostile file can make the reader fail in any way; whatever it is, the file is refused.
        raise CheckpointError(_refusal(path, err)) from err
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, must hold a dictionary of tensors")
    return content


def _load(path: Path) -> Any:
    # Files older than torch 1.6 are no zip archives and cannot be mapped; a file that is mapped is given by its name,
    # and torch takes one named .safetensors for that.
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
        if zipped and path.suffix.lower() != ".safetensors":
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        file.seek(0)
        return torch.load(file, map_location="cpu", weights_only=True)


def _refusal(path: Path, err: Exception) -> str:
    name = _GLOBAL.search(str(err))
    if name:
        return (
            f"{path}: refused, nothing was run: besides tensors it asks for {name[1]}; only tensors, plain "
            "containers and settings are read; save its state dict alone, or as .safetensors"
        )
    if "DTensor" in str(err):
        return f"{path}: holds the pieces of a distributed training (DTensor); save its full state dict"
    # torch's own words advise to load without protection: they are not passed on.
    return (
        f"{path}: cannot be read as a .pt file of tensors ({type(err).__name__}): it is damaged, cut off, or no such "
        "file; fetch it again, or save its state dict as .safetensors"
    )


def is_plain_tensor(value: Any) -> bool:
    """Whether a value is an ordinary tensor of real numbers that lies in memory or in the file."""
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and value.is_floating_point()
        and not value.is_quantized
    )
