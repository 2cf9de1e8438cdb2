"""A trained model as Python programs use it: hnet_core.load_model(...) and what can be asked of it."""

import os
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hnet_core.boundaries import BoundaryModel, StageTrack, load_boundary_model
from hnet_core.boundaries.vectors import ChunkVectors, chunk_vectors
from hnet_core.checkpoint import CONFIG, DTYPES, model_folder, read_info, save_model
from hnet_core.checkpoint import load_model as load_whole
from hnet_core.config import HNetConfig
from hnet_core.encoding import encode
from hnet_core.errors import CheckpointError, InputError
from hnet_core.generation.continuations import Continuation, continue_all
from hnet_core.generation.sampling import Sampling
from hnet_core.losses import next_byte_nll
from hnet_core.model import HNetForCausalLM

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_SPAN = 2**14
"""Bytes of a forward in `surprisal`, with carried state."""


class HNet:
    """One model. Boundaries need its encoders and routers alone; everything else needs whole weights.

    Texts are given as str, which means their UTF-8 bytes, or as bytes. All offsets are of bytes, from 0.
    """

    def __init__(self, folder: Path, dtype: torch.dtype, device: str) -> None:
        """The folder of a model; `load_model` finds it."""
        self.folder, self.dtype, self.device = folder, dtype, device
        self.config = HNetConfig.from_file(folder / CONFIG)
        self.info: dict[str, Any] = read_info(folder)
        self.name: str = self.info["name"]

    def __repr__(self) -> str:
        return f"HNet({self.name!r}, n_stages={self.n_stages}, dtype={self.dtype}, device={self.device!r})"

    @property
    def n_stages(self) -> int:
        """Routed stages; 0 is an isotropic model, which has no chunks."""
        return self.config.n_stages

    @cached_property
    def module(self) -> HNetForCausalLM:
        """The torch module, in evaluation mode. CheckpointError where the folder holds boundary weights alone."""
        return load_whole(self.folder, self.device, dtype=self.dtype).model

    @cached_property
    def boundary_model(self) -> BoundaryModel:
        """Encoders and routers alone, as `analysis` takes them."""
        whole = self.__dict__.get("module")
        if whole is not None:
            return BoundaryModel(whole, self.info)
        return load_boundary_model(self.folder, self.device, dtype=self.dtype)

    def boundaries(
        self, text: str | bytes, progress: Callable[[int, int], None] | None = None
    ) -> tuple[StageTrack, ...]:
        """Where each stage cuts, outermost first: byte (K,), prob (K,), is_boundary (K,); see StageTrack.

        Inputs of any length, in constant memory. progress(bytes done, bytes in all) is called now and then.
        """
        return self.boundary_model.boundaries(_bytes(text), progress=progress)

    def chunks(self, text: str | bytes, stage: int = 0) -> list[bytes]:
        """The input, cut where that stage cuts it; joined they are the input again."""
        data = _bytes(text)
        if not 0 <= stage < self.n_stages:
            raise InputError(f"stage={stage}: {self.name} has stages 0 to {self.n_stages - 1}")
        track = self.boundaries(data)[stage]
        starts = track.byte[track.is_boundary].tolist()
        return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]

    @torch.inference_mode()
    def forward(self, text: str | bytes) -> torch.Tensor:
        """(n + 1, 256) logits: row i is the guess at byte i from the bytes before it, row n at the next one.

        For a model without a start marker there is no guess at the first byte: (n, 256), row i is that at byte i + 1.
        All rows stand in memory; for long inputs ask for `surprisal`.
        """
        ids = torch.from_numpy(encode(_bytes(text), bos=self._bos).astype(np.int64)).to(self.device)
        return self.module(ids, cu_seqlens=torch.tensor([0, len(ids)], device=self.device)).logits

    __call__ = forward

    @torch.inference_mode()
    def surprisal(self, text: str | bytes) -> np.ndarray:
        """(n,) bits at every byte; their mean is bits per byte. The first is nan without a start marker."""
        ids = torch.from_numpy(encode(_bytes(text), bos=self._bos).astype(np.int64)).to(self.device)
        state, found = self.module.new_state(1), []
        for start in range(0, max(len(ids) - 1, 0), _SPAN):
            part = ids[start : min(start + _SPAN, len(ids) - 1)]
            out = self.module(part, cu_seqlens=torch.tensor([0, len(part)], device=self.device), state=state)
            state, ahead = out.state, ids[start : start + len(part) + 1]
            limits = torch.tensor([0, len(ahead)], device=self.device)
            logits = torch.cat((out.logits, out.logits[-1:]))
            found.append(next_byte_nll(logits, ahead, limits)[:-1].double().cpu().numpy() / np.log(2))
        head = [] if self._bos or not len(ids) else [np.array([np.nan])]
        return np.concatenate([*head, *found, np.zeros(0)])

    def vectors(self, text: str | bytes, stage: int = 0, place: str = "encoder") -> ChunkVectors:
        """start (M,) and vectors (M, D): one vector a chunk of that stage; see `hnet_core.boundaries.vectors`."""
        return chunk_vectors(self.module, _bytes(text), stage, place, self._bos)

    def generate(
        self,
        prompt: str | bytes | Sequence[str | bytes],
        max_bytes: int = 256,
        *,
        n_samples: int = 1,
        stop: Sequence[str | bytes] = (),
        **sampling: Any,
    ) -> list[Continuation] | list[list[Continuation]]:
        """n_samples continuations of a prompt; of several prompts, a list of them for each.

        stop       a sample ends behind the first of these
        sampling   temperature, top_k, top_p, alphabet, seed; see Sampling
        """
        one = isinstance(prompt, str | bytes)
        known = set(Sampling.__dataclass_fields__)
        if unknown := set(sampling) - known:
            raise InputError(f"generate takes no {min(unknown)!r}; it takes {', '.join(sorted(known))}")
        if isinstance(sampling.get("alphabet"), str):
            sampling["alphabet"] = sampling["alphabet"].encode()
        found = continue_all(
            self.module,
            [_bytes(each) for each in ([prompt] if one else prompt)],
            n_samples=n_samples,
            max_bytes=max_bytes,
            sampling=Sampling(**sampling),
            stop=[_bytes(each) for each in stop],
            bos=self._bos,
        )
        return found[0] if one else found

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype | None = None) -> Path:
        """Write the model as a folder that load_model, the commands and the page open; complete or not at all.

        dtype  of the weights in the file; None: as they are here
        """
        if dtype is not None and dtype not in DTYPES.values():
            raise InputError(f"dtype={dtype} must be one of {', '.join(map(str, DTYPES.values()))}")
        save_model(folder, self.module, {**self.info, "name": Path(folder).name}, dtype or self.dtype)
        return Path(folder)

    @property
    def _bos(self) -> bool:
        return bool(self.info.get("bos", True))


