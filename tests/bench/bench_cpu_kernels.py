"""The CPU kernels one by one, at the sizes of the bundled models: time, floor, torch's own, and peers.

    python tests/bench/bench_cpu_kernels.py       (or: make bench)

A floor is what the machine needs at least: counted bytes at the copy rate, counted operations at the rate of a large
matrix product, both measured in this run, whichever takes longer. Peers: the published minimal SSD form, which is
the reference's (arXiv 2405.21060, listing 1), and the chunker of the package h-net-dynamic-chunking where installed.
"""

import os
import time

# Before torch and numba start their thread pools: the figure is a core's.
os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from speed_page import machine, table, write_section
from torch import Tensor
from tqdm import tqdm

from hnet_core.chunking import dechunk
from hnet_core.config import ChunkingConfig
from hnet_core.routing import THRESHOLD, CosineRouter, ratio_loss
from hnet_core.rows import Rows
from kernels import backend
from kernels.causal_conv1d import causal_conv1d
from kernels.cross_entropy import cross_entropy
from kernels.linear import linear
from kernels.rms_norm import gated_rms_norm, rms_norm
from kernels.routing import routing
from kernels.smoothing import smoothing
from kernels.ssd import ssd

T, ROWS, WIDTH, STATE, HEAD, VOCABULARY = 16_384, 8, 64, 16, 64, 256
INNER = 2 * WIDTH
HEADS = INNER // HEAD
ROUNDS = 7
FLOAT = 4
"""Bytes of a number."""


@dataclass
class Op:
    """One operator with its inputs; bytes and flops are those of (forward, backward)."""

    name: str
    call: Callable
    inputs: dict[str, object]
    bytes: tuple[float, float]
    flops: tuple[float, float] = (0.0, 0.0)
    best: dict[str, list[float]] = field(default_factory=dict)

    def measure(self, name: str) -> None:
        """One forward and one backward on backend `name`; keeps the shortest of each."""
        with backend.using(name):
            start = time.perf_counter()
            out = self.call(**self.inputs)
            middle = time.perf_counter()
            out = out[0] if isinstance(out, tuple) else out
            wanted = [v for v in self.inputs.values() if isinstance(v, Tensor) and v.requires_grad]
            grad = torch.ones_like(out)
            before = time.perf_counter()
            torch.autograd.grad(out, wanted, grad, allow_unused=True)
            end = time.perf_counter()
        best = self.best.setdefault(name, [float("inf")] * 2)
        best[:] = [min(best[0], middle - start), min(best[1], end - before)]


def floats(*shape: int, scale: float = 1.0) -> Tensor:
    return (scale * torch.randn(*shape)).requires_grad_()


def operators() -> list[Op]:
    """All operators of a layer and of a stage, on random data."""
    limits = torch.linspace(0, T, ROWS + 1).long()
    channels, chunked = INNER + 2 * STATE, T // 5
    kept = torch.zeros(T, dtype=torch.bool)
    kept[torch.randperm(T)[:chunked]] = True
    kept[limits[:-1]] = True
    projected = INNER + channels + HEADS
    scan = 5.0 * T * INNER * STATE
    return [
        Op("linear (in_proj)", linear, {"x": floats(T, WIDTH), "weight": floats(projected, WIDTH)},
           _moved(WIDTH + projected, 2 * (WIDTH + projected)),
           (2.0 * T * WIDTH * projected, 4.0 * T * WIDTH * projected)),
        Op("causal_conv1d", causal_conv1d,
           {"x": floats(T, channels), "weight": floats(channels, 4), "bias": floats(channels), "cu_seqlens": limits},
           _moved(2 * channels, 3 * channels)),
        Op("ssd", ssd,
           {"x": floats(T, HEADS, HEAD), "dt": floats(T, HEADS), "A": (-torch.rand(HEADS) - 0.5).requires_grad_(),
            "B": floats(T, STATE), "C": floats(T, STATE), "D": floats(HEADS), "dt_bias": floats(HEADS),
            "cu_seqlens": limits},
           _moved(2 * INNER + 2 * STATE, 3 * INNER + 4 * STATE), (scan, 3 * scan)),
        Op("gated_rms_norm", gated_rms_norm, {"y": floats(T, INNER), "z": floats(T, INNER), "weight": floats(INNER)},
           _moved(3 * INNER, 5 * INNER)),
        Op("rms_norm with residual", rms_norm,
           {"x": floats(T, WIDTH), "weight": floats(WIDTH), "residual": floats(T, WIDTH)},
           _moved(4 * WIDTH, 3 * WIDTH)),
        Op("routing", routing, {"q": floats(T, WIDTH), "k": floats(T, WIDTH), "cu_seqlens": limits},
           _moved(2 * WIDTH, 4 * WIDTH)),
        Op("smoothing", smoothing,
           {"chunks": floats(int(kept.sum()), WIDTH), "prob": torch.rand(T).requires_grad_(), "is_boundary": kept,
            "cu_seqlens": limits, "confidence": torch.rand(T).requires_grad_(), "residual": floats(T, WIDTH)},
           _moved(2.2 * WIDTH, 1.4 * WIDTH)),
        Op("cross_entropy", cross_entropy,
           {"logits": floats(T, VOCABULARY), "target": torch.randint(0, VOCABULARY, (T,))},
           _moved(VOCABULARY, 2 * VOCABULARY)),
    ]  # fmt: skip


