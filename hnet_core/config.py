"""Model configuration, with the field names of the published H-Net configuration files."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hnet_core.errors import ConfigError

MAMBA_HEAD_DIM = 64
"""Head width of every Mamba-2 layer in the published models."""
MAX_BLOCKS = 512
MAX_LEVELS = 16
MAX_WIDTH = 16384
"""Channels that the norms' CUDA kernel takes; a Mamba-2 layer norms expand times the width."""
CONV_WIDTH = 4
"""The one width of the convolution kernels."""
MAX_STATE = 128
"""State width that the scan's CUDA kernel takes: what trains on a CPU must run on a GPU as well."""
HEAD_MULTIPLE = 8
"""Attention heads are a multiple of this wide: the fused attention of GPUs takes no others."""
ROUTER_NAMES = ("cosine", "cosine_random", "linear", "dense_linear", "fixed_stride", "space_like")
"""What may decide where chunks start; the classes are hnet_core.routing.ROUTERS."""
UNTRAINED_ROUTERS = ("fixed_stride", "space_like")
"""Those that follow a rule and have no weights."""
_RUN = re.compile(r"([mMtT])(\d+)")


@dataclass(frozen=True, kw_only=True)
class SSMConfig:
    """Mamba-2 layers: state width N, convolution width, expansion of the model width."""

    d_state: int = 128
    d_conv: int = 4
    expand: int = 2
    chunk_size: int = 256
    """Block length of the published chunked scan. Kept for their files; our kernels choose their own."""

    def __post_init__(self) -> None:
        for name in ("d_state", "d_conv", "expand", "chunk_size"):
            _check_size("ssm_cfg." + name, getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class AttnConfig:
    """Attention layers, one entry a stage, outermost first."""

    num_heads: tuple[int, ...] = ()
    rotary_emb_dim: tuple[int, ...] = ()
    """Channels of each head that are rotated."""
    window_size: tuple[int, ...] = ()
    """Earlier positions a query sees besides its own; -1 is unlimited."""


@dataclass(frozen=True, kw_only=True)
class ChunkingConfig:
    """How every stage cuts its positions into chunks and spreads them again. The defaults are the published H-Net;
    the rest are the ablations and baselines of arXiv 2507.07955, section 3.3."""

    router: str = "cosine"
    """One of ROUTER_NAMES."""
    stride: int | None = None
    """Positions a chunk of the router fixed_stride, which alone takes it."""
    smoothing: bool = True
    """False: every position gets its own chunk's output as it is, without the running average."""
    early_smoothing: bool = False
    """True: what the inner network gets of a position is the running average x[t] = p h[t] + (1 - p) x[t-1] of the
    encoder's outputs h, taken before chunks are selected (after arXiv 2601.22805). For routers that learn."""
    straight_through: bool = True
    """False: outputs are multiplied by the confidence itself, not by 1 with the gradient of the confidence."""

    def __post_init__(self) -> None:
        if self.router not in ROUTER_NAMES:
            near = get_close_matches(str(self.router), ROUTER_NAMES, n=1, cutoff=0)[0]
            raise ConfigError(
                f"chunking.router={self.router!r} must be one of {', '.join(ROUTER_NAMES)}; did you mean {near!r}?"
            )
        for name in ("smoothing", "early_smoothing", "straight_through"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"chunking.{name}={getattr(self, name)!r} must be true or false")
        if self.early_smoothing and self.router in UNTRAINED_ROUTERS:
            raise ConfigError(
                f"chunking.early_smoothing is for routers that learn, not {self.router!r}, whose p is 0 or 1; remove it"
            )
        if self.router == "fixed_stride":
            _check_size("chunking.stride", self.stride, low=2)
        elif self.stride is not None:
            raise ConfigError(
                f"chunking.stride={self.stride!r} is for router 'fixed_stride', not {self.router!r}; remove it"
            )

    def to_dict(self) -> dict[str, Any]:
        """What differs from the published H-Net."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


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
    chunking: ChunkingConfig = field(default_factory=ChunkingConfig)

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
        _check_size("vocab_size", self.vocab_size, low=256)
        for stage in range(depth):
            self._check_stage(stage)

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
            values["chunking"] = ChunkingConfig(**_known(values["chunking"], ChunkingConfig, "chunking"))
        values["arch_layout"] = _freeze(values["arch_layout"])
        for name in ("d_model", "d_intermediate"):
            values[name] = _int_tuple(name, values[name])
        return cls(**values)

    @classmethod
    def from_file(cls, path: str | Path) -> "HNetConfig":
        """Read a config.json."""
        try:
            raw = json.loads(Path(path).read_bytes())  # bytes may begin with a byte order mark
        except OSError as err:
            raise ConfigError(f"{path}: cannot be read ({err.strerror})") from err
        except (ValueError, RecursionError) as err:
            raise ConfigError(f"{path}: is not JSON ({err})") from err
        if not isinstance(raw, dict):
            raise ConfigError(f"{path}: holds a {type(raw).__name__}, must hold an object of settings")
        return cls.from_dict(raw)

    def to_dict(self) -> dict[str, Any]:
        """The published JSON form; `chunking` is there only where it is not the published one."""
        chunking = self.chunking.to_dict()
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

    def _check_stage(self, stage: int) -> None:
        width, attn = self.d_model[stage], self.attn_cfg
        _check_size(f"d_model[{stage}]", width)
        _check_size(f"d_intermediate[{stage}]", self.d_intermediate[stage], low=0)
        if stage and width < self.d_model[stage - 1]:
            raise ConfigError(
                f"d_model[{stage}]={width} is narrower than the stage around it ({self.d_model[stage - 1]}); "
                "widths may only stay or grow inwards"
            )
        kinds = {kind for text in self.layouts[stage] for kind, _ in parse_layout(text)}
        if kinds & set("mM"):
            _check_mamba(stage, width, self.ssm_cfg)
        if kinds & set("MT") and not self.d_intermediate[stage]:
            raise ConfigError(f"stage {stage} has M or T blocks, so d_intermediate[{stage}] must not be 0")
        if kinds & set("tT"):
            _check_attention(stage, width, attn.num_heads[stage], attn.rotary_emb_dim[stage])
            if attn.window_size[stage] < -1:
                raise ConfigError(
                    f"attn_cfg.window_size[{stage}]={attn.window_size[stage]} must be -1 or more"
                )


def parse_layout(text: str) -> tuple[tuple[str, int], ...]:
    """'T1m4' -> (('T', 1), ('m', 4)): block kinds and how many of each, in order."""
    runs = tuple((kind, int(n)) for kind, n in _RUN.findall(text)) if isinstance(text, str) else ()
    if not runs or "".join(f"{k}{n}" for k, n in runs) != text or any(n < 1 for _, n in runs):
        raise ConfigError(
            f"layout {text!r} must be runs such as 'm4' or 'T1m4' of the block kinds m, M, t, T"
        )
    if sum(n for _, n in runs) > MAX_BLOCKS:
        raise ConfigError(f"layout {text!r} asks for more than {MAX_BLOCKS} blocks in one network")
    return runs


def _check_mamba(stage: int, width: int, ssm: SSMConfig) -> None:
    inner = ssm.expand * width
    if inner % MAMBA_HEAD_DIM or inner > MAX_WIDTH:
        raise ConfigError(
            f"d_model[{stage}]={width} times expand={ssm.expand} must be a multiple of {MAMBA_HEAD_DIM}, at most "
            f"{MAX_WIDTH}"
        )
    if ssm.d_conv != CONV_WIDTH:
        raise ConfigError(
            f"ssm_cfg.d_conv={ssm.d_conv} must be {CONV_WIDTH}, the width of the convolution kernels"
        )
    if ssm.d_state > MAX_STATE:
        raise ConfigError(
            f"ssm_cfg.d_state={ssm.d_state} must be from 1 to {MAX_STATE}: a wider state has no kernel on a GPU"
        )


def _check_attention(stage: int, width: int, heads: int, rotary: int) -> None:
    if heads < 1 or width % heads:
        raise ConfigError(f"attn_cfg.num_heads[{stage}]={heads} must divide d_model[{stage}]={width}")
    if (width // heads) % HEAD_MULTIPLE:
        fitting = [str(n) for n in range(1, width + 1) if width % (n * HEAD_MULTIPLE) == 0]
        allowed = f"num_heads may be {', '.join(fitting)}" if fitting else "d_model must be one, too"
        raise ConfigError(
            f"attn_cfg.num_heads[{stage}]={heads} makes heads {width // heads} wide at d_model[{stage}]={width}; heads "
            f"must be a multiple of {HEAD_MULTIPLE} wide, so {allowed}"
        )
    if rotary < 0 or rotary % 2 or rotary > width // heads:
        raise ConfigError(
            f"attn_cfg.rotary_emb_dim[{stage}]={rotary} must be even and at most the head width {width // heads}"
        )


def _check_size(name: str, value: Any, low: int = 1) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= MAX_WIDTH:
        raise ConfigError(f"{name}={value!r} must be a whole number from {low} to {MAX_WIDTH}")


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
