"""What a training does: one JSON file, checked before anything is read or written."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hnet_core.config import HNetConfig
from hnet_core.data.documents import DOMAINS
from hnet_core.encoding import VOCAB_SIZE
from hnet_core.errors import ConfigError
from hnet_core.json_text import parsed
from hnet_core.routers import ROUTERS
from hnet_core.training.options import TrainingOptions, convert

TOKENIZERS = ("bytes", "bpe")
GONE = {"compile": False}
"""Training options that are no more, and what recipes of before say where they asked for nothing."""


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
        options = self.training
        options.check_stages(self.model.n_stages)
        if self.domain != "dna" and (options.include or options.exclude or options.reverse_complement):
            raise ConfigError(
                f"include, exclude and reverse_complement are for domain 'dna', not {self.domain!r}; remove them"
            )

        names = [stage.chunking.router for stage in self.model.stages if stage.chunking]
        learns = [ROUTERS[name].LEARNS for name in names]
        # cab and prior teach the outermost router alone.
        for_none = names and (
            (options.rate_loss != "ratio" and not any(learns))
            or ((options.cab or options.prior_bytes) and not learns[0])
        )
        if for_none:
            raise ConfigError(
                f"rate_loss, cab and prior_bytes train a router, and {names[0]!r} has no weights; remove them"
            )
        if self.domain == "dna" and options.prior_bytes:
            raise ConfigError("prior_bytes draws to spaces and marks, of which DNA has none; remove it")

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
        if isinstance(options, Mapping):
            options = {k: v for k, v in options.items() if k not in GONE or v != GONE[k]}
        _check_known(options, [f.name for f in fields(TrainingOptions)], "training")
        converted = {key: convert(key, value) for key, value in options.items()}
        return cls(
            **{k: str(v) for k, v in raw.items() if k not in ("model", "training")},
            model=HNetConfig.from_dict(raw["model"]),
            training=TrainingOptions(**converted),
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, every option written out."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("model", "training")}
        options = {k: _thaw(v) for k, v in asdict(self.training).items()}
        return {**plain, "model": self.model.to_dict(), "training": options}

    def with_options(self, **changes: Any) -> "Recipe":
        return replace(self, training=replace(self.training, **changes))


def read_recipe(path: str | Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe file and apply `--set key=value` settings to it.

    A bare key is a training option; model.KEY, model.ssm_cfg.KEY ... reach the rest. Values are JSON, or text.
    """
    try:
        raw = parsed(Path(path).read_bytes())  # bytes may begin with a byte order mark
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
        node[path[-1]] = parsed(text)
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


def _thaw(value: Any) -> Any:
    return [_thaw(v) for v in value] if isinstance(value, tuple) else value
