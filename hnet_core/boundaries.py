"""Boundaries of an input of any length, from encoders and routers alone, in windows with carried state.

A stage's boundaries depend only on the encoders and routers at and outside it, and every layer of an encoder
is causal with a state of fixed size. So no main network and no decoder is read or run, memory does not grow
with the input, and the answer equals that of the full forward whatever the window.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hnet_core.checkpoint import (
    CONFIG,
    WEIGHTS,
    boundary_tensor_names,
    empty_model,
    fill,
    model_folder,
    read_info,
    read_tensors,
)
from hnet_core.config import HNetConfig
from hnet_core.encoding import encode
from hnet_core.errors import ConfigError
from hnet_core.model import HNetForCausalLM, RoutedStage
from hnet_core.rows import Rows

WINDOW = 32768
"""Bytes a window: large enough to keep two cores busy, small enough to stay in their caches."""


@dataclass(frozen=True)
class StageTrack:
    """The positions that one stage sees and what its router says of them.

    byte (K,) int64 offsets into the original input   prob (K,) float32   is_boundary (K,) bool
    Stage 0 sees every byte; stage s sees the starts of the chunks of stage s - 1. Byte 0 always starts a
    chunk, with probability 1; a start marker (BOS) that the model was given before it is not shown.
    """

    byte: np.ndarray
    prob: np.ndarray
    is_boundary: np.ndarray

    @staticmethod
    def joined(parts: "list[StageTrack]") -> "StageTrack":
        """One track from consecutive ones."""
        return StageTrack(
            np.concatenate([p.byte for p in parts] or [np.zeros(0, np.int64)]),
            np.concatenate([p.prob for p in parts] or [np.zeros(0, np.float32)]),
            np.concatenate([p.is_boundary for p in parts] or [np.zeros(0, bool)]),
        )


class BoundaryModel:
    """Encoders and routers of one model. Safe to share between threads: it holds no state of any input."""

    def __init__(self, model: HNetForCausalLM, info: dict[str, Any]) -> None:
        if not model.config.n_stages:
            raise ConfigError(
                f"{info.get('name', 'this model')} is isotropic: it has no router and so no boundaries"
            )
        self.config, self.info, self.name = model.config, info, info.get("name", "")
        self.embeddings = model.embeddings
        self.stages: list[RoutedStage] = []
        stage = model.backbone
        while isinstance(stage, RoutedStage):
            self.stages.append(stage)
            stage = stage.main_network

    @property
    def n_stages(self) -> int:
        return len(self.stages)

    def open(self) -> "BoundaryStream":
        """A new input, to be fed piece by piece."""
        return BoundaryStream(self)

    def boundaries(
        self, data: bytes, *, window: int = WINDOW, progress: Callable[[int, int], None] | None = None
    ) -> tuple[StageTrack, ...]:
        """One track a stage, outermost first. progress(bytes done, bytes in all) is called after each window."""
        stream, parts = self.open(), []
        for start in range(0, len(data), window):
            parts.append(stream.feed(data[start : start + window]))
            if progress:
                progress(min(start + window, len(data)), len(data))
        return tuple(StageTrack.joined([part[s] for part in parts]) for s in range(self.n_stages))


class BoundaryStream:
    """One input on its way through a BoundaryModel."""

    def __init__(self, model: BoundaryModel) -> None:
        self.model = model
        self._states = [stage.new_encoder_state(1) for stage in model.stages]
        self._n_bytes = 0

    @torch.inference_mode()
    def feed(self, data: bytes) -> tuple[StageTrack, ...]:
        """Take the next bytes; return what is new at every stage. Tracks of an inner stage may be empty."""
        if not data:
            return tuple(StageTrack.joined([]) for _ in self.model.stages)
        bos = self._n_bytes == 0 and bool(self.model.info.get("bos", True))
        ids = torch.from_numpy(encode(data, bos=bos).astype(np.int64)).to(self.model.embeddings.weight.device)
        byte = np.arange(self._n_bytes - bos, self._n_bytes + len(data), dtype=np.int64)
        self._n_bytes += len(data)
        x, tracks = self.model.embeddings(ids), []
        for s, stage in enumerate(self.model.stages):
            state = self._states[s]
            rows = Rows(torch.tensor([0, len(x)], device=x.device), state.seen)
            x, prob, is_boundary, state.encoder, state.router = stage.encode(x, rows, state)
            state.seen = state.seen + len(x)
            kept = is_boundary.nonzero().squeeze(1)
            x = x.index_select(0, kept)
            tracks.append(_shown(byte, prob.cpu().numpy(), is_boundary.cpu().numpy()))
            byte = byte[kept.cpu().numpy()]
        return tuple(tracks)


def _shown(byte: np.ndarray, prob: np.ndarray, is_boundary: np.ndarray) -> StageTrack:
    """Hide the start marker at offset -1: its chunk begins at byte 0, unless byte 0 begins one of its own."""
    if len(byte) and byte[0] == -1:
        first = 1 if len(byte) > 1 and byte[1] == 0 else 0
        byte, prob, is_boundary = byte[first:].copy(), prob[first:], is_boundary[first:]
        byte[0] = 0
    if len(byte) and byte[0] == 0:
        prob, is_boundary = prob.copy(), is_boundary.copy()
        prob[0], is_boundary[0] = 1.0, True
    return StageTrack(byte, prob.astype(np.float32, copy=False), is_boundary)


def load_boundary_model(
    name_or_path: str | Path, device: str | torch.device = "cpu", models_dir: str | Path | None = None
) -> BoundaryModel:
    """Read the encoders and routers of a model folder, whole or boundary-only; nothing else is read."""
    folder = model_folder(name_or_path, models_dir)
    config = HNetConfig.from_file(folder / CONFIG)
    model = empty_model(config)
    if config.n_stages:
        fill(model, read_tensors(folder / WEIGHTS, boundary_tensor_names(model), model), device)
    return BoundaryModel(model.eval(), read_info(folder))
