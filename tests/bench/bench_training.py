"""Training speed of one core: whole steps of m4 (T2) m4 at d 96, beside the torch reference.

python tests/bench/bench_training.py       (or: make bench)
"""

import os
import time

# Before torch and numba start their thread pools: the figure is a core's.
os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import torch
from measured_models import n_parameters, random_model, sample
from speed_page import machine, table, write_section

from hnet_core.config import HNetConfig
from hnet_core.model import HNetForCausalLM
from hnet_core.training.aims import Aims
from hnet_core.training.objective import objective
from hnet_core.training.optim import make_adamw, set_learning_rate
from kernels import backend
from kernels.linear import precision

ROW_BYTES, ROWS = 2048, 4
ROUNDS = 4
TARGET = 5.0


def config() -> HNetConfig:
    """m4 + m4 at d 96 around a small network."""
    return HNetConfig.from_dict(
        {
            "arch_layout": ["m4", ["T2"], "m4"],
            "d_model": [96, 128],
            "d_intermediate": [0, 256],
            "ssm_cfg": {"d_state": 32},
            "attn_cfg": {"num_heads": [4, 4], "rotary_emb_dim": [16, 16], "window_size": [1023, -1]},
        }
    )


def step(model: HNetForCausalLM, optimizer: torch.optim.Optimizer, data: bytes, rows: int) -> float:
    """One optimizer step over `rows` packed rows; returns positions a chunk."""
    ids = torch.frombuffer(bytearray(data[: rows * ROW_BYTES]), dtype=torch.uint8).long()
    cu_seqlens = torch.arange(rows + 1) * ROW_BYTES
    output = model(ids, cu_seqlens=cu_seqlens)
    objective(output, ids, cu_seqlens, Aims(target=(TARGET,), weight=(0.03,))).total.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return 1 / output.stages[0].is_boundary.float().mean().item()


def rate(name: str, rows: int, rounds: int, factors: str = "fp32") -> tuple[float, float]:
    """kB/s of training with one backend (best round after one to warm up), and positions a chunk.

    factors  precision of the factors of matrix products
    """
    model = random_model(config()).train()
    optimizer = make_adamw(model, [1.0, 1.0], weight_decay=0.1, betas=(0.9, 0.95), eps=1e-8)
    set_learning_rate(optimizer, 1e-3)
    data, best, chunk = sample("english", ROWS * ROW_BYTES), float("inf"), 0.0
    with backend.using(name), precision(factors):
        for attempt in range(rounds + 1):
            start = time.perf_counter()
            chunk = step(model, optimizer, data, rows)
            best = min(best, time.perf_counter() - start) if attempt else best
    return rows * ROW_BYTES / 1000 / best, chunk


def main() -> None:
    torch.set_num_threads(1)
    before = machine()
    fast, chunk = rate("auto", ROWS, ROUNDS)
    rounded, _ = rate("auto", ROWS, ROUNDS, "bf16")
    slow, _ = rate("reference", 1, 1)
    name = f"m4 (T2) m4, d 96 (128), N 32, {n_parameters(random_model(config())) / 1e6:.2f} M parameters"
    header = [
        "model",
        "positions a chunk",
        "auto kB/s",
        "auto, bf16 products kB/s",
        "torch reference kB/s",
        "x",
    ]
    row = [name, f"{chunk:.2f}", f"{fast:.1f}", f"{rounded:.1f}", f"{slow:.2f}", f"{fast / slow:.0f}"]
    text = f"One thread; {ROWS} packed rows of {ROW_BYTES} bytes a step; forward, backward, clipping, AdamW."
    write_section("Training", f"{before}\n\n{text}\n\n{table(header, [row])}")


if __name__ == "__main__":
    main()
