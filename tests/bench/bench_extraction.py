"""Boundaries from encoders and routers alone, beside the same model's full forward and torch reference.

    python tests/bench/bench_extraction.py [--no-xl]       (or: make bench)

All are measured in turn, round after round, so that whatever else the machine does meets them alike. "Their products
alone" is what the matrix products of the extraction take without everything between them: its floor on this machine.
"""

import argparse
import contextlib
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from measured_models import n_parameters, one_stage, published_xl, random_model, sample, whole_models
from speed_page import machine, table, write_section
from tqdm import tqdm

from hnet_core.allocator import keep_free_memory
from hnet_core.blocks.projection import Projection
from hnet_core.boundaries import LARGEST_WINDOW, BoundaryModel
from hnet_core.encoding import encode
from hnet_core.model import HNetForCausalLM
from kernels import backend
from kernels.linear import linear, precision

ROUNDS = 5
N_BYTES = 100_000
FORWARD_BYTES = 20_000
"""The full forward slows down with the length, as its main network attends to all chunks; this length favours it."""
REFERENCE_BYTES = 4_000
"""The reference walks byte by byte; its speed does not depend on the length."""
XL_BYTES = 3_000
MEMORY_BYTES = (0, 500_000, 2_000_000)


def best_rates(works: dict[str, tuple[int, Callable[[], object]]], rounds: int = ROUNDS) -> dict[str, float]:
    """name -> kB/s, from (bytes, call); one call each to warm up, then the best of the rounds."""
    for _, call in works.values():
        call()
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, (_, call) in works.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: n_bytes / 1000 / best[name] for name, (n_bytes, _) in works.items()}


@torch.inference_mode()
def full_forward(model: HNetForCausalLM, data: bytes) -> None:
    """Logits of the whole input, in windows like the extraction's, state carried."""
    window = BoundaryModel(model, {}).window
    ids = torch.from_numpy(encode(data).astype(np.int64))
    state = model.new_state(1)
    for piece in ids.split(window):
        state = model(piece, cu_seqlens=torch.tensor([0, len(piece)]), state=state).state


def products_alone(model: HNetForCausalLM, data: bytes, matmul_precision: str) -> Callable[[], object]:
    """A call that computes the matrix products of an extraction of `data`, on the same shapes, and nothing else."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def record(module, args):
        seen.append((torch.randn(args[0].shape).to(args[0].dtype), module.weight))

    hooks = [m.register_forward_pre_hook(record) for m in model.modules() if isinstance(m, Projection)]
    BoundaryModel(model, {"name": "recorded"}, matmul_precision).boundaries(data)
    for hook in hooks:
        hook.remove()

    @torch.inference_mode()
    def run() -> None:
        with precision(matmul_precision):
            for x, weight in seen:
                linear(x, weight)

    return run


def extraction_row(name: str, model: HNetForCausalLM, data: bytes, reference_bytes: int) -> list[object]:
    """One line of the table."""
    light, narrow = BoundaryModel(model, {"name": name}), BoundaryModel(model, {"name": name}, "bf16")
    window = data[: light.window]

    def reference() -> None:
        with backend.using("reference"):
            light.boundaries(data[:reference_bytes])

    works = {
        "boundaries": (len(data), lambda: light.boundaries(data)),
        "forward": (len(data[:FORWARD_BYTES]), lambda: full_forward(model, data[:FORWARD_BYTES])),
        "reference": (reference_bytes, reference),
        "products": (len(window), products_alone(model, window, "fp32")),
        "bf16": (len(data), lambda: narrow.boundaries(data)),
        "bf16 products": (len(window), products_alone(model, window, "bf16")),
    }
    rates = best_rates(works)
    chunk = " x ".join(f"{len(t.byte) / max(t.is_boundary.sum(), 1):.2f}" for t in light.boundaries(data))
    needed = sum(model.get_parameter(n).numel() for n in model.boundary_parameters())
    return [
        name,
        f"{needed / 1e6:.2f} of {n_parameters(model) / 1e6:.2f}",
        len(data),
        chunk,
        f"{rates['boundaries']:.1f}",
        f"{rates['products']:.1f}",
        f"{rates['boundaries'] / rates['products']:.2f}",
        f"{rates['bf16']:.1f}",
        f"{rates['bf16 products']:.1f}",
        f"{rates['forward']:.1f}",
        f"{rates['boundaries'] / rates['forward']:.1f}",
        f"{rates['reference']:.2f}",
        f"{rates['boundaries'] / rates['reference']:.0f}",
    ]


def extraction(with_xl: bool) -> str:
    """The section's text."""
    rows = []
    for name, model, domain in tqdm(whole_models(), desc="extraction", unit="model"):
        rows.append(extraction_row(name, model, sample(domain, N_BYTES), REFERENCE_BYTES))
    if with_xl:
        model = random_model(published_xl())
        rows.append(extraction_row("random, published 2-stage XL", model, sample("english", XL_BYTES), 500))
    header = [
        "model",
        "M parameters needed",
        "bytes",
        "positions a chunk",
        "boundaries kB/s",
        "their products alone kB/s",
        "share",
        "bf16 products: boundaries kB/s",
        "their products alone kB/s",
        "full forward kB/s",
    ]
    header += ["x", "torch reference kB/s", "x"]
    return f"{machine()}\n\n{table(header, rows)}"


def peak_memory_mb(n_bytes: int) -> float:
    """Peak resident memory of a fresh process that streams n_bytes through an extraction, in MB."""
    command = [sys.executable, __file__, "--stream", str(n_bytes)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def stream(n_bytes: int) -> None:
    """Feed an input window by window, keep nothing, print the peak resident memory in MB."""
    model = random_model(one_stage(64, 128))
    piece, open_stream = sample("english", LARGEST_WINDOW), BoundaryModel(model, {"name": "random"}).open()
    for start in range(0, n_bytes, LARGEST_WINDOW):
        open_stream.feed(piece[: n_bytes - start])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak / (1e6 if sys.platform == "darwin" else 1e3))


def memory() -> str:
    """The section's text."""
    rows = [[n, f"{peak_memory_mb(n):.0f}"] for n in tqdm(MEMORY_BYTES, desc="memory", unit="length")]
    text = "Peak resident memory of a whole process that streams an input through `random m4 d 64, N 128`; "
    text += "0 bytes: the process and its libraries alone."
    return f"{machine()}\n\n{text}\n\n{table(['bytes', 'peak MB'], rows)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--no-xl", action="store_true", help="leave out the published XL shape (7 GB of memory)"
    )
    parser.add_argument("--stream", type=int, metavar="BYTES", help=argparse.SUPPRESS)
    args, _ = parser.parse_known_args()
    keep_free_memory()  # as the commands and the page do
    if args.stream is not None:
        stream(args.stream)
        return
    # First: a child's peak counts from what its parent held when it was started.
    write_section("Memory", memory())
    write_section("Boundary extraction", extraction(not args.no_xl))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
