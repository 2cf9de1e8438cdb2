"""Score a model on data: bits per byte, bytes per chunk, and where its boundaries fall."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import torch
from tqdm import tqdm

from hnet_core.data.documents import Document
from hnet_core.data.tokens import BYTES, BpeTokenizer, Bytes
from hnet_core.encoding import encode
from hnet_core.errors import InputError
from hnet_core.evaluate.perturbations import PERTURBATIONS, perturb
from hnet_core.evaluate.windows import packs, windows
from hnet_core.landmarks.coding import CodingPart
from hnet_core.landmarks.sites import landmarks
from hnet_core.landmarks.verdict import in_words
from hnet_core.model import HNetForCausalLM, HNetOutput

PACK_LOGITS = 32_768 * 256  # most logits of one forward: 32 kB for a model of bytes
DEFAULT_CONTEXT = 4_096


@dataclass(frozen=True)
class Evaluation:
    """Figures over whole documents, every byte scored once.

    bits_per_byte    summed surprise in bits over the bytes of the documents (start marker given, end not scored)
    bytes_per_chunk  one a stage, outermost first: bytes over boundaries of that stage
    shares           one dict a stage: share of the sites of each kind (landmarks) at which it has a boundary; "all" is
                     its share of all bytes
    """

    n_documents: int
    n_bytes: int
    bits_per_byte: float
    bytes_per_chunk: tuple[float, ...]
    shares: tuple[dict[str, float], ...]

    def info(self, domain: str) -> dict:
        """The figures as model.json keeps them."""
        named = {
            f"stage{s}_{kind}": round(v, 4)
            for s, shares in enumerate(self.shares)
            for kind, v in shares.items()
        }
        return {
            "bits_per_byte": round(self.bits_per_byte, 4),
            "bytes_per_chunk": [round(n, 3) for n in self.bytes_per_chunk],
            "boundary_shares": named,
            **self._verdict(domain),
        }

    def _verdict(self, domain: str) -> dict[str, str]:
        if not self.shares:
            return {"learned": "early", "note": "It has no router and so no boundaries."}
        return dict(zip(("learned", "note"), in_words(self.shares, domain), strict=True))


def evaluate(
    model: HNetForCausalLM,
    documents: Iterable[Document],
    *,
    context: int = DEFAULT_CONTEXT,
    annotation: Mapping[str, list[CodingPart]] | None = None,
    domain: str = "text",
    progress: bool = False,
    tokenizer: Bytes | BpeTokenizer = BYTES,
) -> Evaluation:
    """Score `documents`. Each byte is predicted from at least context / 2 bytes before it, where there are as many.

    tokenizer   what the model reads; the starts of BPE tokens count as boundaries of stage 0
    annotation  genes by record: the documents are DNA, landmarks are codon positions; None: landmarks of text
    domain      "code" adds the starts of Python tokens
    """
    nll, n_bytes, n_documents = 0.0, 0, 0
    n_stages = model.config.n_stages + tokenizer.added_stages
    hits, sites = [Counter() for _ in range(n_stages)], Counter()
    for document in tqdm(documents, unit="doc", disable=not progress, file=sys.stderr):
        surprise, boundaries = score(model, document.data.tobytes(), context=context, tokenizer=tokenizer)
        nll, n_bytes, n_documents = nll + surprise, n_bytes + len(document.data), n_documents + 1
        marks = landmarks(document, domain, annotation)
        marks["all"] = np.arange(len(document.data))[:, None]
        for name, positions in marks.items():
            sites[name] += len(positions)
            for stage, counter in enumerate(hits):
                counter[name] += int(boundaries[stage][positions].any(axis=1).sum())
    if not n_bytes:
        raise InputError("no byte to score; give data that is not empty")
    return Evaluation(
        n_documents,
        n_bytes,
        nll / log(2) / n_bytes,
        tuple(n_bytes / max(counter["all"], 1) for counter in hits),
        tuple({name: counter[name] / n for name, n in sites.items() if n} for counter in hits),
    )


def robustness(
    model: HNetForCausalLM,
    documents: Sequence[Document],
    *,
    seed: int = 0,
    context: int = DEFAULT_CONTEXT,
    tokenizer: Bytes | BpeTokenizer = BYTES,
    progress: bool = False,
) -> dict[str, float]:
    """Bits per byte of the documents with their characters disturbed, by kind, and the mean over the kinds.

    Bytes are those of the disturbed text, so compare models on the same data, not one kind with another.
    """
    found = {}
    for kind in PERTURBATIONS:
        disturbed = (
            Document(d.name, 0, np.frombuffer(perturb(d.data.tobytes(), kind, seed, i), dtype=np.uint8))
            for i, d in enumerate(documents)
        )
        result = evaluate(model, disturbed, context=context, tokenizer=tokenizer, progress=progress)
        found[kind] = result.bits_per_byte
    return found | {"mean": sum(found.values()) / len(found)}


@torch.inference_mode()
def score(
    model: HNetForCausalLM,
    data: bytes,
    *,
    context: int = DEFAULT_CONTEXT,
    tokenizer: Bytes | BpeTokenizer = BYTES,
) -> tuple[float, np.ndarray]:
    """Surprise at `data` after the start marker, in nats, and its boundaries.

    context  bytes; for tokens, as many of them as have that many bytes on average in `data`
    returns  summed surprise, (stages, len(data)) bool: byte i starts a chunk of that stage
    """
    nll, parts = 0.0, []
    row = tokenizer.encode(encode(data).tobytes())
    context = max(2, round(context * len(row) / (len(data) + 1)))
    for pack in packs(windows(row, context), PACK_LOGITS // model.config.vocab_size):
        ends = np.cumsum([len(window.ids) for window in pack])
        ids = torch.from_numpy(np.concatenate([window.ids for window in pack])).long()
        ids = ids.to(model.lm_head.weight.device)
        cu_seqlens = torch.tensor([0, *ends.tolist()], device=ids.device)
        output = model(ids, cu_seqlens=cu_seqlens)
        new = np.concatenate([np.arange(end - w.scored, end) for end, w in zip(ends, pack, strict=True)])
        new = torch.from_numpy(new).to(ids.device)
        logits = output.logits.index_select(0, new - 1).float()
        nll += torch.nn.functional.cross_entropy(logits, ids[new], reduction="sum").item()
        parts.append(boundaries_by_byte(output, len(ids))[:, new.cpu().numpy()])
    return nll, tokenizer.by_byte(row[1:], np.concatenate(parts, axis=1))


def boundaries_by_byte(output: HNetOutput, n: int) -> np.ndarray:
    """(stages, n) bool: the boundaries of every stage as positions of the outermost one."""
    out = np.zeros((len(output.stages), n), dtype=bool)
    at = np.arange(n)
    for stage, decisions in enumerate(output.stages):
        at = at[decisions.is_boundary.cpu().numpy()]
        out[stage, at] = True
    return out
