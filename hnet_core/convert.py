"""python -m hnet_core.convert CHECKPOINT CONFIG.json OUT_DIR: a published checkpoint becomes a model folder.

CHECKPOINT is a .pt or .safetensors file (told apart by content), the index of one in pieces, a folder with either,
one of our own model folders, or a hub id such as cartesia-ai/hnet_2stage_L. CONFIG is a config.json or the name of a
published configuration; model folders and published hub ids bring their own.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hnet_core.checkpoint import (
    CONFIG,
    WEIGHTS,
    empty_model,
    model_folder,
    model_names,
    read_info,
    stored_dtypes,
    write_folder,
)
from hnet_core.commands import Parser, run
from hnet_core.config import HNetConfig
from hnet_core.errors import CheckpointError, ConfigError, InputError
from hnet_core.model import HNetForCausalLM
from hnet_core.model_info import TOKENIZER
from hnet_core.published import INDEX, SUFFIXES, read_state_dict, select, weights_in

CONFIGS = Path(__file__).resolve().parent / "configs"
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
BESIDE = ("training.csv", TOKENIZER)
"""What a model folder may hold besides: its curves, the tokens it reads."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Source:
    """Where the weights lie, and what came with them."""

    weights: Path
    origin: str
    config: Path | None = None
    info: dict[str, Any] = field(default_factory=dict)
    beside: dict[str, Path] = field(default_factory=dict)


def convert(
    checkpoint: str,
    config: str | None,
    out: Path,
    *,
    boundary_only: bool = False,
    dtype: torch.dtype | None = None,
    name: str | None = None,
    force: bool = False,
) -> Path:
    """Write a model folder from a checkpoint; it appears complete or not at all, and never with damaged weights.

    boundary_only  keep only what boundaries depend on: embeddings, encoders, routers
    dtype          None keeps the checkpoint's, bf16 with boundary_only; D and residual_proj stay float32
    force          replace the model in an existing folder
    Raises CheckpointError, ConfigError, InputError for a wrong input, OSError where the work failed.
    """
    _check_out(out, force)
    given = _config_path(config) if config else None
    source = locate(checkpoint)
    if out.exists() and out.samefile(source.weights.parent):
        raise InputError(f"{out}: is the checkpoint itself; choose another OUT_DIR")
    path = given or source.config
    if path is None:
        raise ConfigError(
            f"{checkpoint}: brings no configuration; give CONFIG.json or one of {_config_names()}"
        )
    settings = HNetConfig.from_file(path)
    model = empty_model(settings)
    tensors = read_state_dict(source.weights)
    tensors = select(tensors, model, source.origin, path, boundary_only)
    if dtype is None:
        dtype = torch.bfloat16 if boundary_only else _own_dtype(tensors, model)
    dtypes = stored_dtypes(model, dtype)
    for n, tensor in tensors.items():
        if not bool(tensor.to(dtypes[n]).isfinite().all()):
            raise CheckpointError(
                f"{source.origin}: {n} holds numbers too large for {dtype}; choose another --dtype"
            )
    info = _info(source, model, name or out.name, path.stem, boundary_only)
    # What an older model in OUT_DIR had of these is not of this one.
    beside = {file: source.beside.get(file) for file in BESIDE}
    write_folder(out, settings, tensors, info, dtype, beside)
    return out


def locate(checkpoint: str) -> Source:
    """Find a checkpoint: a file, a model folder by path or name, or a hub id, which is downloaded."""
    path = Path(checkpoint)
    if path.is_file():
        return Source(path, path.name)
    if (path / CONFIG).is_file() or checkpoint in model_names():
        folder = model_folder(checkpoint)
        beside = {file: folder / file for file in BESIDE if (folder / file).is_file()}
        return Source(weights_in(folder), folder.name, folder / CONFIG, read_info(folder), beside)
    if path.is_dir() and any(path.iterdir()):
        return Source(weights_in(path), path.resolve().name)
    if not path.exists() and _HUB_ID.fullmatch(checkpoint) and path.suffix not in SUFFIXES:
        return _from_hub(checkpoint)
    raise CheckpointError(
        f"{checkpoint}: is no checkpoint; give a .pt or .safetensors file, a model folder, "
        "or a hub id such as cartesia-ai/hnet_2stage_L"
    )


