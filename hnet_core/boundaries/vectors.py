"""Vectors of chunks: what an H-Net knows of each chunk where it enters the inner network, and where it leaves it."""

from dataclasses import dataclass

import numpy as np
import torch

from hnet_core.encoding import encode
from hnet_core.errors import InputError
from hnet_core.model import HNetForCausalLM

WINDOW = 2**14
"""Bytes read at once, with carried state."""
PLACES = ("encoder", "main")


@dataclass(frozen=True)
class ChunkVectors:
    """The chunks of one stage, in order.

    start    (M,) int64 byte offset of each chunk in the input; the first is 0
    vectors  (M, D) float32
    """

    start: np.ndarray
    vectors: np.ndarray


@torch.inference_mode()
def chunk_vectors(
    model: HNetForCausalLM, data: bytes, stage: int = 0, place: str = "encoder", bos: bool = True
) -> ChunkVectors:
    """A vector for every chunk of a stage; stage 0 is the outermost.

    place  "encoder": the encoder's output at the byte that starts the chunk, D the width of the stage, which is what
           the inner network is given; "main": what the inner network returns for the chunk, at that width
    """
    found = model.stages
    if not 0 <= stage < len(found):
        raise InputError(f"stage={stage}: the model has stages 0 to {len(found) - 1}")
    if place not in PLACES:
        raise InputError(f"place={place!r} must be one of {', '.join(PLACES)}")
    device, state = model.embeddings.weight.device, model.new_state(1)
    seen: dict[str, torch.Tensor] = {}

    def note(name: str):
        return lambda module, args, result: seen.update({name: result[0]})

    hooks = [
        found[stage].encoder.register_forward_hook(note("encoder")),
        found[stage].main_network.register_forward_hook(note("main")),
    ]
    ids, starts, vectors = encode(data, bos=bos and len(data) > 0), [], []
    try:
        for begin in range(0, len(ids), WINDOW):
            part = torch.from_numpy(ids[begin : begin + WINDOW].astype(np.int64)).to(device)
            out = model(part, cu_seqlens=torch.tensor([0, len(part)], device=device), state=state)
            state, byte = out.state, np.arange(begin - bos, begin - bos + len(part))
            for each in out.stages[: stage + 1]:
                last, byte = each.is_boundary, byte[each.is_boundary.cpu().numpy()]
            starts.append(byte)
            kept = seen["encoder"][last] if place == "encoder" else seen["main"]
            vectors.append(kept.float().cpu().numpy())
    finally:
        for hook in hooks:
            hook.remove()
    width = found[stage].width
    start = np.concatenate([*starts, np.zeros(0, np.int64)])
    both = np.concatenate([*vectors, np.zeros((0, width), np.float32)])
    return _without_start_marker(start, both)


def _without_start_marker(start: np.ndarray, vectors: np.ndarray) -> ChunkVectors:
    """The chunk at offset -1 begins at byte 0, unless byte 0 begins one of its own."""
    if len(start) and start[0] == -1:
        first = 1 if len(start) > 1 and start[1] == 0 else 0
        start, vectors = start[first:].copy(), vectors[first:]
        start[0] = 0
    return ChunkVectors(start.astype(np.int64), vectors)
