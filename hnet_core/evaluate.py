"""Score a model on data: bits per byte, bytes per chunk, and where its boundaries fall."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import log
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from hnet_core.allocator import keep_free_memory
from hnet_core.checkpoint import DTYPES, INFO, load_model
from hnet_core.commands import Parser, run
from hnet_core.encoding import encode
from hnet_core.errors import InputError
from hnet_core.model import HNetForCausalLM, HNetOutput
from hnet_core.perturbations import PERTURBATIONS, perturb
from hnet_core.products import products
from hnet_core.shape_caches import bound_shape_caches
from hnet_core.training.documents import (
    FASTA_SUFFIXES,
    Document,
    middle_parts,
    read_documents,
    suffix_of,
)
from hnet_core.training.landmarks import CodingPart, in_words, landmarks, read_coding_parts
from hnet_core.training.tokens import BYTES, BpeTokenizer, Bytes, tokenizer_of
from hnet_core.windows import packs, windows
from kernels.linear.choice import AUTO, NAMES, choose

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run(_main, argv)


def _main(argv: Sequence[str] | None) -> None:
    args = _parser().parse_args(argv)
    bound_shape_caches()
    keep_free_memory()
    torch.set_num_threads(args.threads)
    if args.save and args.matmul_precision != "fp32":
        raise InputError("--save keeps figures of float32 products; leave --matmul-precision out")
    loaded = load_model(args.model, device=args.device, tokens=True, dtype=DTYPES[args.dtype])
    dna = suffix_of(Path(args.data[0])) in FASTA_SUFFIXES
    domain = "dna" if dna else loaded.info.get("domain", "text")
    if args.robustness and domain == "dna":
        raise InputError("--robustness disturbs the characters of a text, not DNA; leave it out")
    documents = list(read_documents(args.data, domain, include=args.include, exclude=args.exclude))
    if args.limit:
        documents = middle_parts(documents, args.limit)
    how = {
        "context": args.context or loaded.info.get("row_bytes", DEFAULT_CONTEXT),
        "tokenizer": tokenizer_of(loaded.folder, loaded.info, loaded.config.vocab_size),
        "progress": not args.json,
    }
    genes = _annotation(args.annotation, domain, documents)
    taken = choose(args.matmul_precision, args.device)
    if args.matmul_precision == AUTO:
        print(taken, file=sys.stderr)
    with products(taken.name, args.device):
        result = evaluate(loaded.model, documents, annotation=genes, domain=domain, **how)
        disturbed = robustness(loaded.model, documents, seed=args.seed, **how) if args.robustness else {}
    more = {"robustness": disturbed} if disturbed else {}
    if args.save:
        rounded = {name: {k: round(v, 4) for k, v in values.items()} for name, values in more.items()}
        _save(loaded.folder / INFO, {**loaded.info, **result.info(domain), **rounded})
    print(json.dumps(asdict(result) | more) if args.json else describe(result, disturbed))


def describe(result: Evaluation, disturbed: Mapping[str, float]) -> str:
    """The figures as lines for a person. disturbed: as `robustness` returns them, or empty."""
    lines = [
        f"{result.n_bytes} bytes in {result.n_documents} documents: {result.bits_per_byte:.4f} bits per byte"
    ]
    for stage, (length, shares) in enumerate(zip(result.bytes_per_chunk, result.shares, strict=True)):
        lines.append(f"stage {stage}: {length:.2f} bytes a chunk; share of places with a boundary:")
        lines += [f"    {name:24s} {share:.3f}" for name, share in shares.items()]
    if disturbed:
        lines.append("bits per byte with the characters disturbed:")
        lines += [f"    {kind:24s} {bpb:.4f}" for kind, bpb in disturbed.items()]
    return "\n".join(lines)


def _annotation(
    path: str | None, domain: str, documents: Sequence[Document]
) -> Mapping[str, list[CodingPart]] | None:
    if domain != "dna":
        if path:
            raise InputError(f"--annotation {path}: only FASTA data can be compared with genes")
        return None
    return read_coding_parts(path, [document.name for document in documents]) if path else {}


def _save(path: Path, info: Mapping) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m hnet_core.evaluate", description=__doc__)
    parser.add_argument("--model", required=True, help="name of a bundled model, or path of a model folder")
    parser.add_argument(
        "--data", required=True, nargs="+", help="text, .jsonl or FASTA files, or directories"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument(
        "--annotation", help="GFF3, GTF or BED of the FASTA data: boundaries by codon position"
    )
    parser.add_argument("--include", nargs="*", default=[], help="FASTA records or NAME:START-END to score")
    parser.add_argument(
        "--exclude", nargs="*", default=[], help="FASTA records or NAME:START-END to leave out"
    )
    parser.add_argument("--context", type=int, help="bytes a row (default: the row length of the training)")
    parser.add_argument("--limit", type=int, help="score about this many bytes, the middle of every document")
    parser.add_argument(
        "--robustness", action="store_true", help=f"also score the text after {', '.join(PERTURBATIONS)}"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the disturbances (default 0)")
    parser.add_argument("--save", action="store_true", help="write the figures into the model's model.json")
    parser.add_argument(
        "--matmul-precision",
        choices=NAMES,
        default="fp32",
        help="of the products: fp32 (default) gives the same figures on every machine, bf16 is faster where the "
        "processor has it, auto takes the faster one here",
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="bfloat16 takes half the memory")
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
