"""The CPU kernels one by one, at the sizes of the bundled models: time, floor, torch's own, peers; then whole works.

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
from dataclasses import replace

import torch
from bench_equal_flops import Trained
from measured_models import sample
from speed_page import machine, table, write_section
from step_shares import shares
from torch import Tensor
from tqdm import tqdm

from hnet_core.boundaries import BoundaryModel
from hnet_core.checkpoint import load_model
from hnet_core.merging import PublishedMerge
from hnet_core.model import HNetForCausalLM
from hnet_core.routers.cosine import CosineRouter
from hnet_core.routers.ratio_loss import ratio_loss
from hnet_core.rows import Rows
from hnet_core.stage_config import ChunkingConfig
from kernels import backend
from kernels.bench.measure import Rates, rates, results
from kernels.bench.operators import BUNDLED
from kernels.bench.timing import clock, matmul_rate

T, ROWS, WIDTH = BUNDLED.positions, BUNDLED.rows, BUNDLED.width
ROUNDS = 7
MODEL = "english-1stage-seed1"
GENERATED = 60


def best_of(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Seconds of the fastest of `rounds` calls, one to warm up before."""
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def op_rows(limit: Rates) -> list[list[object]]:
    """A line for each operator and direction."""
    lines = []
    for found in tqdm(results([BUNDLED], "cpu", limit), desc="kernels", unit="line"):
        times = (found.ours, found.floor, found.eager)
        ours, floor, eager = (f"{seconds * 1e3:.2f}" for seconds in times)
        shorter = f" (T {found.eager_positions})" if found.eager_positions != found.positions else ""
        ratio = found.eager / found.eager_positions * found.positions / found.ours
        name, share = f"{found.op}, {found.direction}", f"{found.fraction_of_floor:.2f}"
        lines.append([name, ours, floor, share, eager + shorter, f"{ratio:.2f}"])
    return lines


def chunk_ours(x: Tensor, router: CosineRouter, merge: PublishedMerge, rows: Rows) -> Tensor:
    """Route, keep, (no inner network,) smooth, spread and add: one stage's work around its inner network."""
    decision, _ = router(x, rows)
    chunks = x.index_select(0, decision.is_boundary.nonzero().squeeze(1))
    out, _ = merge.spread(x, chunks, decision, rows)
    return out.sum() + 0.03 * ratio_loss(decision.prob, decision.is_boundary, 6.0)


def chunker_rows() -> list[list[object]]:
    """Routing, gathering, smoothing and spreading, forward and backward, beside the peer's."""
    length, router = T // ROWS, CosineRouter(WIDTH, ChunkingConfig())
    router.init_weights(torch.Generator())
    merge = PublishedMerge(WIDTH, ChunkingConfig())
    x, rows = torch.randn(T, WIDTH, requires_grad=True), Rows(torch.linspace(0, T, ROWS + 1).long())
    times = {"this project": best_of(lambda: chunk_ours(x, router, merge, rows).backward())}
    with backend.using("reference"):
        times["this project, torch reference"] = best_of(
            lambda: chunk_ours(x, router, merge, rows).backward()
        )
    if importlib.util.find_spec("h_net_dynamic_chunking"):
        from h_net_dynamic_chunking import DynamicSequenceChunker

        peer, batch = DynamicSequenceChunker(WIDTH), x.detach().view(ROWS, length, WIDTH).requires_grad_()

        def run() -> None:
            found = peer(batch)
            (found.upsample_fn(found.downsampled).sum() + found.weighted_aux_ratio_loss).backward()

        times["h-net-dynamic-chunking"] = best_of(run)
    ours = times["this project"]
    return [[name, f"{t * 1e3:.2f}", f"{t / ours:.1f}"] for name, t in times.items()]


def whole_works() -> dict[str, tuple[Callable[[], object], bool]]:
    """What users wait for, with a bundled model: title -> (call, whether it differentiates)."""
    loaded, trained = load_model(MODEL), Trained("english_1stage")
    light, text = BoundaryModel(loaded.model, {"name": MODEL}), sample("english", T)
    return {
        f"training step, bf16 products, {trained.n_bytes} bytes": (trained.step, True),
        f"extraction, float32, {T} bytes": (lambda: light.boundaries(text), False),
        f"generation, {GENERATED} bytes, one at a time": (lambda: _generated(loaded.model), False),
    }


@torch.inference_mode()
def _generated(model: HNetForCausalLM) -> None:
    state, limits = model.new_state(1), torch.tensor([0, 1])
    for byte in torch.frombuffer(bytearray(sample("english", GENERATED)), dtype=torch.uint8).long().split(1):
        state = model(byte, cu_seqlens=limits, state=state).state


def whole_tables(limit: Rates) -> str:
    """Where the time of each of them goes."""
    found = []
    for title, (work, backward) in whole_works().items():
        dtype = torch.bfloat16 if backward else torch.float32
        own = replace(limit, matmul_flops=matmul_rate(clock("cpu"), "cpu", dtype))
        found.append(table([title, "ms", "share", "floor ms"], shares(work, own, backward)))
    return "\n\n".join(found)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    before, limit = machine(), rates("cpu")
    text = (
        f"One thread, float32; {T} positions in {ROWS} rows, d {WIDTH}, d_inner {BUNDLED.inner}, N {BUNDLED.state}. "
        f"Milliseconds: the median of the operators, the best of {ROUNDS} of the stage; x is per position. Copy rate "
        f"{limit.copied_bytes / 1e9:.1f} GB/s, matrix products {limit.matmul_flops / 1e9:.0f} GFLOP/s."
    )
    header = ["operator", "ms", "floor ms", "share of floor", "torch reference ms", "x"]
    chunker = table(["one stage around its inner network, forward and backward", "ms", "x"], chunker_rows())
    kernels = f"{table(header, op_rows(limit))}\n\n{chunker}"
    told = (
        f"The whole of {MODEL} on the same thread. Floor: bytes that the operator's calls must read and write at the "
        "copy rate, or operations of its products at the rate of a large one in the same dtype, whichever takes longer."
    )
    write_section("CPU kernels", f"{before}\n\n{text}\n\n{kernels}\n\n{told}\n\n{whole_tables(limit)}")


if __name__ == "__main__":
    main()
