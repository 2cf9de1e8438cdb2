"""Many continuations at once: several prompts, several samples of each, stepped together as rows of one batch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hnet_core.encoding import EOS, VOCAB_SIZE, encode
from hnet_core.errors import CheckpointError, InputError
from hnet_core.model import HNetForCausalLM
from hnet_core.state import StageState

WINDOW = 4096
"""Bytes of every prompt taken at once, so that logits of long prompts never lie in memory together."""
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next byte is drawn. What cannot be is refused with InputError.

    temperature  0 takes the likeliest byte; higher is more varied
    top_k        draw only from so many of the likeliest bytes; 0 is no limit
    top_p        draw only from the likeliest bytes that together have this probability
    alphabet     the bytes that may be written, such as b"ACGT"; None: all, the end marker included
    seed         sample j of a prompt draws by (seed, j), whatever else is in the batch
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    alphabet: bytes | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise InputError(f"temperature={self.temperature} must be 0 (always the likeliest byte) or more")
        if not 0 <= self.top_k <= VOCAB_SIZE:
            raise InputError(f"top_k={self.top_k} must be from 0 (no limit) to {VOCAB_SIZE}")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p={self.top_p} must be above 0 and at most 1 (1 is no limit)")
        if self.alphabet is not None and not self.alphabet:
            raise InputError("alphabet is empty; give the bytes that may be written, or None for all")
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"seed={self.seed} must be from 0 to {MAX_SEED}")

    def generator(self, sample: int) -> torch.Generator:
        """The draws of one sample of a prompt."""
        mixed = np.random.SeedSequence([self.seed, sample]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(mixed) & MAX_SEED)

    def draw(self, logits: Tensor, generator: torch.Generator) -> tuple[int, float]:
        """A byte from logits (V,), and its log-probability in nats under the model, untempered.

        Drawn on the CPU in float64: a seed means the same everywhere.
        """
        # A larger vocabulary has entries beyond the byte values, which are no bytes.
        logits = logits[:VOCAB_SIZE].to("cpu", torch.float64)
        if not bool(logits.isfinite().all()):
            raise CheckpointError(
                "the model answers with logits that are not numbers; its weights are damaged"
            )
        known = torch.log_softmax(logits, dim=-1)
        allowed = logits
        if self.alphabet is not None:
            outside = torch.ones(VOCAB_SIZE, dtype=torch.bool)
            outside[list(self.alphabet)] = False
            allowed = logits.masked_fill(outside, -math.inf)
        if self.temperature == 0:
            byte = int(allowed.argmax())
            return byte, float(known[byte])
        # Relative to the largest, so that even a tiny temperature never yields infinity minus infinity.
        tempered = torch.softmax((allowed - allowed.max()) / self.temperature, dim=-1)
        prob, order = tempered.sort(descending=True, stable=True)
        # A byte stays while those before it have not reached top_p yet: the likeliest one always does.
        prob = torch.where(prob.cumsum(0) - prob < self.top_p, prob, 0.0)
        if self.top_k:
            prob[self.top_k :] = 0.0
        byte = int(order[torch.multinomial(prob, 1, generator=generator)])
        return byte, float(known[byte])


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
