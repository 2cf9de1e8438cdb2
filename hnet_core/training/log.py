"""training.csv: the curves of a training, one line every few steps."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path


def columns(n_stages: int) -> list[str]:
    """Names of training.csv, in order. Losses are in nats, bpb in bits a byte, times in seconds."""
    return [
        *("step", "bytes", "loss", "bpb", "ratio_loss", "valid_bpb"),
        *(f"bytes_per_chunk_{s}" for s in range(n_stages)),
        *(f"boundary_rate_{s}" for s in range(n_stages)),
        *("grad_norm", "lr", "kb_per_s", "seconds"),
    ]


class TrainingLog:
    """Writes training.csv. What it has gathered since the last line is part of a checkpoint (`state`)."""

    def __init__(self, path: Path, n_stages: int, every: int) -> None:
        self._path, self._every = path, every
        self._columns = columns(n_stages)
        self._sums: dict[str, float] = {}
        self._steps = 0
        self.last: dict[str, float] = {}

    def start(self) -> None:
        """Begin an empty file."""
        self._path.write_text(",".join(self._columns) + "\n")

    def resume(self, state: Mapping, step: int) -> None:
        """Take up where a checkpoint was written: later lines are dropped, they will be made again."""
        self._sums, self._steps, self.last = dict(state["sums"]), state["steps"], dict(state["last"])
        with self._path.open(newline="") as stream:
            kept = [row for row in csv.DictReader(stream) if int(row["step"]) <= step]
        partial = self._path.with_suffix(".partial")
        with partial.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, self._columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept)
        partial.replace(self._path)

    @property
    def state(self) -> dict:
        return {"sums": self._sums, "steps": self._steps, "last": self.last}

    def add(
        self, step: int, n_bytes: int, values: Mapping[str, float], exact: Mapping[str, float], *, last: bool
    ) -> None:
        """Take the values of one step; every few steps, and after the last one, write a line.

        values  averaged over the line's steps     exact  written as they are at the line's last step
        """
        for key, value in values.items():
            self._sums[key] = self._sums.get(key, 0.0) + value
        self._steps += 1
        if step % self._every and "valid_bpb" not in exact and not last:
            return
        means = {key: value / self._steps for key, value in self._sums.items()}
        self.last = {"step": step, "bytes": n_bytes, **means, **exact}
        self._sums, self._steps = {}, 0
        with self._path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, self._columns, lineterminator="\n")
            writer.writerow({key: _shown(value) for key, value in self.last.items()})


def bits(nats: float) -> float:
    """Nats to bits."""
    return nats / math.log(2)


def _shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"
