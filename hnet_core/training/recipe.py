"""What a training does: one JSON file, checked before anything is read or written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hnet_core.config import HNetConfig
from hnet_core.encoding import VOCAB_SIZE
from hnet_core.errors import ConfigError
from hnet_core.training.documents import DOMAINS
from kernels.linear.choice import NAMES

TOKENIZERS = ("bytes", "bpe")


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
    compile: bool = False
    """CUDA: let torch.compile fuse the gated layers of the networks."""
    explode: float = 3.0
    """A cross entropy above this many times the median of the last 100 steps stops the training; 0: none does."""
    matmul_precision: str = "auto"
    """bf16 rounds the factors of matrix products, weights stay fp32; auto: where the machine multiplies bf16 faster."""
    alpha: float | tuple[float, ...] = 0.03
    """Weight of the ratio losses beside the cross entropy in nats: one for all stages, or one a stage."""
    target: tuple[float, ...] = ()
    """Wanted positions a chunk, one a stage, outermost first."""
    reverse_complement: float = 0.0
    """DNA: share of rows that are read on the other strand."""
    include: tuple[str, ...] = ()
    """DNA: records or NAME:START-END to train on; empty is all."""
    exclude: tuple[str, ...] = ()
    """DNA: records or NAME:START-END to leave out, for validation and tests."""
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
        _check("row_bytes", self.row_bytes, lambda v: v >= 4, "4 or more")
        for name in ("learning_rate", "eps", "clip"):
            _check(name, getattr(self, name), lambda v: v > 0, "above 0")
        _check("alpha", self.alpha, lambda v: min(_each(v), default=0) >= 0, "0 or more each")
        for name in ("warmup_bytes", "weight_decay", "checkpoint_minutes", "chunk_budget", "explode"):
            _check(name, getattr(self, name), lambda v: v >= 0, "0 or more")
        for name in ("warmup", "decay", "reverse_complement"):
            _check(name, getattr(self, name), lambda v: 0 <= v <= 1, "from 0 to 1")
        _check("warmup + decay", self.warmup + self.decay, lambda v: v <= 1, "1 at most")
        _check(
            "betas", self.betas, lambda v: len(v) == 2 and all(0 <= b < 1 for b in v), "two from 0 to below 1"
        )
        _check("target", self.target, lambda v: all(n > 1 for n in v), "above 1 position a chunk each")
        _check("lr_multipliers", self.lr_multipliers, lambda v: not v or min(v) > 0, "above 0 each")

    @property
    def warmup_share(self) -> float:
        """Share of the training in which the learning rate rises, `warmup_bytes` heeded."""
        return min(self.warmup, self.warmup_bytes / self.bytes) if self.warmup_bytes else self.warmup


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model to build and how to train it."""

    name: str
    domain: str
    model: HNetConfig
    training: TrainingOptions
    title: str = ""
    """How the page names the model."""
    licence: str = ""
    """Licence of the data, for model.json."""
    tokenizer: str = "bytes"
    """What the model reads: bytes, or bpe tokens (vocab_size of them, learned from the data of the training)."""

    def __post_init__(self) -> None:
        self._check_tokenizer()
        if self.domain not in DOMAINS:
            raise ConfigError(f"domain={self.domain!r} must be one of {', '.join(DOMAINS)}")
        stages, options = self.model.n_stages, self.training
        if len(options.target) != stages:
            raise ConfigError(
                f"target={list(options.target)} must have {stages} entries, one a routing stage"
            )
        if options.lr_multipliers is not None and len(options.lr_multipliers) != stages + 1:
            raise ConfigError(
                f"lr_multipliers={list(options.lr_multipliers)} must have {stages + 1} entries, "
                "one a routing stage and one for the innermost network"
            )
        if isinstance(options.alpha, tuple) and len(options.alpha) != stages:
            raise ConfigError(
                f"alpha={list(options.alpha)} must be one number or have {stages} entries, one a routing stage"
            )
        if options.chunk_budget and options.chunk_budget < stages * options.row_bytes:
            raise ConfigError(
                f"chunk_budget={options.chunk_budget} must be 0 or at least {stages * options.row_bytes}, what one row "
                f"of row_bytes={options.row_bytes} may have in the {stages} inner stages"
            )
        if self.domain != "dna" and (options.include or options.exclude or options.reverse_complement):
            raise ConfigError(
                f"include, exclude and reverse_complement are for domain 'dna', not {self.domain!r}; remove them"
            )

    def _check_tokenizer(self) -> None:
        if self.tokenizer not in TOKENIZERS:
            raise ConfigError(f"tokenizer={self.tokenizer!r} must be one of {', '.join(TOKENIZERS)}")
        if self.tokenizer == "bytes":
            return
        if self.domain == "dna" or self.model.n_stages:
            raise ConfigError(
                f"tokenizer={self.tokenizer!r} is for models of text without a router; "
                "set domain to a text and arch_layout to one network, or tokenizer to 'bytes'"
            )
        if self.model.vocab_size <= VOCAB_SIZE:
            raise ConfigError(
                f"model.vocab_size={self.model.vocab_size} has no token beside the bytes; give more than {VOCAB_SIZE}"
            )

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Recipe":
        """Build from parsed JSON; unknown keys raise ConfigError with the nearest known one."""
        names = [f.name for f in fields(cls)]
        _check_known(raw, names, "recipe")
        missing = [n for n in ("name", "domain", "model", "training") if n not in raw]
        if missing:
            raise ConfigError(f"recipe lacks {', '.join(missing)}; it needs name, domain, model and training")
        options = raw["training"]
        _check_known(options, [f.name for f in fields(TrainingOptions)], "training")
        converted = {key: _convert(key, value) for key, value in options.items()}
        return cls(
            **{k: str(v) for k, v in raw.items() if k not in ("model", "training")},
            model=HNetConfig.from_dict(raw["model"]),
            training=TrainingOptions(**converted),
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, every option written out."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("model", "training")}
        options = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self.training).items()}
        return {**plain, "model": self.model.to_dict(), "training": options}

    def with_options(self, **changes: Any) -> "Recipe":
        return replace(self, training=replace(self.training, **changes))


