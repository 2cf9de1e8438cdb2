"""python -m hnet_core.generate --model A --prompt TEXT: continue a text byte by byte."""

import argparse
import codecs
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hnet_core.checkpoint import DTYPES, load_model
from hnet_core.commands import Parser, run
from hnet_core.encoding import EOS, encode
from hnet_core.errors import InputError
from hnet_core.generation.sampling import Sampling
from hnet_core.model import HNetForCausalLM
from hnet_core.routers.decision import StageBoundaries
from hnet_core.state import StageState

WINDOW = 4096
"""Bytes of the prompt taken at once, so that logits of a long prompt never lie in memory together."""


@dataclass(frozen=True)
class GeneratedByte:
    """A byte the model wrote, and what its routers then said of it, outermost stage first.

    byte      0 to 255
    boundary  whether the byte starts a chunk of each stage; False for stages that it did not reach
    prob      boundary probability at each stage; None for stages that it did not reach
    """

    byte: int
    boundary: tuple[bool, ...]
    prob: tuple[float | None, ...]


class Utf8Stream:
    """Bytes in, text out as soon as a character is complete. What is not UTF-8 comes out as \\xE4."""

    def __init__(self) -> None:
        # Lone surrogates cannot come from valid UTF-8, so they mark the bytes that must be shown as hex.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")

    def feed(self, data: bytes) -> str:
        """Text that is complete now; the start of an unfinished character is held back."""
        return _as_hex(self._decoder.decode(data))

    def flush(self) -> str:
        """What is still held back, as hex."""
        return _as_hex(self._decoder.decode(b"", final=True))


def generate(
    model: HNetForCausalLM,
    prompt: bytes,
    *,
    max_bytes: int = 256,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
    bos: bool = True,
) -> Iterator[GeneratedByte]:
    """Continue a prompt until the end marker or max_bytes. The same arguments give the same bytes.

    temperature  0 takes the likeliest byte; higher is more varied
    top_p        draw only from the likeliest bytes that together have this probability
    bos          put the start marker before the prompt (`bos` in model.json)
    Arguments are checked at once (InputError); the model runs as the iterator is read.
    """
    sampling = _sampling(max_bytes, temperature, top_p, seed)
    if not prompt and not bos:
        raise InputError("the prompt is empty and the model knows no start marker; give at least one byte")
    return _generated(model, encode(prompt, bos=bos), max_bytes, sampling)


def _generated(
    model: HNetForCausalLM, ids: np.ndarray, max_bytes: int, sampling: Sampling
) -> Iterator[GeneratedByte]:
    generator = sampling.generator(0)
    state = model.new_state(1)
    for start in range(0, len(ids), WINDOW):
        logits, _, state = _advance(model, ids[start : start + WINDOW], state)
    for _ in range(max_bytes):
        byte, _ = sampling.draw(logits, generator)
        if byte == EOS:
            return
        logits, stages, state = _advance(model, np.array([byte]), state)
        boundary = tuple(bool(stage.is_boundary.any()) for stage in stages)
        prob = tuple(float(stage.prob[-1]) if len(stage.prob) else None for stage in stages)
        yield GeneratedByte(byte, boundary, prob)


@torch.inference_mode()
def _advance(
    model: HNetForCausalLM, ids: np.ndarray, state: StageState
) -> tuple[Tensor, tuple[StageBoundaries, ...], StageState]:
    """Take ids (n,) from where `state` stands -> logits (V,) after the last of them, decisions, new state."""
    device = model.embeddings.weight.device
    input_ids = torch.from_numpy(ids.astype(np.int64)).to(device)
    out = model(input_ids, cu_seqlens=torch.tensor([0, len(ids)], device=device), state=state)
    return out.logits[-1], out.stages, out.state


def _sampling(max_bytes: int, temperature: float, top_p: float, seed: int) -> Sampling:
    """How to draw; InputError for what cannot be."""
    if max_bytes < 1:
        raise InputError(f"bytes={max_bytes} must be 1 or more")
    return Sampling(temperature=temperature, top_p=top_p, seed=seed)


def _as_hex(text: str) -> str:
    return "".join(f"\\x{ord(c) - 0xDC00:02X}" if "\udc80" <= c <= "\udcff" else c for c in text)


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device=cuda: this machine has no CUDA device; use auto or cpu")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m hnet_core.generate", description=__doc__)
    parser.add_argument("--model", required=True, metavar="NAME|DIR", help="a model with whole weights")
    parser.add_argument(
        "--prompt", required=True, metavar="TEXT", help="what to continue; is not printed again"
    )
    parser.add_argument(
        "--bytes", type=int, default=256, metavar="N", help="stop after N bytes (default 256)"
    )
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="0 takes the likeliest byte (default 1)"
    )
    parser.add_argument(
        "--top-p", type=float, default=1.0, help="draw from this much probability (default 1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed, another continuation (default 0)")
    parser.add_argument(
        "--models", metavar="DIR", help="folder of models (default: HNET_MODELS, the bundled)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        default="float32",
        help="of weights and activations: bfloat16 takes half the memory (default float32)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    _sampling(args.bytes, args.temperature, args.top_p, args.seed)
    loaded = load_model(args.model, _device(args.device), args.models, dtype=DTYPES[args.dtype])
    written = generate(
        loaded.model,
        os.fsencode(args.prompt),
        max_bytes=args.bytes,
        temperature=args.temperature,
        top_p=args.top_p,
        seed=args.seed,
        bos=bool(loaded.info.get("bos", True)),
    )
    # Written as UTF-8 whatever the locale says, each character as soon as it is complete.
    out, text = sys.stdout.buffer, Utf8Stream()
    for generated in written:
        out.write(text.feed(bytes([generated.byte])).encode())
        out.flush()
    out.write((text.flush() + "\n").encode())
    out.flush()


if __name__ == "__main__":
    sys.exit(run(main))
