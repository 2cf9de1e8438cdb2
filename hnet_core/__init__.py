"""H-Net: bytes in, logits and chunk boundaries out (dynamic chunking, arXiv 2507.07955).

What a program needs is here; it is imported when it is first asked for, since torch takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hnet_core.boundaries.vectors import ChunkVectors as ChunkVectors
    from hnet_core.checkpoint import model_names as model_names
    from hnet_core.errors import HNetError as HNetError
    from hnet_core.generation.continuations import Continuation as Continuation
    from hnet_core.pretrained import HNet as HNet
    from hnet_core.pretrained import load_model as load_model

_HOME = {
    "load_model": "pretrained",
    "HNet": "pretrained",
    "model_names": "checkpoint",
    "ChunkVectors": "boundaries.vectors",
    "Continuation": "generation.continuations",
    "HNetError": "errors",
}
__all__ = ["ChunkVectors", "Continuation", "HNet", "HNetError", "load_model", "model_names"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"hnet_core has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"hnet_core.{_HOME[name]}"), name)
