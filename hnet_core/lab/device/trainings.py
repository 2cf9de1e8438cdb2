"""Trainings side by side for the time that is left; what comes back of each is its curve and its weights in bfloat16.

Checkpoints stay in the runs folder, so that a second run on the same machine goes on from them.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from hnet_core.errors import InputError
from hnet_core.lab.device.steps import write_json

ROOT = Path(__file__).resolve().parents[3]
LIST = Path(__file__).with_name("trainings.json")
SAVING = 40.0
"""Seconds before the end in which trainings save and their weights are copied."""
COPY_EVERY = 60.0
TAKEN = ("config.json", "model.safetensors", "model.json")


@dataclass(frozen=True)
class Training:
    """One training. data: paths below the folder of data; bytes: its length, which decides its schedule."""

    name: str
    recipe: str
    data: tuple[str, ...]
    valid: str
    bytes: int
    seed: int = 0
    data_seed: int = 0
    set: tuple[str, ...] = ()

    def call(self, data: Path, runs: Path, device: str, rehearse: bool) -> list[str]:
        """The command. A rehearsal is a hundredth of a thousandth of it: two steps of small size."""
        out = runs / self.name
        call = [sys.executable, "-m", "hnet_core.training", "--out", str(out), "--device", device]
        call += ["--config", str(Path(__file__).with_name("recipes") / f"{self.recipe}.json")]
        call += ["--data", *(str(data / each) for each in self.data), "--valid", str(data / self.valid)]
        call += ["--seed", str(self.seed), "--data-seed", str(self.data_seed)]
        settings = [*self.set, f"name={self.name}", "checkpoint_minutes=1"]
        if rehearse:
            settings += ["batch_bytes=16384", "micro_bytes=16384", "row_bytes=2048", "valid_every=1000000000"]
        call += ["--bytes", str(32768 if rehearse else self.bytes), "--set", *settings]
        return [*call, "--resume"] if (out / "checkpoint.safetensors").exists() else call


def read_trainings(path: Path = LIST) -> list[Training]:
    """The list, the most valuable first."""
    return [
        Training(**{k: tuple(v) if isinstance(v, list) else v for k, v in each.items()})
        for each in json.loads(path.read_text(encoding="utf-8"))
    ]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="all that is left")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "device")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--beside", type=int, default=4, help="trainings at a time")
    parser.add_argument("--rehearse", action="store_true")
    args = parser.parse_args(argv)
    wanted = read_trainings()[: args.beside]
    missing = [each for t in wanted for each in (*t.data, t.valid) if not (args.data / each).exists()]
    if missing:
        raise InputError(f"{args.data}: lacks {missing[0]}; give --data the folder that holds it")
    until = time.monotonic() + args.seconds - (0 if args.rehearse else SAVING)
    args.runs.mkdir(parents=True, exist_ok=True)
    running = {each.name: start(each, args) for each in wanted}
    copied = time.monotonic()
    while any(process.poll() is None for process in running.values()) and time.monotonic() < until:
        time.sleep(0.5)
        if time.monotonic() - copied > COPY_EVERY:
            collect(wanted, args)
            copied = time.monotonic()
    for process in running.values():
        process.send_signal(signal.SIGTERM)  # finishes its step and saves
    for process in running.values():
        try:
            process.wait(SAVING)
        except subprocess.TimeoutExpired:
            process.kill()
    codes = {name: process.returncode for name, process in running.items()}
    found = collect(wanted, args, codes)
    return 1 if all(codes.values()) or not any(each["bytes"] for each in found) else 0


def start(training: Training, args: argparse.Namespace) -> subprocess.Popen:
    """One training in the background; what it says goes to a file of the output."""
    log = args.out.parent / "logs" / f"{training.name}.log"
    log.parent.mkdir(exist_ok=True)
    call = training.call(args.data, args.runs, args.device, args.rehearse)
    with log.open("a") as file:
        return subprocess.Popen(
            call, cwd=ROOT, env={"OMP_NUM_THREADS": "2", **os.environ}, stdout=file, stderr=file
        )


def collect(trainings: list[Training], args: argparse.Namespace, codes: dict | None = None) -> list[dict]:
    """Curves and weights of all trainings into OUT/models, and where each stands into the step's JSON."""
    found = []
    for each in trainings:
        run, kept = args.runs / each.name, args.out.parent / "models" / each.name
        kept.mkdir(parents=True, exist_ok=True)
        if (run / "training.csv").exists():
            shutil.copyfile(run / "training.csv", kept / "training.csv")
        for name in TAKEN:
            if (run / "model" / name).exists():
                shutil.copyfile(run / "model" / name, kept / name)
        found.append({"name": each.name, "exit_code": (codes or {}).get(each.name), **last_row(kept)})
    write_json(args.out, {"trainings": found})
    return found


def last_row(folder: Path) -> dict:
    """What the curve says last: bytes seen and the newest value of every column."""
    path = folder / "training.csv"
    rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if len(rows) < 2:
        return {"bytes": 0}
    names, found = rows[0].split(","), {}
    for row in rows[1:]:
        found |= {name: float(value) for name, value in zip(names, row.split(","), strict=True) if value}
    return found | {"bytes": int(found["bytes"])}


if __name__ == "__main__":
    sys.exit(main())