def load_model(
    name: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    models_dir: str | Path | None = None,
) -> HNet:
    """Open a model: the name of a bundled one, the path of a model folder, or a hub id (`owner/name`).

    Weights are read when they are first needed. A published checkpoint from the hub is converted once and kept in the
    user's cache folder. Raises CheckpointError where there is no such model, with the nearest name.
    """
    if dtype not in DTYPES.values():
        raise InputError(f"dtype={dtype} must be one of {', '.join(map(str, DTYPES.values()))}")
    try:
        folder = model_folder(name, models_dir)
    except CheckpointError:
        if not _HUB_ID.fullmatch(str(name)) or os.path.exists(name):
            raise
        folder = _from_hub(str(name))
    return HNet(folder, dtype, device)


def _from_hub(hub_id: str) -> Path:
    from hnet_core.convert import convert

    cache = Path(torch.hub.get_dir()).parent / "hnet-chunks" / hub_id.replace("/", "--")
    if not (cache / CONFIG).exists():
        convert(hub_id, None, cache)
    return cache


def _bytes(text: str | bytes) -> bytes:
    if isinstance(text, bytes | bytearray | memoryview):
        return bytes(text)
    if not isinstance(text, str):
        raise InputError(f"a text is str or bytes, not {type(text).__name__}")
    return text.encode("utf-8", "surrogatepass")
