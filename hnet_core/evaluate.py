"""Score a model on data: bits per byte, bytes per chunk, and where its boundaries fall."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import log
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from hnet_core.checkpoint import INFO, load_model
from hnet_core.encoding import encode
from hnet_core.errors import HNetError, InputError
from hnet_core.model import HNetForCausalLM, HNetOutput
from hnet_core.training.documents import FASTA_SUFFIXES, Document, read_documents, suffix_of
from hnet_core.training.landmarks import (
    CodingPart,
    dna_landmarks,
    in_words,
    read_coding_parts,
    text_landmarks,
)

PACK_BYTES = 32_768
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


@dataclass(frozen=True)
class _Window:
    """A row to run: the last `scored` of its bytes are new, those before them are context."""

    ids: np.ndarray
    scored: int


def evaluate(
    model: HNetForCausalLM,
    documents: Iterable[Document],
    *,
    context: int = DEFAULT_CONTEXT,
    annotation: Mapping[str, list[CodingPart]] | None = None,
    progress: bool = False,
) -> Evaluation:
    """Score `documents`. Each byte is predicted from at least context / 2 bytes before it, where there are as many.

    annotation  genes by record: the documents are DNA, landmarks are codon positions; None: landmarks of text
    """
    nll, n_bytes, n_documents = 0.0, 0, 0
    hits, sites = [Counter() for _ in range(model.config.n_stages)], Counter()
    for document in tqdm(documents, unit="doc", disable=not progress, file=sys.stderr):
        surprise, boundaries = score(model, document.data.tobytes(), context=context)
        nll, n_bytes, n_documents = nll + surprise, n_bytes + len(document.data), n_documents + 1
        marks = text_landmarks(document.data) if annotation is None else dna_landmarks(document, annotation)
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


@torch.inference_mode()
def score(model: HNetForCausalLM, data: bytes, *, context: int = DEFAULT_CONTEXT) -> tuple[float, np.ndarray]:
    """Surprise at `data` after the start marker, in nats, and its boundaries.

    returns  summed surprise, (stages, len(data)) bool: byte i starts a chunk of that stage
    """
    nll, parts = 0.0, []
    for pack in _packs(_windows(encode(data), context)):
        ends = np.cumsum([len(window.ids) for window in pack])
        ids = (
            torch.from_numpy(np.concatenate([window.ids for window in pack]))
            .long()
            .to(model.lm_head.weight.device)
        )
        cu_seqlens = torch.tensor([0, *ends.tolist()], device=ids.device)
        output = model(ids, cu_seqlens=cu_seqlens)
        new = np.concatenate([np.arange(end - w.scored, end) for end, w in zip(ends, pack, strict=True)])
        new = torch.from_numpy(new).to(ids.device)
        logits = output.logits.index_select(0, new - 1).float()
        nll += torch.nn.functional.cross_entropy(logits, ids[new], reduction="sum").item()
        parts.append(boundaries_by_byte(output, len(ids))[:, new.cpu().numpy()])
    return nll, np.concatenate(parts, axis=1)


def boundaries_by_byte(output: HNetOutput, n: int) -> np.ndarray:
    """(stages, n) bool: the boundaries of every stage as positions of the outermost one."""
    out = np.zeros((len(output.stages), n), dtype=bool)
    at = np.arange(n)
    for stage, decisions in enumerate(output.stages):
        at = at[decisions.is_boundary.cpu().numpy()]
        out[stage, at] = True
    return out


def middle_parts(documents: Sequence[Document], n_bytes: int) -> list[Document]:
    """About n_bytes of the documents: of each the same share, from its middle."""
    share = min(1.0, n_bytes / max(1, sum(len(d.data) for d in documents)))
    parts = []
    for document in documents:
        keep = max(1, round(len(document.data) * share))
        low = (len(document.data) - keep) // 2
        parts.append(Document(document.name, document.start + low, document.data[low : low + keep]))
    return parts


def _windows(ids: np.ndarray, context: int) -> Iterator[_Window]:
    """Rows of at most `context` that move on by half of it; the first scores all but its start marker."""
    done = min(len(ids), context)
    yield _Window(ids[:done], done - 1)
    while done < len(ids):
        end = min(done + max(1, context // 2), len(ids))
        yield _Window(ids[max(0, end - context) : end], end - done)
        done = end


def _packs(windows: Iterable[_Window]) -> Iterator[list[_Window]]:
    pending, size = [], 0
    for window in windows:
        if pending and size + len(window.ids) > PACK_BYTES:
            yield pending
            pending, size = [], 0
        pending.append(window)
        size += len(window.ids)
    if pending:
        yield pending


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    args = _parser().parse_args(argv)
    try:
        torch.set_num_threads(args.threads)
        loaded = load_model(args.model, device=args.device)
        domain = (
            "dna" if suffix_of(Path(args.data[0])) in FASTA_SUFFIXES else loaded.info.get("domain", "text")
        )
        documents = list(read_documents(args.data, domain, include=args.include, exclude=args.exclude))
        if args.limit:
            documents = middle_parts(documents, args.limit)
        result = evaluate(
            loaded.model,
            documents,
            context=args.context or loaded.info.get("row_bytes", DEFAULT_CONTEXT),
            annotation=_annotation(args.annotation, domain),
            progress=not args.json,
        )
    except HNetError as err:
        print(f"error: {err}", file=sys.stderr)
        return 2
    if args.save:
        _save(loaded.folder / INFO, {**loaded.info, **result.info(domain)})
    print(json.dumps(asdict(result)) if args.json else describe(result))
    return 0


def describe(result: Evaluation) -> str:
    """The figures as lines for a person."""
    lines = [
        f"{result.n_bytes} bytes in {result.n_documents} documents: {result.bits_per_byte:.4f} bits per byte"
    ]
    for stage, (length, shares) in enumerate(zip(result.bytes_per_chunk, result.shares, strict=True)):
        lines.append(f"stage {stage}: {length:.2f} bytes a chunk; share of places with a boundary:")
        lines += [f"    {name:24s} {share:.3f}" for name, share in shares.items()]
    return "\n".join(lines)


def _annotation(path: str | None, domain: str) -> Mapping[str, list[CodingPart]] | None:
    if domain != "dna":
        if path:
            raise InputError(f"--annotation {path}: only FASTA data can be compared with genes")
        return None
    return read_coding_parts(path) if path else {}


def _save(path: Path, info: Mapping) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hnet_core.evaluate", description=__doc__)
    parser.add_argument("--model", required=True, help="name of a bundled model, or path of a model folder")
    parser.add_argument(
        "--data", required=True, nargs="+", help="text, .jsonl or FASTA files, or directories"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--annotation", help="GFF3 of the FASTA data: boundaries by codon position")
    parser.add_argument("--include", nargs="*", default=[], help="FASTA records or NAME:START-END to score")
    parser.add_argument(
        "--exclude", nargs="*", default=[], help="FASTA records or NAME:START-END to leave out"
    )
    parser.add_argument("--context", type=int, help="bytes a row (default: the row length of the training)")
    parser.add_argument("--limit", type=int, help="score about this many bytes, the middle of every document")
    parser.add_argument("--save", action="store_true", help="write the figures into the model's model.json")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