def read_recipe(path: str | Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe file and apply `--set key=value` settings to it.

    A bare key is a training option; model.KEY, model.ssm_cfg.KEY ... reach the rest. Values are JSON, or text.
    """
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfigError(f"{path}: cannot be read ({err.strerror})") from err
    except ValueError as err:
        raise ConfigError(f"{path}: is not JSON ({err})") from err
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: must hold an object with name, domain, model and training")
    for setting in settings:
        _apply(raw, setting)
    try:
        return Recipe.from_dict(raw)
    except ConfigError as err:
        raise ConfigError(f"{path}: {err}") from err


def _apply(raw: dict, setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {setting!r}: must be key=value, such as learning_rate=0.002")
    path = key.split(".")
    if len(path) == 1 and key not in {f.name for f in fields(Recipe)}:
        path = ["training", key]
    node = raw
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise ConfigError(f"--set {setting!r}: {part} holds no settings")
    try:
        node[path[-1]] = json.loads(text)
    except ValueError:
        node[path[-1]] = text


def _check_known(raw: Any, names: list[str], where: str) -> None:
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where} must be an object of settings, got {raw!r}")
    for key in raw:
        if key not in names:
            near = get_close_matches(str(key), names, n=1, cutoff=0)[0]
            raise ConfigError(
                f"{where}: unknown key {key!r}; did you mean {near!r}? (known: {', '.join(names)})"
            )


_KINDS = {f.name: f.type for f in fields(TrainingOptions)}


def _convert(key: str, value: Any) -> Any:
    """A JSON value as the type its option declares: whole number, number, or list of one kind."""
    kind, number = _KINDS[key], isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int and number and float(value).is_integer():
        return int(value)
    if kind in (float, float | tuple[float, ...]) and number:
        return float(value)
    if (kind is str and isinstance(value, str)) or (kind is bool and isinstance(value, bool)):
        return value
    if value is None and key == "lr_multipliers":
        return None
    if kind not in (int, float, str, bool) and isinstance(value, list | tuple):
        member = str if kind == tuple[str, ...] else int | float
        if all(isinstance(v, member) and not isinstance(v, bool) for v in value):
            return tuple(value)
    wanted = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        tuple[str, ...]: "a list of names",
    }
    raise ConfigError(f"training: {key}={value!r} must be {wanted.get(kind, 'a list of numbers')}")


def _check(name: str, value: Any, allowed, words: str) -> None:
    if not allowed(value):
        raise ConfigError(f"training: {name}={value!r} must be {words}")


def _each(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)
