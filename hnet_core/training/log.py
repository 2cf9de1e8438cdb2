"""training.csv: the curves of a training, one line every few steps."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hnet_core.errors import InputError


def columns(n_stages: int, followed: Sequence[str] = ()) -> list[str]:
    """Names of training.csv, in order. Losses are in nats, bpb in bits a byte, times in seconds.

    followed  kinds of sites (landmarks); their columns hold the share that has a boundary, on lines with valid_bpb
    """
    return [
        *("step", "bytes", "loss", "bpb", "ratio_loss", "valid_bpb"),
        *(f"bytes_per_chunk_{s}" for s in range(n_stages)),
        *(f"boundary_rate_{s}" for s in range(n_stages)),
        *("grad_norm", "lr", "kb_per_s", "seconds"),
        *(f"{kind}_{s}" for s in range(n_stages) for kind in followed),
    ]


class Board(Protocol):
    """Where curves are drawn meanwhile, such as TensorBoard's SummaryWriter."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> object: ...


def tensorboard(folder: Path) -> Board:
    """A board that TensorBoard reads from `folder`. Raises InputError where the package is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as err:
        raise InputError(
            "--tensorboard: the package tensorboard is not installed; install it (pip install tensorboard), or leave "
            "the option out: training.csv holds the same curves"
        ) from err
    return SummaryWriter(folder)


class TrainingLog:
    """Writes training.csv. What it has gathered since the last line is part of a checkpoint (`state`)."""

    def __init__(
        self,
        path: Path,
        n_stages: int,
        every: int,
        board: Board | None = None,
        followed: Sequence[str] = (),
    ) -> None:
        self._path, self._every, self._board = path, every, board
        self._columns = columns(n_stages, followed)
        self._sums: dict[str, float] = {}
        self._steps = 0
        self.last: dict[str, float] = {}

    def start(self) -> None:
        """Begin an empty file."""
        self._path.write_text(",".join(self._columns) + "\n")

    def resume(self, state: Mapping) -> None:
        """Take up where a checkpoint with this `state` was written."""
        self._sums, self._steps, self.last = dict(state["sums"]), state["steps"], dict(state["last"])

    def cut(self, step: int) -> None:
        """Drop the lines after `step` from the file: they will be made again."""
        lines = self._path.read_text().splitlines(keepends=True) if self._path.exists() else []
        # A line without its end was being written when the process was killed.
        whole = [line for line in lines if line.endswith("\n")]
        kept = [row for row in csv.DictReader(whole) if int(row["step"]) <= step]
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
    ) -> bool:
        """Take the values of one step; True every few steps and after the last one: a line is ready to `write`.

        values  averaged over the line's steps     exact  written as they are at the line's last step
        """
        for key, value in values.items():
            self._sums[key] = self._sums.get(key, 0.0) + value
        self._steps += 1
        if step % self._every and "valid_bpb" not in exact and not last:
            return False
        means = {key: value / self._steps for key, value in self._sums.items()}
        self.last = {"step": step, "bytes": n_bytes, **means, **exact}
        self._sums, self._steps = {}, 0
        return True

    def write(self) -> None:
        """Append the last line to the file, and its values to the board. Raises OSError on a full disk."""
        with self._path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, self._columns, lineterminator="\n")
            writer.writerow({key: _shown(value) for key, value in self.last.items()})
        if self._board:
            for key, value in self.last.items():
                self._board.add_scalar(key, value, self.last["step"])


def bits(nats: float) -> float:
    """Nats to bits."""
    return nats / math.log(2)


def _shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"
