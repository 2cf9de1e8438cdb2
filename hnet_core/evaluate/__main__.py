"""Score a model on data: bits per byte, bytes per chunk, and where its boundaries fall."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from hnet_core.allocator import keep_free_memory
from hnet_core.checkpoint import DTYPES, INFO, load_model
from hnet_core.commands import Parser, run
from hnet_core.data.documents import FASTA_SUFFIXES, Document, middle_parts, read_documents, suffix_of
from hnet_core.data.tokens import tokenizer_of
from hnet_core.errors import InputError
from hnet_core.evaluate import DEFAULT_CONTEXT, Evaluation, evaluate, robustness
from hnet_core.evaluate.perturbations import PERTURBATIONS
from hnet_core.landmarks.coding import CodingPart, read_coding_parts
from hnet_core.products import products
from hnet_core.shape_caches import bound_shape_caches
from kernels.linear.choice import AUTO, NAMES, choose


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
