"""One training step of the published 2-stage L beside an isotropic Mamba-2 of equal FLOPs: time, launches, syncs.

    python tests/bench/training_step.py --device cuda [--json FILE]

On CUDA: 8 rows of 8192 bytes packed, autocast to bfloat16, whole steps with clipping and AdamW. On a CPU the same code
takes a tiny model over two short rows, which shows that it works and measures nothing.
"""

import argparse
import json
import statistics
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from measured_models import ROOT, n_parameters, one_stage, sample
from speed_page import table
from torch.profiler import ProfilerActivity, profile

from hnet_core.config import HNetConfig
from hnet_core.flops import flops_per_byte
from hnet_core.model import HNetForCausalLM
from hnet_core.training.aims import Aims
from hnet_core.training.objective import objective
from hnet_core.training.optim import lr_multipliers, make_adamw, set_learning_rate
from kernels.bench.timing import WARM_UP, clock

ROUNDS = {"cuda": 10, "cpu": 1}
ROWS = {"cuda": (8, 8192), "cpu": (2, 64)}
"""Rows and the bytes of each."""
TARGET = 3.0
LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel")
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


@dataclass
class Measured:
    """One model's step. Counts are None where no CUDA device ran it."""

    model: str
    parameters: int
    positions_a_chunk: list[float]
    flops: float
    seconds: float
    launches: int | None = None
    waits: int | None = None
    synchronizing_operations: int | None = None
    peak_bytes: int | None = None

    @property
    def seconds_per_flop(self) -> float:
        return self.seconds / self.flops


class Step:
    """A model with its optimizer; a call is one optimizer step over the same text."""

    def __init__(self, config: HNetConfig, device: str) -> None:
        self.config, self.device = config, device
        self.model = HNetForCausalLM(config).init_weights(0).to(device).train()
        target = [TARGET] * config.n_stages
        multipliers = lr_multipliers(config, target)
        self.optimizer = make_adamw(self.model, multipliers, weight_decay=0.1, betas=(0.9, 0.95), eps=1e-8)
        # The chunk rate decides what a step costs: with a learning rate it would wander.
        set_learning_rate(self.optimizer, 1e-7)
        n_rows, self.length = ROWS[device]
        data = bytearray(sample("english", n_rows * self.length))
        self.ids = torch.frombuffer(data, dtype=torch.uint8).long().to(device)
        self.cu_seqlens = torch.arange(n_rows + 1, device=device) * self.length
        self.aims = Aims(target=tuple(target), weight=(0.03,) * config.n_stages)
        self.rates = []

    def __call__(self) -> list[torch.Tensor]:
        """Returns the share of boundaries of each stage, on the device: nothing here waits for it."""
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            output = self.model(self.ids, cu_seqlens=self.cu_seqlens)
        losses = objective(output, self.ids, self.cu_seqlens, self.aims)
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return [stage.is_boundary.float().mean() for stage in output.stages]


def counted(step: Step) -> dict[str, int]:
    """Kernel launches, waits of the host, and operations that torch says make it wait, of one step on CUDA."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        step()
        torch.cuda.set_sync_debug_mode("default")
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        step()
    events = profiled.key_averages()
    return {
        "launches": sum(event.count for event in events if event.key.startswith(LAUNCHES)),
        "waits": sum(event.count for event in events if event.key.startswith(WAITS)),
        "synchronizing_operations": sum("synchronizing CUDA" in str(warning.message) for warning in told),
    }


def measured(name: str, config: HNetConfig, device: str, timed: Callable) -> Measured:
    """Median of the rounds, and what one more step launches."""
    step, seconds, rates = Step(config, device), [], []
    for i in range(WARM_UP + ROUNDS[device]):
        shares, time = timed(step)
        rates = [float(share) for share in shares]
        seconds += [time] if i >= WARM_UP else []
    flops = flops_per_byte(config, rates, step.length).training * len(step.ids)
    counts = {}
    if device == "cuda":
        counts = counted(step) | {"peak_bytes": torch.cuda.max_memory_allocated()}
        torch.cuda.reset_peak_memory_stats()
    chunks = [round(1 / rate, 2) for rate in rates]
    return Measured(name, n_parameters(step.model), chunks, flops, statistics.median(seconds), **counts)


def isotropic(like: HNetConfig, flops: float, n_bytes: int, length: int) -> HNetConfig:
    """Mamba-2 blocks at the width of the first stage, as many as come nearest to `flops` for n_bytes."""

    def of(blocks: int) -> HNetConfig:
        heads = {"num_heads": [like.attn_cfg.num_heads[0]], "rotary_emb_dim": [0], "window_size": [-1]}
        raw = {"arch_layout": [f"m{blocks}"], "d_model": like.d_model[:1], "d_intermediate": [0]}
        ssm = like.to_dict()["ssm_cfg"]
        return HNetConfig.from_dict({**raw, "ssm_cfg": ssm, "attn_cfg": heads, "vocab_size": like.vocab_size})

    one, two = (flops_per_byte(of(n), [], length).training * n_bytes for n in (1, 2))
    return of(max(1, round((flops - (2 * one - two)) / (two - one))))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    args = parser.parse_args(argv)
    if args.device == "cuda" and not torch.cuda.is_available():
        print(
            "training_step: this machine has no CUDA device; --device cpu tries the code on a tiny model",
            file=sys.stderr,
        )
        return 2
    timed = clock(args.device)
    large = HNetConfig.from_file(ROOT / "hnet_core" / "configs" / "hnet_2stage_L.json")
    config = large if args.device == "cuda" else one_stage(64, 128, d_state=16)
    hnet = measured(
        "H-Net, 2-stage L" if args.device == "cuda" else "H-Net, tiny", config, args.device, timed
    )
    rows, length = ROWS[args.device]
    peer = isotropic(config, hnet.flops, rows * length, length)
    both = [hnet, measured(f"isotropic {peer.arch_layout[0]}", peer, args.device, timed)]
    ratio = both[0].seconds_per_flop / both[1].seconds_per_flop
    header = list(asdict(hnet))
    print(table(header, [list(asdict(found).values()) for found in both]))
    print(f"time of the H-Net at equal FLOPs: {ratio:.2f} x that of the isotropic model")
    if args.json:
        device = torch.cuda.get_device_name() if args.device == "cuda" else "cpu"
        found = {"device": device, "torch": torch.__version__, "cuda": torch.version.cuda}
        text = json.dumps(
            found | {"models": [asdict(m) for m in both], "time_at_equal_flops": ratio}, indent=1
        )
        temporary = args.json.with_name(args.json.name + ".tmp")
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
