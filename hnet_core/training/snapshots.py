"""Boundary weights kept along a training, at lengths even in the logarithm: how boundaries are learned can be shown."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from hnet_core.checkpoint import stored_dtypes
from hnet_core.errors import ConfigError
from hnet_core.model import HNetForCausalLM
from hnet_core.training.distributed import Processes, whole

FOLDER = "snapshots"
MOST = 2_000_000
"""Bytes of all snapshots of a model together."""


def lengths(count: int, first: int, last: int) -> list[int]:
    """`count` lengths in bytes: 0, then from `first` to `last`, each the same factor longer than the one before."""
    between = count - 2
    return [0, *(round(first * (last / first) ** (i / between)) for i in range(between)), last]


class Snapshots:
    """Writes OUT/snapshots/BYTES.safetensors: what `load_boundary_model` reads of a model folder, in bfloat16.

    count  of them, 0 and the end included; 0: none. A step that passes several lengths gives one.
    """

    def __init__(
        self, out: Path, model: HNetForCausalLM, count: int, first: int, last: int, group: Processes
    ) -> None:
        self._folder, self._model, self._group = out / FOLDER, model, group
        self._lengths = lengths(count, min(first, last), last) if count else []
        if count:
            self._dtypes = stored_dtypes(model, torch.bfloat16)
            self._names = model.boundary_parameters()
            self._check_size(count)

    def passed(self, before: int, after: int) -> bool:
        """Whether a step from `before` to `after` bytes passes one of the lengths."""
        return any(before < length <= after for length in self._lengths)

    def write(self, n_bytes: int) -> None:
        """Keep the weights as they are, under the bytes seen. Every process of the training takes part."""
        if not self._lengths:
            return
        parameters = dict(self._model.named_parameters())
        tensors = {
            name: whole(parameters[name].detach()).to("cpu", self._dtypes[name]).contiguous()
            for name in self._names
        }

        def write() -> None:
            self._folder.mkdir(exist_ok=True)
            path = self._folder / f"{n_bytes:012d}.safetensors"
            partial = path.with_name(f".{path.name}.partial")
            try:
                save_file(tensors, partial, metadata={"bytes_seen": str(n_bytes)})
                partial.replace(path)
            except SafetensorError as err:
                raise OSError(f"{path}: cannot be written ({err})") from err
            finally:
                partial.unlink(missing_ok=True)

        self._group.by_first(write)

    def _check_size(self, count: int) -> None:
        parameters = dict(self._model.named_parameters())
        each = sum(parameters[name].numel() * self._dtypes[name].itemsize for name in self._names)
        if count * each > MOST:
            raise ConfigError(
                f"training: snapshots={count} of {each / 1e3:.0f} kB each would be more than {MOST / 1e6:g} MB "
                f"together; at most {MOST // each} fit"
            )