def _moved(forward: float, backward: float) -> tuple[float, float]:
    """Bytes for so many float32 numbers a position."""
    return FLOAT * T * forward, FLOAT * T * backward


def best_of(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Seconds of the fastest of `rounds` calls, one to warm up before."""
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def machine_rates() -> tuple[float, float]:
    """Bytes a second that a copy reads and writes, and operations a second of a large matrix product."""
    source = torch.randn(T, 4 * VOCABULARY)
    target, square = torch.empty_like(source), torch.randn(1024, 1024)
    moved = 2 * source.numel() * FLOAT / best_of(lambda: target.copy_(source))
    return moved, 2 * 1024**3 / best_of(lambda: square @ square)


def op_rows(rates: tuple[float, float]) -> list[list[object]]:
    """A line for each operator and direction."""
    ops = operators()
    for op in tqdm([op for _ in range(ROUNDS + 1) for op in ops], desc="kernels", unit="op"):
        for name in ("auto", "reference"):
            op.measure(name)
    lines = []
    for op in ops:
        for i, direction in enumerate(("forward", "backward")):
            floor = max(op.bytes[i] / rates[0], op.flops[i] / rates[1])
            ours, eager = op.best["auto"][i], op.best["reference"][i]
            row = [
                f"{op.name}, {direction}",
                ours * 1e3,
                floor * 1e3,
                floor / ours,
                eager * 1e3,
                eager / ours,
            ]
            lines.append([row[0], *(f"{value:.2f}" for value in row[1:])])
    return lines


def chunk_ours(x: Tensor, router: CosineRouter, rows: Rows) -> Tensor:
    """Route, keep, (no inner network,) smooth, spread and add: one stage's work around its inner network."""
    prob, _ = router(x, rows)
    is_boundary = prob > THRESHOLD
    chunks = x.index_select(0, is_boundary.nonzero().squeeze(1))
    out, _ = dechunk(chunks, prob, is_boundary, rows, residual=x, config=ChunkingConfig())
    return out.sum() + 0.03 * ratio_loss(prob, is_boundary, 6.0)


def chunker_rows() -> list[list[object]]:
    """Routing, gathering, smoothing and spreading, forward and backward, beside the peer's."""
    length, router = T // ROWS, CosineRouter(WIDTH, ChunkingConfig())
    router.init_weights(torch.Generator())
    x, rows = floats(T, WIDTH), Rows(torch.linspace(0, T, ROWS + 1).long())
    times = {"this project": best_of(lambda: chunk_ours(x, router, rows).backward())}
    with backend.using("reference"):
        times["this project, torch reference"] = best_of(lambda: chunk_ours(x, router, rows).backward())
    if importlib.util.find_spec("h_net_dynamic_chunking"):
        from h_net_dynamic_chunking import DynamicSequenceChunker

        peer, batch = DynamicSequenceChunker(WIDTH), x.detach().view(ROWS, length, WIDTH).requires_grad_()

        def run() -> None:
            found = peer(batch)
            (found.upsample_fn(found.downsampled).sum() + found.weighted_aux_ratio_loss).backward()

        times["h-net-dynamic-chunking"] = best_of(run)
    ours = times["this project"]
    return [[name, f"{t * 1e3:.2f}", f"{t / ours:.1f}"] for name, t in times.items()]


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    before, rates = machine(), machine_rates()
    text = (
        f"One thread, float32; {T} positions in {ROWS} rows, d {WIDTH}, d_inner {INNER}, N {STATE}. Milliseconds, the "
        f"best of {ROUNDS}. Copy rate {rates[0] / 1e9:.1f} GB/s, matrix products {rates[1] / 1e9:.0f} GFLOP/s."
    )
    header = ["operator", "ms", "floor ms", "share of floor", "torch reference ms", "x"]
    chunker = table(["one stage around its inner network, forward and backward", "ms", "x"], chunker_rows())
    write_section("CPU kernels", f"{before}\n\n{text}\n\n{table(header, op_rows(rates))}\n\n{chunker}")


if __name__ == "__main__":
    main()
