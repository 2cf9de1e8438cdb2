"""Boundaries of an input of any length, from encoders and routers alone, in windows with carried state.

A stage's boundaries depend only on the encoders and routers at and outside it, and every layer of an encoder
is causal with a state of fixed size. So no main network and no decoder is read or run, memory does not grow
with the input, and the answer equals that of the full forward whatever the window.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextvars import copy_context
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hnet_core.blocks.stack import finish
from hnet_core.boundaries.overlap import overlapped
from hnet_core.checkpoint import (
    CONFIG,
    WEIGHTS,
    empty_model,
    fill,
    model_folder,
    read_info,
    read_tensors,
)
from hnet_core.config import HNetConfig
from hnet_core.encoding import encode
from hnet_core.errors import CheckpointError, ConfigError
from hnet_core.model import HNetForCausalLM
from hnet_core.rows import Rows
from hnet_core.stages import Entry, RoutedStage
from kernels.linear import precision

LARGEST_WINDOW = 2**14
"""Bytes a window: enough that the cost of a call does not count."""
WINDOW_NUMBERS = 2**24
"""Numbers a window may have where it is widest: half as many or twice as many were slower at width 256."""


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
    """Encoders and routers of one model. Safe to share between threads: it holds no state of any input.

    matmul_precision  of the products on a CPU, a name in kernels.linear.PRECISIONS. bf16, in which the published models
                      run too, is faster where the processor has it; p then moves by its rounding, and so may a boundary
                      whose p is almost a half, also from one window to another.
    thresholds        one a stage: a chunk starts where p is above it. None is the trained rule; see `cutting_at`.
    """

    def __init__(self, model: HNetForCausalLM, info: dict[str, Any], matmul_precision: str = "fp32") -> None:
        if not model.config.n_stages:
            raise ConfigError(
                f"{info.get('name', 'this model')} is isotropic: it has no router and so no boundaries"
            )
        self.config, self.info, self.name = model.config, info, info.get("name", "")
        self.module, self.matmul_precision = model, matmul_precision
        self.thresholds: tuple[float | None, ...] = (None,) * self.n_stages

    @property
    def stages(self) -> list[RoutedStage]:
        """The stages that have boundaries, outermost first."""
        return self.module.stages

    @property
    def n_stages(self) -> int:
        return self.config.n_stages

    @property
    def device(self) -> torch.device:
        return self.module.embeddings.weight.device

    def cutting_at(self, thresholds: Sequence[float | None]) -> "BoundaryModel":
        """The same model, whose routers cut where p is above these; None is the trained rule, above a half.

        thresholds  one for all stages, or one a stage from the outermost; stages without one keep the trained rule
        An inner stage reads the chunks that the stages around it then make: its p are computed anew, not looked up.
        """
        one = len(thresholds) == 1
        given = [thresholds[0]] * self.n_stages if one else [*thresholds, *[None] * self.n_stages]
        if not all(each is None or 0 < each < 1 for each in given):
            raise ConfigError(f"a threshold lies between 0 and 1, these are {list(thresholds)}")
        model = copy(self)
        model.thresholds = tuple(given[: self.n_stages])
        model.info = {**self.info, "thresholds": list(model.thresholds)}
        return model

    @property
    def window(self) -> int:
        """Bytes a window, a power of two: large windows are faster until their widest layer leaves the caches."""
        widest = max(p.shape[0] for stage in self.stages for p in stage.encoder.parameters() if p.dim() == 2)
        return min(LARGEST_WINDOW, 1 << (WINDOW_NUMBERS // widest).bit_length() - 1)

    def open(self) -> "BoundaryStream":
        """A new input, to be fed piece by piece."""
        return BoundaryStream(self)

    def boundaries(
        self, data: bytes, *, window: int | None = None, progress: Callable[[int, int], None] | None = None
    ) -> tuple[StageTrack, ...]:
        """One track a stage, outermost first. progress(bytes done, bytes in all) is called after each window.

        window  bytes a window; None: `self.window`
        """
        stream, parts, window = self.open(), [], window or self.window
        pieces = (data[start : start + window] for start in range(0, len(data), window))
        for done, tracks in enumerate(stream.feed_all(pieces), start=1):
            parts.append(tracks)
            if progress:
                progress(min(done * window, len(data)), len(data))
        return tuple(StageTrack.joined([part[s] for part in parts]) for s in range(self.n_stages))

    def boundaries_many(
        self,
        data: Sequence[bytes],
        *,
        window: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[tuple[StageTrack, ...]]:
        """`boundaries` of every input; short ones share a call, packed, up to `window` bytes together.

        progress(bytes done, bytes in all) is called after each window.
        """
        total, done, found, window = sum(map(len, data)), 0, [], window or self.window
        for group in _groups(data, window):
            if len(group) == 1:
                inner = partial(_from, progress, done, total) if progress else None
                found.append(self.boundaries(group[0], window=window, progress=inner))
            else:
                with precision(self.matmul_precision):
                    found += self._packed(group)
            done += sum(map(len, group))
            if progress:
                progress(done, total)
        return found

    @torch.inference_mode()
    def _packed(self, data: Sequence[bytes]) -> list[tuple[StageTrack, ...]]:
        """Inputs as rows end to end through the encoders; an empty one has no start marker either."""
        bos = bool(self.info.get("bos", True))
        row_ids = [encode(each, bos=bos and len(each) > 0) for each in data]
        device = self.device
        limits = torch.tensor([0, *map(len, row_ids)], device=device).cumsum(0)
        ids = torch.from_numpy(np.concatenate(row_ids).astype(np.int64)).to(device)
        pairs = zip(data, row_ids, strict=True)
        byte = np.concatenate([np.arange(len(each) - len(row), len(each)) for each, row in pairs])
        rows, found = Rows(limits, ids=ids), []
        for entry, track in _tracks(byte, finish(self.module.walk(rows, thresholds=self.thresholds))):
            parts = [slice(*pair) for pair in pairwise(rows.bounds)]
            found.append([_shown(*(each[part] for each in track)) for part in parts])
            rows = entry.rows
        return list(zip(*found, strict=True))


def _groups(data: Sequence[bytes], size: int) -> Iterator[list[bytes]]:
    """Consecutive inputs of up to `size` bytes together; a longer one is a group of its own."""
    group, total = [], 0
    for each in data:
        if group and total + len(each) > size:
            yield group
            group, total = [], 0
        group.append(each)
        total += len(each)
    if group:
        yield group


def _from(progress: Callable[[int, int], None], before: int, total: int, done: int, _: int) -> None:
    """Progress within one input, told as progress over all."""
    progress(before + done, total)


class BoundaryStream:
    """One input on its way through a BoundaryModel."""

    def __init__(self, model: BoundaryModel) -> None:
        self.model = model
        self._state = model.module.new_entry_state(1)
        self._n_bytes = 0

    @torch.inference_mode()
    def feed(self, data: bytes) -> tuple[StageTrack, ...]:
        """Take the next bytes; return what is new at every stage. Tracks of an inner stage may be empty."""
        with precision(self.model.matmul_precision):
            return finish(self._steps(data))

    def feed_all(self, pieces: Iterable[bytes]) -> Iterator[tuple[StageTrack, ...]]:
        """`feed` for each piece. On a CPU with threads to spare two pieces are under way at a time."""
        if torch.get_num_threads() == 1 or self.model.device.type != "cpu":
            yield from map(self.feed, pieces)
        else:
            with precision(self.model.matmul_precision):
                contexts = copy_context(), copy_context()
            yield from overlapped(map(self._steps, pieces), contexts)

    def _steps(self, data: bytes) -> Generator[None, None, tuple[StageTrack, ...]]:
        """`feed`, with the pauses of `Stack.steps`; no part between two pauses shares any state with another."""
        if not data:
            return tuple(StageTrack.joined([]) for _ in range(self.model.n_stages))
        bos = self._n_bytes == 0 and bool(self.model.info.get("bos", True))
        ids = torch.from_numpy(encode(data, bos=bos).astype(np.int64)).to(self.model.device)
        byte = np.arange(self._n_bytes - bos, self._n_bytes + len(data), dtype=np.int64)
        self._n_bytes += len(data)
        rows = Rows(torch.tensor([0, len(ids)], device=ids.device), self._state.seen, ids)
        entries = yield from self.model.module.walk(rows, self._state, self.model.thresholds)
        return tuple(_shown(*track) for _, track in _tracks(byte, entries))


def _tracks(byte: np.ndarray, entries: Iterable[Entry]) -> Iterator[tuple[Entry, tuple[np.ndarray, ...]]]:
    """Each stage's entry, with byte, prob and is_boundary of its positions. byte: of those of the outermost one."""
    for stage, entry in enumerate(entries):
        prob, is_boundary = (
            each.cpu().numpy() for each in (entry.boundaries.prob, entry.boundaries.is_boundary)
        )
        if np.isnan(prob).any():
            raise CheckpointError(
                f"stage {stage} gives a probability that is no number (NaN): its weights, though numbers, are too "
                "large to compute with, or their training diverged; use an earlier checkpoint"
            )
        yield entry, (byte, prob, is_boundary)
        byte = byte[entry.starts.cpu().numpy()]


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
    name_or_path: str | Path,
    device: str | torch.device = "cpu",
    models_dir: str | Path | None = None,
    matmul_precision: str = "fp32",
    dtype: torch.dtype = torch.float32,
) -> BoundaryModel:
    """Read the encoders and routers of a model folder, whole or boundary-only; nothing else is read.

    dtype  of weights and activations, as in `load_model`
    """
    folder = model_folder(name_or_path, models_dir)
    config = HNetConfig.from_file(folder / CONFIG)
    model = empty_model(config)
    if config.n_stages:
        fill(model, read_tensors(folder / WEIGHTS, model.boundary_parameters(), model), device, dtype)
    return BoundaryModel(model.eval(), read_info(folder), matmul_precision)
