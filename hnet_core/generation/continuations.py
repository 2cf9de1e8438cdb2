"""Many continuations at once: several prompts, several samples of each, stepped together as rows of one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hnet_core.encoding import EOS, encode
from hnet_core.errors import InputError
from hnet_core.generation.sampling import Sampling
from hnet_core.model import HNetForCausalLM
from hnet_core.state import StageState

WINDOW = 4096
"""Bytes of every prompt taken at once, so that logits of long prompts never lie in memory together."""


@dataclass(frozen=True)
class Continuation:
    """What a model wrote behind a prompt.

    data      the bytes written, the prompt left out
    logprobs  (n,) log-probability of each in nats, untempered
    ended     why it ended: "length", "stop" (the string is part of data) or "end marker"
    """

    prompt: bytes
    data: bytes
    logprobs: np.ndarray
    ended: str

    @property
    def text(self) -> str:
        """The bytes as text; what is not UTF-8 shows as U+FFFD."""
        return self.data.decode("utf-8", "replace")


class _Row:
    """One sample while it is written."""

    def __init__(self, prompt: bytes, generator: torch.Generator) -> None:
        self.prompt, self.generator = prompt, generator
        self.data, self.logprobs, self.ended = bytearray(), [], ""

    def add(self, byte: int, logprob: float, max_bytes: int, stop: Sequence[bytes]) -> None:
        if byte == EOS:
            self.ended = "end marker"
            return
        self.data.append(byte)
        self.logprobs.append(logprob)
        if any(self.data.endswith(each) for each in stop):
            self.ended = "stop"
        elif len(self.data) == max_bytes:
            self.ended = "length"


def continue_all(
    model: HNetForCausalLM,
    prompts: Sequence[bytes],
    *,
    n_samples: int = 1,
    max_bytes: int = 256,
    sampling: Sampling | None = None,
    stop: Sequence[bytes] = (),
    bos: bool = True,
) -> list[list[Continuation]]:
    """n_samples continuations of every prompt, written side by side; each is what it would be alone.

    stop  a sample ends behind the first of these byte strings
    bos   put the start marker before every prompt (`bos` in model.json)
    """
    sampling = sampling or Sampling()
    _check(prompts, n_samples, max_bytes, stop, bos)
    rows = [_Row(prompt, sampling.generator(j)) for prompt in prompts for j in range(n_samples)]
    device = model.embeddings.weight.device
    heads = [encode(row.prompt, bos=bos) for row in rows]
    logits, state = _read(model, heads, device)
    while True:
        new = []
        for row, last in zip(rows, logits, strict=True):
            if not row.ended:
                row.add(*sampling.draw(last, row.generator), max_bytes, stop)
            new.append(np.array([row.data[-1]] if not row.ended else [], np.uint8))
        if all(row.ended for row in rows):
            break
        fresh, state = _step(model, new, state, device)
        logits = [now if now is not None else last for now, last in zip(fresh, logits, strict=True)]
    done = [Continuation(r.prompt, bytes(r.data), np.array(r.logprobs), r.ended) for r in rows]
    return [done[i : i + n_samples] for i in range(0, len(done), n_samples)]


def _read(
    model: HNetForCausalLM, heads: Sequence[np.ndarray], device: torch.device
) -> tuple[list[Tensor], StageState]:
    """The prompts, window by window: the logits after each, and the state behind all."""
    state, logits = model.new_state(len(heads)), [None] * len(heads)
    for start in range(0, max(map(len, heads)), WINDOW):
        now, state = _step(model, [head[start : start + WINDOW] for head in heads], state, device)
        logits = [new if new is not None else old for new, old in zip(now, logits, strict=True)]
    return logits, state


@torch.inference_mode()
def _step(
    model: HNetForCausalLM, new: Sequence[np.ndarray], state: StageState, device: torch.device
) -> tuple[list[Tensor | None], StageState]:
    """Bytes for every row, none for some -> the logits (V,) after each row's last, None where it had none."""
    limits = np.cumsum([0, *map(len, new)])
    ids = torch.from_numpy(np.concatenate(new).astype(np.int64)).to(device)
    out = model(ids, cu_seqlens=torch.from_numpy(limits).to(device), state=state)
    last = [out.logits[end - 1] if len(each) else None for each, end in zip(new, limits[1:], strict=True)]
    return last, out.state


def _check(
    prompts: Sequence[bytes], n_samples: int, max_bytes: int, stop: Sequence[bytes], bos: bool
) -> None:
    if not prompts:
        raise InputError("there is no prompt; give at least one")
    if n_samples < 1 or max_bytes < 1:
        raise InputError(f"n_samples={n_samples} and max_bytes={max_bytes} must each be 1 or more")
    if not all(stop):
        raise InputError("a stop string is empty; every continuation would end at once")
    if not all(prompts) and not bos:
        raise InputError("a prompt is empty and the model knows no start marker; give at least one byte")
