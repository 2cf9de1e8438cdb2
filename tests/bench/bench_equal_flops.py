"""Training speed at equal FLOPs per byte: the English H-Nets beside their baselines, and where an H-Net's step goes.

    python tests/bench/bench_equal_flops.py       (or: make bench)

All recipes take steps over the same text in turn, round after round, so that whatever else the machine does meets
them alike. H-Nets start from bundled weights where there are some: the chunk rate decides what a step costs.
"""

import os
import time

# Before torch and numba start their thread pools: the figure is a core's.
os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

from collections import Counter
from pathlib import Path

import numpy as np
import torch
from measured_models import sample
from speed_page import machine, table, write_section
from torch.profiler import ProfilerActivity, profile
from tqdm import tqdm

from hnet_core.checkpoint import load_model
from hnet_core.data.tokens import BpeTokenizer
from hnet_core.flops import flops_per_byte
from hnet_core.model import HNetForCausalLM
from hnet_core.training.aims import Aims
from hnet_core.training.objective import objective
from hnet_core.training.optim import lr_multipliers, make_adamw, set_learning_rate
from hnet_core.training.recipe import Recipe, read_recipe
from kernels.linear import precision
from kernels.linear.choice import choose

RECIPES = Path(__file__).resolve().parents[2] / "hnet_core" / "training" / "recipes"
PEER = "english_isotropic_mamba"
WEIGHTS = {"english_1stage": "english-1stage-seed1", "english_2stage": "english-2stage-seed0"}
NAMES = [
    "english_1stage",
    "english_2stage",
    PEER,
    "english_isotropic_transformer",
    "english_fixed_stride",
    "english_space_like",
    "english_bpe_transformer",
]
ROUNDS = 3
GROUPS = {
    "matrix products": ("aten::mm", "aten::addmm", "mkldnn::_linear"),
    "attention": ("aten::_scaled_dot_product",),
    "convolution, scan, gated norm": ("Mamba2",),
    "norms and gates": ("RMSNorm", "SwiGLU", "aten::mul"),
    "routing, smoothing, gather": ("Routing", "Smoothing", "aten::index"),
    "cross entropy": ("CrossEntropy", "aten::_log_softmax"),
    "copies and conversions": ("aten::copy_", "aten::cat", "aten::fill_", "aten::add"),
    "optimizer": ("aten::_foreach", "aten::_fused", "aten::sqrt", "aten::lerp", "aten::addc"),
}
"""Beginnings of the profiler's names; what begins with none of them is `rest`."""


class Trained:
    """A recipe's model on its way through a training: `step` is one optimizer step over the text."""

    def __init__(self, name: str) -> None:
        self.recipe: Recipe = read_recipe(RECIPES / f"{name}.json")
        options, self.name = self.recipe.training, name
        model = load_model(WEIGHTS[name]).model if name in WEIGHTS else None
        self.model = model or HNetForCausalLM(self.recipe.model).init_weights(0)
        self.model.float().train()
        self.optimizer = make_adamw(
            self.model,
            options.lr_multipliers or lr_multipliers(self.recipe.model, options.target),
            weight_decay=options.weight_decay,
            betas=options.betas,
            eps=options.eps,
        )
        # Bundled weights stay about where they are: with a learning rate, the chunk rate would wander.
        set_learning_rate(self.optimizer, 1e-6)
        data = sample("english", options.batch_bytes)
        ids = np.frombuffer(data, np.uint8)
        if self.recipe.tokenizer != "bytes":
            text = sample("english", 100_000).decode()
            ids = BpeTokenizer.train([text], self.recipe.model.vocab_size).encode(data)
        self.n_bytes, n_rows = len(data), options.batch_bytes // options.row_bytes
        self.ids = torch.from_numpy(ids.astype(np.int64))
        self.cu_seqlens = torch.linspace(0, len(ids), n_rows + 1).long()
        self.seconds = float("inf")

    def step(self) -> None:
        options, start = self.recipe.training, time.perf_counter()
        with precision(choose(options.matmul_precision).name):
            output = self.model(self.ids, cu_seqlens=self.cu_seqlens)
        losses = objective(output, self.ids, self.cu_seqlens, Aims.of(options))
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), options.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.seconds = min(self.seconds, time.perf_counter() - start)
        self.rates = [stage.is_boundary.float().mean().item() for stage in output.stages]

    @property
    def flops(self) -> float:
        """Of a training step, per byte of the text, at the measured chunk rates."""
        bytes_per_id = self.n_bytes / len(self.ids)
        options = self.recipe.training
        return flops_per_byte(self.recipe.model, self.rates, options.row_bytes, bytes_per_id).training


def rows(trained: list[Trained]) -> list[list[object]]:
    """The table's lines: speed, arithmetic, and time at the arithmetic of the isotropic Mamba-2."""
    peer = next(t for t in trained if t.name == PEER)
    for t in tqdm([t for _ in range(ROUNDS + 1) for t in trained], desc="steps", unit="step"):
        t.step()
    return [
        [
            t.name,
            " x ".join(f"{1 / rate:.2f}" for rate in t.rates) or "",
            f"{t.n_bytes / 1000 / t.seconds:.1f}",
            f"{t.flops / 1e6:.2f}",
            f"{t.flops * t.n_bytes / t.seconds / 1e9:.1f}",
            f"{(t.seconds / t.flops) / (peer.seconds / peer.flops):.2f}",
        ]
        for t in trained
    ]


def shares(trained: Trained) -> list[list[object]]:
    """Where the time of a step goes, by kind of operator."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        trained.step()
    spent: Counter[str] = Counter()
    for event in profiled.key_averages():
        group = next((g for g, names in GROUPS.items() if event.key.startswith(names)), "rest")
        spent[group] += event.self_cpu_time_total
    return [[group, f"{time / spent.total():.0%}"] for group, time in spent.most_common()]


def main() -> None:
    torch.set_num_threads(1)
    before = machine()
    trained = [Trained(name) for name in NAMES]
    header = ["recipe", "positions a chunk", "kB/s", "MFLOPs a byte", "GFLOP/s", "time at equal FLOPs, x"]
    body = table(header, rows(trained))
    where = table(["step of english_1stage", "share"], shares(trained[0]))
    text = (
        f"One thread, bf16 products; forward, backward, clipping, AdamW over {trained[0].n_bytes} bytes. FLOPs: "
        f"forward and backward, at the chunk rates of this run. The last column is time per FLOP over that of {PEER}."
    )
    write_section("Training at equal FLOPs per byte", f"{before}\n\n{text}\n\n{body}\n\n{where}")


if __name__ == "__main__":
    main()
