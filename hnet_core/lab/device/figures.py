"""How fast the kernels are here beside their peers, and how fast a training step and generation are."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from hnet_core.lab.device.steps import read_json, write_json
from kernels.bench.peers import FOLDER

ROOT = Path(__file__).resolve().parents[3]
BATCHES = (1, 64)
"""Rows that are generated side by side."""
GENERATED = {"cuda": 128, "cpu": 8}
"""Bytes of each."""
OTHERS = "30"
"""Seconds after which no further peer is begun."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    args = parser.parse_args(argv)
    found: dict[str, object] = {}
    bench, step = ["-m", "kernels.bench", "--only"], str(ROOT / "tests" / "bench" / "training_step.py")
    # The others last: what they compile may take all that is left, and what is measured by then is in a file already.
    work = {
        "kernels": lambda name: _measured(name, [*bench, "ours"], args.device, args.out.parent),
        "training_step": lambda name: _measured(name, [step], args.device, args.out.parent),
        "generation": lambda name: generation(args.device),
    }
    if args.device == "cuda" or FOLDER.is_dir():
        others = [
            *bench,
            "others",
            "--seconds",
            OTHERS,
            *(("--peers", str(FOLDER)) if FOLDER.is_dir() else ()),
        ]
        work["others"] = lambda name: _measured(name, others, args.device, args.out.parent)
    for name, measure in work.items():
        found[name] = measure(name)
        write_json(args.out, found)
    return 0


def _measured(name: str, call: list[str], device: str, folder: Path) -> dict:
    """What the command measured; without it the last line that it said."""
    path = folder / f"figures_{name}.json"
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *call, "--device", device, "--json", str(path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "logs" / f"figures_{name}.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    lines = (done.stderr or done.stdout).strip().splitlines()
    return read_json(path) or {"obstacle": lines[-1] if lines else f"exit code {done.returncode}"}


def generation(device: str) -> dict[str, float]:
    """Bytes a second of a small two-stage model, all rows together, for each size of batch."""
    from hnet_core.generation.continuations import continue_all
    from hnet_core.lab.device.proof import small_model

    model, found = small_model().to(device).eval(), {}
    for batch in BATCHES:
        continue_all(model, [b"a"] * batch, max_bytes=2)
        began = time.perf_counter()
        done = continue_all(model, [b"a"] * batch, max_bytes=GENERATED[device])
        if device == "cuda":
            torch.cuda.synchronize()
        written = sum(len(each.data) for samples in done for each in samples)
        found[str(batch)] = written / (time.perf_counter() - began)
    return found


if __name__ == "__main__":
    sys.exit(main())
