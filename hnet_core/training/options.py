"""The options of a training: how long, how fast, with which losses; each checked on its own and with the model."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from hnet_core.errors import ConfigError
from kernels.linear.choice import NAMES

OPTIMIZERS = ("adamw", "muon")
"""What moves the weights; hnet_core.training.optim makes them."""
RATE_LOSSES = ("ratio", "hinge")
"""What holds the boundary rates; the functions are hnet_core.training.rate_losses.RATE_LOSSES."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Sizes are in bytes of the data; markers (start, end) come on top."""

    bytes: int = 50_000_000
    """Length of the training. The schedule is laid out over it; data that is shorter is read again, reshuffled."""
    batch_bytes: int = 16_384
    """One optimizer step."""
    micro_bytes: int = 16_384
    """One forward and backward; a step is made of as many as it needs."""
    row_bytes: int = 2_048
    """Longest row: no position sees further back than its row."""
    learning_rate: float = 1e-3
    """Peak, before the multiplier of each stage."""
    lr_multipliers: tuple[float, ...] | None = None
    """One a stage and one for the innermost network, outermost first; null: the paper's formula."""
    warmup: float = 0.1
    """Share of the training in which the learning rate rises."""
    warmup_bytes: int = 0
    """Most bytes of it, so that a long training starts as a short one does; 0: the share alone decides."""
    decay: float = 0.2
    """Share at the end in which it falls."""
    weight_decay: float = 0.1
    betas: tuple[float, ...] = (0.9, 0.95)
    eps: float = 1e-8
    clip: float = 1.0
    """Largest gradient norm."""
    chunk_budget: int = 0
    """Most positions of all inner stages together in one forward, which bounds its memory; 0: no limit. A pack that
    has more is split, and its gradient stays the same."""
    optimizer: str = "adamw"
    """A name in OPTIMIZERS. muon: Muon for the matrices of blocks, AdamW for all else."""
    muon_learning_rate: float = 0.02
    """Peak for what Muon moves; no stage multiplies it."""
    explode: float = 3.0
    """A cross entropy above this many times the median of the last 100 steps stops the training; 0: none does."""
    matmul_precision: str = "auto"
    """bf16 rounds the factors of matrix products, weights stay fp32; auto: where the machine multiplies bf16 faster."""
    alpha: float | tuple[float, ...] = 0.03
    """Weight of the ratio losses beside the cross entropy in nats: one for all stages, or one a stage."""
    target: tuple[float, ...] = ()
    """Wanted positions a chunk, one a stage, outermost first."""
    target_schedule: tuple[tuple[float, ...], ...] = ()
    """[share of the training, target of each stage] in order, linear between; the last one's targets are `target`."""
    rate_loss: str = "ratio"
    """A name in RATE_LOSSES. ratio: the paper's, weighted by alpha. hinge: free between low and high, weighted by
    beta."""
    low: float | tuple[float, ...] = 0.0
    """hinge: fewest positions a chunk, for all stages or one a stage; 0: no limit."""
    low_schedule: tuple[tuple[float, ...], ...] = ()
    """hinge: [share of the training, low of each stage] as in target_schedule: the rate's ceiling comes down."""
    high: float | tuple[float, ...] = 0.0
    """hinge: most positions a chunk; 0: no limit."""
    beta: float | tuple[float, ...] = 10.0
    """hinge: its weight."""
    cab: float = 0.0
    """Weight of the loss that ties p of the outermost stage to the surprise at the next byte (arXiv 2601.22805)."""
    prior_bytes: int = 0
    """Bytes in which the outermost stage is also drawn to space-like places, with a weight that falls from 1 to 0. Such
    a model is called warm-started. 0: never."""
    reverse_complement: float = 0.0
    """DNA: share of rows that are read on the other strand."""
    include: tuple[str, ...] = ()
    """DNA: records or NAME:START-END to train on; empty is all."""
    exclude: tuple[str, ...] = ()
    """DNA: records or NAME:START-END to leave out, for validation and tests."""
    snapshots: int = 0
    """Boundary weights kept along the training, at so many lengths, 0 and the end included; 0: none."""
    log_steps: int = 10
    """Steps a line of training.csv."""
    checkpoint_minutes: float = 5.0
    valid_every: int = 2_500_000
    """Bytes between two scorings of the validation file."""
    valid_bytes: int = 200_000
    """How much of the validation file is scored each time."""

    def __post_init__(self) -> None:
        for name in ("bytes", "batch_bytes", "micro_bytes", "log_steps", "valid_every", "valid_bytes"):
            _check(name, getattr(self, name), lambda v: v >= 1, "1 or more")
        _check(
            "matmul_precision",
            self.matmul_precision,
            lambda v: v in NAMES,
            "one of " + ", ".join(NAMES),
        )
        _check("optimizer", self.optimizer, lambda v: v in OPTIMIZERS, "one of " + ", ".join(OPTIMIZERS))
        _check("rate_loss", self.rate_loss, lambda v: v in RATE_LOSSES, "one of " + ", ".join(RATE_LOSSES))
        _check("snapshots", self.snapshots, lambda v: v == 0 or v >= 2, "0 or 2 or more")
        _check("row_bytes", self.row_bytes, lambda v: v >= 4, "4 or more")
        for name in ("learning_rate", "muon_learning_rate", "eps", "clip"):
            _check(name, getattr(self, name), lambda v: v > 0, "above 0")
        for name in ("alpha", "beta"):
            _check(name, getattr(self, name), lambda v: min(_each(v), default=0) >= 0, "0 or more each")
        not_negative = (
            "warmup_bytes",
            "weight_decay",
            "checkpoint_minutes",
            "chunk_budget",
            "explode",
            "cab",
        )
        for name in (*not_negative, "prior_bytes"):
            _check(name, getattr(self, name), lambda v: v >= 0, "0 or more")
        for name in ("warmup", "decay", "reverse_complement"):
            _check(name, getattr(self, name), lambda v: 0 <= v <= 1, "from 0 to 1")
        _check("warmup + decay", self.warmup + self.decay, lambda v: v <= 1, "1 at most")
        _check(
            "betas", self.betas, lambda v: len(v) == 2 and all(0 <= b < 1 for b in v), "two from 0 to below 1"
        )
        _check("target", self.target, lambda v: all(n > 1 for n in v), "above 1 position a chunk each")
        _check("lr_multipliers", self.lr_multipliers, lambda v: not v or min(v) > 0, "above 0 each")
        for name in ("target_schedule", "low_schedule"):
            _check(name, getattr(self, name), _rises, _SCHEDULE)
        self._check_limits()

    def _check_limits(self) -> None:
        limits = [*_each(self.low), *_each(self.high)]
        if self.rate_loss != "hinge":
            if any(limits) or self.low_schedule:
                raise ConfigError(
                    "training: low, low_schedule and high are for rate_loss 'hinge', not "
                    f"{self.rate_loss!r}; remove them"
                )
            return
        for name in ("low", "high"):
            allowed = "0 (no limit) or above 1 position a chunk each"
            _check(name, getattr(self, name), lambda v: all(n == 0 or n > 1 for n in _each(v)), allowed)
        if not any(limits):
            raise ConfigError("training: rate_loss 'hinge' needs low, high or both, in positions a chunk")

    def _check_schedule(self, name: str, ends_at: str, wanted: tuple[float, ...]) -> None:
        """A schedule has a value a stage and ends at the option that it leads to."""
        points = getattr(self, name)
        for point in points:
            if len(point) != len(wanted) + 1 or tuple(points[-1][1:]) != tuple(wanted):
                raise ConfigError(
                    f"{name}={[list(p) for p in points]} must have entries of a share and "
                    f"{len(wanted)} targets, and end at {ends_at}={list(wanted)}"
                )

    def check_stages(self, n_stages: int) -> None:
        """Raise ConfigError for options that do not fit a model of n_stages routing stages."""
        if len(self.target) != n_stages:
            raise ConfigError(f"target={list(self.target)} must have {n_stages} entries, one a routing stage")
        if self.lr_multipliers is not None and len(self.lr_multipliers) != n_stages + 1:
            raise ConfigError(
                f"lr_multipliers={list(self.lr_multipliers)} must have {n_stages + 1} entries, "
                "one a routing stage and one for the innermost network"
            )
        for name in ("alpha", "beta", "low", "high"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != n_stages:
                raise ConfigError(
                    f"{name}={list(value)} must be one number or have {n_stages} entries, one a routing stage"
                )
        for low, high in zip(of_stages(self.low, n_stages), of_stages(self.high, n_stages), strict=True):
            if high and low >= high:
                raise ConfigError(f"low={low:g} must be below high={high:g}: both are positions a chunk")
        self._check_schedule("target_schedule", "target", self.target)
        self._check_schedule("low_schedule", "low", of_stages(self.low, n_stages))
        if not n_stages and (self.rate_loss != "ratio" or self.cab or self.prior_bytes or self.snapshots):
            raise ConfigError(
                "rate_loss, cab, prior_bytes and snapshots are for models with a router, and this one has none; "
                "remove them"
            )
        if self.chunk_budget and self.chunk_budget < n_stages * self.row_bytes:
            raise ConfigError(
                f"chunk_budget={self.chunk_budget} must be 0 or at least {n_stages * self.row_bytes}, what one row "
                f"of row_bytes={self.row_bytes} may have in the {n_stages} inner stages"
            )

    @property
    def warmup_share(self) -> float:
        """Share of the training in which the learning rate rises, `warmup_bytes` heeded."""
        return min(self.warmup, self.warmup_bytes / self.bytes) if self.warmup_bytes else self.warmup


def of_stages(value: float | Sequence[float], n_stages: int) -> tuple[float, ...]:
    """One value a stage, from such values or from one for all."""
    return tuple(value) if isinstance(value, Sequence) else (value,) * n_stages


_SCHEDULE = "a list of [share, target ...], shares from 0 to 1 and rising, targets above 1"


def _rises(points: tuple[tuple[float, ...], ...]) -> bool:
    shares = [point[0] for point in points if len(point) > 1]
    return (
        len(shares) == len(points)
        and all(0 <= share <= 1 for share in shares)
        and all(a < b for a, b in pairwise(shares))
        and all(target > 1 for point in points for target in point[1:])
    )


_KINDS = {f.name: f.type for f in fields(TrainingOptions)}


def convert(key: str, value: Any) -> Any:
    """A JSON value as the type its option declares: whole number, number, or list of one kind."""
    kind, number = _KINDS[key], _is_number(value)
    if kind is int and number and float(value).is_integer():
        return int(value)
    if kind in (float, float | tuple[float, ...]) and number:
        return float(value)
    if kind is str and isinstance(value, str):
        return value
    if value is None and key == "lr_multipliers":
        return None
    if kind == tuple[tuple[float, ...], ...]:
        if isinstance(value, list | tuple) and all(_is_numbers(point) for point in value):
            return tuple(tuple(map(float, point)) for point in value)
        raise ConfigError(f"training: {key}={value!r} must be {_SCHEDULE}")
    if kind not in (int, float, str) and isinstance(value, list | tuple):
        member = str if kind == tuple[str, ...] else float
        if all(isinstance(v, str) if member is str else _is_number(v) for v in value):
            return tuple(value)
    wanted = {
        int: "a whole number",
        float: "a number",
        tuple[str, ...]: "a list of names",
    }
    raise ConfigError(f"training: {key}={value!r} must be {wanted.get(kind, 'a list of numbers')}")


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    """Whether it is one that a float can hold: JSON has whole numbers of any size."""
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 2**1000
    return isinstance(value, float)


def _check(name: str, value: Any, allowed, words: str) -> None:
    if not allowed(value):
        raise ConfigError(f"training: {name}={value!r} must be {words}")


def _each(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)
