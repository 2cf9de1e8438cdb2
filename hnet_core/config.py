"""Model configuration, with the field names of the published H-Net configuration files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from hnet_core.blocks.block import check_layout
from hnet_core.blocks.layout import parse_layout
from hnet_core.errors import ConfigError
from hnet_core.json_text import parsed
from hnet_core.merging import MERGES
from hnet_core.routers import ROUTERS
from hnet_core.stage_config import AttentionConfig, ChunkingConfig, SSMConfig, StageConfig, check_size

MAX_LEVELS = 16


@dataclass(frozen=True, kw_only=True)
class AttnConfig:
    """AttentionConfig of every stage: one entry a stage, outermost first."""

    num_heads: tuple[int, ...] = ()
    rotary_emb_dim: tuple[int, ...] = ()
    window_size: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HNetConfig:
    """One H-Net. `arch_layout` nests [encoder, [inner ...], decoder]; the innermost list holds one network."""

    arch_layout: tuple
    d_model: tuple[int, ...]
    d_intermediate: tuple[int, ...]
    vocab_size: int = 256
    ssm_cfg: SSMConfig = field(default_factory=SSMConfig)
    attn_cfg: AttnConfig = field(default_factory=AttnConfig)
    tie_embeddings: bool = False
    chunking: ChunkingConfig | tuple[ChunkingConfig, ...] = field(default_factory=ChunkingConfig)
    """Of all stages, or one a routing stage, outermost first."""

    def __post_init__(self) -> None:
        depth = len(self.layouts)
        per_stage = {
            "d_model": self.d_model,
            "d_intermediate": self.d_intermediate,
            "attn_cfg.num_heads": self.attn_cfg.num_heads,
            "attn_cfg.rotary_emb_dim": self.attn_cfg.rotary_emb_dim,
            "attn_cfg.window_size": self.attn_cfg.window_size,
        }
        for name, values in per_stage.items():
            if len(values) != depth:
                raise ConfigError(
                    f"{name} has {len(values)} entries, but arch_layout nests {depth} levels; give one a level"
                )
        check_size("vocab_size", self.vocab_size, low=256)
        for where, chunking in self._chunkings():
            _check_chunking(chunking, where)
        for stage in self.stages:
            _check_stage(stage)

    @property
    def n_stages(self) -> int:
        """Stages with a router; 0 is an isotropic model."""
        return len(self.layouts) - 1

    @property
    def layouts(self) -> tuple[tuple[str, ...], ...]:
        """(encoder, decoder) of each routing stage, outermost first, then (network,) of the innermost."""
        levels, node = [], self.arch_layout
        while isinstance(node, tuple) and len(node) == 3:
            levels.append((node[0], node[2]))
            node = node[1]
            if len(levels) >= MAX_LEVELS:
                raise ConfigError(f"arch_layout nests {MAX_LEVELS} levels or more; give fewer")
        if not isinstance(node, tuple) or len(node) != 1:
            raise ConfigError(
                f"arch_layout {self.arch_layout!r} must nest [encoder, [inner], decoder] around one [network]"
            )
        levels.append((node[0],))
        for text in (text for level in levels for text in level):
            parse_layout(text)
        return tuple(levels)

    @cached_property
    def stages(self) -> tuple[StageConfig, ...]:
        """What each stage is made of, outermost first; the last one is the innermost network."""
        chunkings = [chunking for _, chunking in self._chunkings()]
        if not isinstance(self.chunking, tuple):
            chunkings *= self.n_stages
        return tuple(
            StageConfig(
                index=i,
                width=self.d_model[i],
                outer_width=self.d_model[max(i - 1, 0)],
                d_intermediate=self.d_intermediate[i],
                layouts=layouts,
                ssm=self.ssm_cfg,
                attention=AttentionConfig(
                    **{f.name: getattr(self.attn_cfg, f.name)[i] for f in fields(AttnConfig)}
                ),
                chunking=chunkings[i] if i < self.n_stages else None,
            )
            for i, layouts in enumerate(self.layouts)
        )

    def _chunkings(self) -> list[tuple[str, ChunkingConfig]]:
        """Each that is given, and how it is called in a file."""
        if not isinstance(self.chunking, tuple):
            return [("chunking", self.chunking)]
        if len(self.chunking) != self.n_stages:
            raise ConfigError(
                f"chunking has {len(self.chunking)} entries, but arch_layout nests {self.n_stages} routing stages; "
                "give one a routing stage, or one for all"
            )
        return [(f"chunking[{i}]", each) for i, each in enumerate(self.chunking)]

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "HNetConfig":
        """Build from parsed JSON; refuses unknown keys and names the nearest known one."""
        values = dict(_known(raw, cls, "config"))
        missing = [n for n in ("arch_layout", "d_model", "d_intermediate") if n not in values]
        if missing:
            raise ConfigError(f"config lacks {', '.join(missing)}")
        if "ssm_cfg" in values:
            values["ssm_cfg"] = SSMConfig(**_known(values["ssm_cfg"], SSMConfig, "ssm_cfg"))
        if "attn_cfg" in values:
            attn = _known(values["attn_cfg"], AttnConfig, "attn_cfg")
            values["attn_cfg"] = AttnConfig(**{k: _int_tuple(f"attn_cfg.{k}", v) for k, v in attn.items()})
        if "chunking" in values:
            values["chunking"] = _chunking(values["chunking"])
        values["arch_layout"] = _freeze(values["arch_layout"])
        for name in ("d_model", "d_intermediate"):
            values[name] = _int_tuple(name, values[name])
        return cls(**values)

    @classmethod
    def from_file(cls, path: str | Path) -> "HNetConfig":
        """Read a config.json."""
        try:
            raw = parsed(Path(path).read_bytes())  # bytes may begin with a byte order mark
        except OSError as err:
            raise ConfigError(f"{path}: cannot be read ({err.strerror}); give a config.json") from err
        except ValueError as err:
            raise ConfigError(
                f"{path}: is not JSON ({err}); correct it, or give another config.json"
            ) from err
        if not isinstance(raw, dict):
            raise ConfigError(f"{path}: holds a {type(raw).__name__}, must hold an object of settings")
        return cls.from_dict(raw)

    def to_dict(self) -> dict[str, Any]:
        """The published JSON form; `chunking` is there only where it is not the published one, one object if all stages
        have the same."""
        each = [chunking.to_dict() for _, chunking in self._chunkings()]
        differ = any(one != each[0] for one in each)
        chunking = each if differ or not each else each[0]
        return {
            "arch_layout": _thaw(self.arch_layout),
            "d_model": list(self.d_model),
            "d_intermediate": list(self.d_intermediate),
            "vocab_size": self.vocab_size,
            "ssm_cfg": {f.name: getattr(self.ssm_cfg, f.name) for f in fields(SSMConfig)},
            "attn_cfg": {f.name: list(getattr(self.attn_cfg, f.name)) for f in fields(AttnConfig)},
            "tie_embeddings": self.tie_embeddings,
            **({"chunking": chunking} if chunking else {}),
        }


def _check_stage(stage: StageConfig) -> None:
    check_size(f"d_model[{stage.index}]", stage.width)
    check_size(f"d_intermediate[{stage.index}]", stage.d_intermediate, low=0)
    if stage.width < stage.outer_width:
        raise ConfigError(
            f"d_model[{stage.index}]={stage.width} is narrower than the stage around it ({stage.outer_width}); "
            "widths may only stay or grow inwards"
        )
    for layout in stage.layouts:
        check_layout(layout, stage)


def _check_chunking(chunking: ChunkingConfig, where: str) -> None:
    _check_name(f"{where}.router", chunking.router, ROUTERS)
    _check_name(f"{where}.merge", chunking.merge, MERGES)
    router = ROUTERS[chunking.router]
    for name in ("smoothing", "early_smoothing", "straight_through"):
        if not isinstance(getattr(chunking, name), bool):
            raise ConfigError(f"{where}.{name}={getattr(chunking, name)!r} must be true or false")
    if chunking.early_smoothing and not router.LEARNS:
        raise ConfigError(
            f"{where}.early_smoothing is for routers that learn, not {chunking.router!r}, whose p is 0 or 1; remove it"
        )
    for option in {option: None for each in ROUTERS.values() for option in each.OPTIONS}:
        if option not in router.OPTIONS and getattr(chunking, option) is not None:
            takers = " or ".join(repr(name) for name, each in ROUTERS.items() if option in each.OPTIONS)
            raise ConfigError(
                f"{where}.{option}={getattr(chunking, option)!r} is for router {takers}, not {chunking.router!r}; "
                "remove it"
            )
    router.check(chunking, where)
    MERGES[chunking.merge].check(chunking, where)


def _check_name(where: str, name: Any, known: Iterable[str]) -> None:
    if name not in tuple(known):
        near = get_close_matches(str(name), known, n=1, cutoff=0)[0]
        raise ConfigError(f"{where}={name!r} must be one of {', '.join(known)}; did you mean {near!r}?")


def _chunking(raw: Any) -> ChunkingConfig | tuple[ChunkingConfig, ...]:
    if not isinstance(raw, list | tuple):
        return ChunkingConfig(**_known(raw, ChunkingConfig, "chunking"))
    given = (ChunkingConfig(**_known(each, ChunkingConfig, f"chunking[{i}]")) for i, each in enumerate(raw))
    return tuple(given)


def _known(raw: Any, cls: type, where: str) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where} must be an object of settings, got {raw!r}")
    names = [f.name for f in fields(cls)]
    for key in raw:
        if key not in names:
            near = get_close_matches(str(key), names, n=1, cutoff=0)
            raise ConfigError(
                f"{where}: unknown key {key!r}; did you mean {near[0]!r}? (known: {', '.join(names)})"
            )
    return dict(raw)


def _int_tuple(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or any(
        not isinstance(v, int) or isinstance(v, bool) for v in value
    ):
        raise ConfigError(f"{name}={value!r} must be a list of whole numbers, one a stage")
    return tuple(value)


def _freeze(node: Any) -> Any:
    return tuple(_freeze(n) for n in node) if isinstance(node, list | tuple) else node


def _thaw(node: Any) -> Any:
    return [_thaw(n) for n in node] if isinstance(node, tuple) else node