def _own_dtype(tensors: dict[str, Tensor], model: HNetForCausalLM) -> torch.dtype:
    wide = model.float32_parameters()
    free = {t.dtype for n, t in tensors.items() if n not in wide}
    return torch.bfloat16 if free <= {torch.bfloat16} else torch.float32


def _config_names() -> str:
    return ", ".join(sorted(path.stem for path in CONFIGS.glob("*.json")))


def _config_path(config: str) -> Path:
    for path in (Path(config), CONFIGS / f"{config}.json"):
        if path.is_file():
            return path
    raise ConfigError(f"{config}: no such configuration; give a config.json or one of {_config_names()}")


def _check_out(out: Path, force: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out}: is a file; OUT_DIR must be a folder to be made")
    if not force:
        raise InputError(f"{out}: exists; choose another OUT_DIR, or replace the model in it with --force")
    if any(out.iterdir()) and not (out / CONFIG).is_file():
        raise InputError(
            f"{out}: is no model folder, so --force does not write into it; choose another OUT_DIR"
        )


def _from_hub(repo: str) -> Source:
    # Seconds to import, and needed for nothing else.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        folder = Path(
            snapshot_download(repo, allow_patterns=["*.safetensors", "*.safetensors" + INDEX, "*.pt", CONFIG])
        )
    except (RepositoryNotFoundError, HFValidationError) as err:
        raise CheckpointError(f"{repo}: is no file here and no public model on the hub") from err
    except OSError as err:
        raise OSError(
            f"{repo}: is not in the local cache and cannot be fetched from the hub ({type(err).__name__}); "
            "connect to the network, or give the path of a downloaded file"
        ) from err
    published, own = CONFIGS / f"{repo.split('/')[1]}.json", folder / CONFIG
    return Source(weights_in(folder), repo, next((path for path in (published, own) if path.is_file()), None))


def _info(
    source: Source, model: HNetForCausalLM, name: str, config: str, boundary_only: bool
) -> dict[str, Any]:
    """model.json: what a model folder brought, or for a published checkpoint what is known of it."""
    domain = next(
        (d for d in ("chinese", "code") if config.endswith(d)), "english" if "hnet_" in config else "text"
    )
    known = {
        "title": name,
        "domain": domain,
        "n_stages": model.config.n_stages,
        "n_parameters": sum(p.numel() for p in model.parameters()),
        "bos": True,
        "note": f"Converted from {source.origin}.",
        "date": date.today().isoformat(),
    }
    weights = "boundary" if boundary_only else "whole"
    return known | source.info | {"name": name, "weights": weights}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m hnet_core.convert",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="file, model folder or hub id")
    parser.add_argument(
        "config", metavar="CONFIG", nargs="?", help=f"config.json or one of {_config_names()}"
    )
    parser.add_argument("out", metavar="OUT_DIR", type=Path, help="the model folder to make")
    parser.add_argument("--boundary-only", action="store_true", help="keep only encoders and routers (bf16)")
    parser.add_argument("--dtype", choices=DTYPES, help="number format to store (default: the checkpoint's)")
    parser.add_argument("--name", help="name in model.json (default: that of OUT_DIR)")
    parser.add_argument("--force", action="store_true", help="replace the model in an existing OUT_DIR")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    # Intermixed, so that an option may stand between CHECKPOINT and OUT_DIR.
    args = _parser().parse_intermixed_args(argv)
    dtype = DTYPES[args.dtype] if args.dtype else None
    out = convert(
        args.checkpoint,
        args.config,
        args.out,
        boundary_only=args.boundary_only,
        dtype=dtype,
        name=args.name,
        force=args.force,
    )
    size = (out / WEIGHTS).stat().st_size / 1e6
    print(f"{out}: {'boundary weights' if args.boundary_only else 'whole weights'}, {size:.1f} MB")


if __name__ == "__main__":
    sys.exit(run(main))
