"""The steps of the data as a training takes them: on a GPU packed by a worker while the steps before are computed."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch

from hnet_core.data.packing import PackedRows, Position, RowStream
from hnet_core.data.tokens import BpeTokenizer, Bytes

AHEAD = {"cpu": 0, "cuda": 2}
"""Steps that are read beside the one that is computed, by kind of device. On a CPU the kernels take all its threads,
and a worker would only take one from them."""


@dataclass(frozen=True)
class StepData:
    """One step as the model reads it.

    packs         this process's rows, packed; on a GPU in pinned memory
    n_bytes       of the corpus, of all processes
    ids_per_byte  as the tokenizer counts them
    position      the first row that neither it nor a step before it has used
    """

    packs: Sequence[PackedRows]
    n_bytes: int
    ids_per_byte: float
    position: Position


class Reader:
    """Steps one after the other, the same ones however many are read ahead.

    position  where the step that was taken last ends: what a checkpoint keeps, whatever a worker has read beyond it
    """

    def __init__(
        self, stream: RowStream, tokenizer: Bytes | BpeTokenizer, micro_bytes: int, device: str = "cpu"
    ) -> None:
        self._stream, self._tokenizer, self._micro_bytes, self._device = (
            stream,
            tokenizer,
            micro_bytes,
            device,
        )
        self._ahead = AHEAD[torch.device(device).type]
        self._worker: ThreadPoolExecutor | None = None
        self._pending: deque[Future[StepData]] = deque()
        self.position = stream.position

    def next(self) -> StepData:
        """The next step. What failed while it was packed is raised here."""
        while len(self._pending) < self._ahead:
            self._pending.append(self._working().submit(self._read))
        step = self._pending.popleft().result() if self._pending else self._read()
        if self._ahead:
            self._pending.append(self._working().submit(self._read))
        self.position = step.position
        return step

    def seek(self, position: Position) -> None:
        """Continue from `position`, as an earlier reader of the same data and seed reported it."""
        self.close()
        self._stream.seek(position)
        self.position = position

    def close(self) -> None:
        """End the worker. What it has read beyond `position` is read again by whoever goes on."""
        if self._worker is None:
            return
        self._worker.shutdown(cancel_futures=True)
        self._worker = None
        self._pending.clear()
        self._stream.seek(self.position)

    def _working(self) -> ThreadPoolExecutor:
        """One thread, so that steps are read in order; it pins memory for the training's own device."""
        if self._worker is None:
            cuda = self._device.startswith("cuda")
            begin = partial(torch.cuda.set_device, self._device) if cuda else None
            self._worker = ThreadPoolExecutor(1, "reading", begin)
        return self._worker

    def _read(self) -> StepData:
        step = self._stream.next_step(self._micro_bytes)
        packs, ids_per_byte = self._tokenizer.rows(step.packs)
        if self._device.startswith("cuda"):
            packs = [_pinned(pack) for pack in packs]
        return StepData(packs, step.n_bytes, ids_per_byte, self._stream.position)


def _pinned(pack: PackedRows) -> PackedRows:
    """The same numbers where a GPU copies them from without the host."""
    return PackedRows(
        *(torch.from_numpy(values).pin_memory().numpy() for values in (pack.input_ids, pack.cu_seqlens))
    )
