"""Model folders: config.json, model.safetensors, model.json. Found by name or path, checked, read and written."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hnet_core.config import HNetConfig
from hnet_core.errors import CheckpointError
from hnet_core.exchange import put_in_place
from hnet_core.model import HNetForCausalLM
from hnet_core.model_info import INFO, TOKENIZER, read_info

BUNDLED_MODELS = Path(__file__).resolve().parent.parent / "assets" / "models"
MODELS_ENVIRONMENT = "HNET_MODELS"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""What a model can be loaded to run in, by the name that commands take."""
OUTPUT_HEAD, EMBEDDINGS = "lm_head.weight", "embeddings.weight"
_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class LoadedModel:
    """A whole model, ready to run. info: the content of model.json."""

    model: HNetForCausalLM
    config: HNetConfig
    info: dict[str, Any]
    folder: Path
    name: str


def models_folder(models_dir: str | Path | None = None) -> Path:
    """Where models are looked up by name: the argument, else HNET_MODELS, else the bundled ones."""
    return Path(models_dir or os.environ.get(MODELS_ENVIRONMENT) or BUNDLED_MODELS)


def model_names(models_dir: str | Path | None = None) -> list[str]:
    """Names of all model folders there, sorted."""
    names = (path.parent.name for path in models_folder(models_dir).glob(f"*/{CONFIG}"))
    return sorted(name for name in names if not name.startswith("."))  # those are being written


def model_folder(name_or_path: str | Path, models_dir: str | Path | None = None) -> Path:
    """The folder of a model given by its name or by a path to it."""
    for folder in (models_folder(models_dir) / str(name_or_path), Path(name_or_path)):
        if os.path.isfile(folder / CONFIG):  # False, too, for a name that no file can have
            return folder
    known = model_names(models_dir)
    near = get_close_matches(str(name_or_path), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise CheckpointError(
        f"no model named {str(name_or_path)!r}: {hint}"
        f"there are {', '.join(known) or 'none'} in {models_folder(models_dir)}; or give the path of a model folder"
    )


def load_model(
    name_or_path: str | Path,
    device: str | torch.device = "cpu",
    models_dir: str | Path | None = None,
    *,
    tokens: bool = False,
    dtype: torch.dtype = torch.float32,
) -> LoadedModel:
    """Read a whole model, to run in `dtype`. Raises CheckpointError for a folder that holds boundary weights only, and
    for one that reads tokens unless the caller can give them (`tokens`).

    dtype  float32 or bfloat16, whatever the file holds: bfloat16 takes half the memory, and is what a GPU is fast in;
           D and residual_proj are float32 all the same, and so is p
    """
    if dtype not in DTYPES.values():
        raise ValueError(f"dtype must be one of {', '.join(map(str, DTYPES.values()))}, got {dtype}")
    folder = model_folder(name_or_path, models_dir)
    if not tokens and (folder / TOKENIZER).exists():
        raise CheckpointError(
            f"{folder}: reads BPE tokens, not bytes, and so can only be scored (python -m hnet_core.evaluate); "
            "use a model of bytes"
        )
    config = HNetConfig.from_file(folder / CONFIG)
    model = empty_model(config)
    weights = folder / WEIGHTS
    needed = [n for n in model.state_dict() if not (config.tie_embeddings and n == OUTPUT_HEAD)]
    stored = stored_names(weights)
    if config.n_stages and not set(needed) <= stored and set(model.boundary_parameters()) <= stored:
        raise CheckpointError(
            f"{folder}: holds the boundary weights only (encoders and routers), which cannot give logits; "
            "use a model with whole weights"
        )
    fill(model, read_tensors(weights, needed, model), device, dtype)
    return LoadedModel(model.eval(), config, read_info(folder), folder, folder.name)


def empty_model(config: HNetConfig) -> HNetForCausalLM:
    """The model's shapes without memory (meta device)."""
    with torch.device("meta"):
        return HNetForCausalLM(config)


def stored_names(path: Path) -> set[str]:
    """Names of all tensors in a safetensors file."""
    with _opened(path) as file:
        return set(file.keys())


def read_tensors(path: Path, names: Iterable[str], model: HNetForCausalLM) -> dict[str, Tensor]:
    """Read the named tensors, and only them, after checking them against the shapes of `model`.

    Nothing is allocated before every shape is checked, so a file and a configuration that contradict each
    other, or a configuration that asks for billions of parameters, end in CheckpointError at no cost.
    Numbers that are none (NaN, infinity) are refused: their model would answer, with one chunk.
    """
    shapes = {n: tuple(t.shape) for n, t in model.state_dict().items()}
    with _opened(path) as file:
        stored = set(file.keys())
        for name in names:
            if name not in stored:
                raise CheckpointError(
                    f"{path}: lacks {name}, which {CONFIG} asks for; check that the two belong together"
                )
            shape = tuple(file.get_slice(name).get_shape())
            if shape != shapes[name]:
                raise CheckpointError(
                    f"{path}: {name} is {shape}, but {shapes[name]} by {CONFIG}; check that the two belong together"
                )
        unknown = stored - set(shapes)
        if unknown:
            raise CheckpointError(f"{path}: holds {min(unknown)}, which {CONFIG} has no place for")
        tensors = {name: file.get_tensor(name) for name in names}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise CheckpointError(
                f"{path}: {name} is of {tensor.dtype}, not of real numbers; save it as float32 or bfloat16"
            )
        check_finite(path, name, tensor.to(torch.float32))
    return tensors


def check_finite(where: str | Path, name: str, tensor: Tensor) -> None:
    """CheckpointError where a number of the tensor is none."""
    if not bool(tensor.isfinite().all()):
        raise CheckpointError(
            f"{where}: {name} holds NaN or infinity: the weights are damaged, or their training diverged; use an "
            "earlier checkpoint"
        )


def fill(
    model: HNetForCausalLM,
    tensors: dict[str, Tensor],
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> None:
    """Put tensors, in `dtype` but for those that stay float32, in the place of a model's empty parameters."""
    dtypes = stored_dtypes(model, dtype)
    tensors = {name: tensor.to(device, dtypes[name]) for name, tensor in tensors.items()}
    model.load_state_dict(tensors, strict=False, assign=True)
    if model.config.tie_embeddings:
        model.lm_head.weight = model.embeddings.weight


def save_model(
    folder: str | Path, model: HNetForCausalLM, info: dict[str, Any], dtype: torch.dtype = torch.float32
) -> None:
    """Write a whole model folder; it appears complete or not at all."""
    tensors = {n: t.detach() for n, t in model.state_dict().items()}
    if model.config.tie_embeddings:
        del tensors[OUTPUT_HEAD]
    write_folder(folder, model.config, tensors, info, dtype)


def write_folder(
    folder: str | Path,
    config: HNetConfig,
    tensors: Mapping[str, Tensor],
    info: dict[str, Any],
    dtype: torch.dtype,
    beside: Mapping[str, Path | None] | None = None,
) -> None:
    """Write config.json, model.safetensors and model.json into a new folder, which then takes the place of `folder`.

    beside  name -> a file to copy there, None for one that must not be there
    Other files that an existing folder holds (training.csv) are kept. Until the new folder is complete the old one
    stays as it is.
    """
    folder, beside = Path(folder).resolve(), beside or {}
    made = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(made, ignore_errors=True)
    try:
        if folder.exists():
            anew = {CONFIG, WEIGHTS, INFO, *beside}
            shutil.copytree(
                folder, made, symlinks=True, ignore=lambda at, _: anew if Path(at) == folder else set()
            )
        else:
            made.mkdir()
        try:
            _save_tensors(tensors, stored_dtypes(empty_model(config), dtype), made / WEIGHTS)
        except SafetensorError as err:
            raise OSError(f"{folder / WEIGHTS}: cannot be written ({err})") from err
        (made / CONFIG).write_text(json.dumps(config.to_dict(), indent=1) + "\n", encoding="utf-8")
        (made / INFO).write_text(json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for name, source in beside.items():
            if source:
                shutil.copyfile(source, made / name)
        put_in_place(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _save_tensors(tensors: Mapping[str, Tensor], dtypes: Mapping[str, torch.dtype], path: Path) -> None:
    stored, seen = {}, set()
    for name, tensor in tensors.items():
        tensor = tensor.to("cpu", dtypes[name]).contiguous()
        memory = tensor.untyped_storage().data_ptr()
        # The format stores no tensor twice: what shares memory with another (a head tied by hand) gets its own.
        stored[name] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    save_file(stored, path, metadata={"format": "pt"})
    # safetensors makes files that only their owner may read.
    path.chmod(0o644)


def stored_dtypes(model: HNetForCausalLM, dtype: torch.dtype) -> dict[str, torch.dtype]:
    """Parameter name -> the dtype in which it is stored in a model of `dtype`."""
    wide = model.float32_parameters()
    return {name: torch.float32 if name in wide else dtype for name in model.state_dict()}


def refuse_pointer(path: Path) -> None:
    """CheckpointError for what Git puts in the place of a large file that was not fetched."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_POINTER))
    except OSError:
        return
    if start == _POINTER:
        raise CheckpointError(
            f"{path}: is a Git LFS pointer, not the weights; fetch them (git lfs pull), or download the file itself"
        )


class _opened:
    """safe_open with every failure as a CheckpointError that names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self):
        if self.path.exists() and not self.path.is_file():  # a pipe would be waited for
            raise CheckpointError(f"{self.path}: is no file; put the weights there")
        try:
            self.file = safe_open(self.path, framework="pt", device="cpu")
            return self.file.__enter__()
        except (OSError, SafetensorError) as err:
            refuse_pointer(self.path)
            raise CheckpointError(
                f"{self.path}: cannot be read as safetensors ({err}); fetch it again, or convert its checkpoint again"
            ) from err

    def __exit__(self, *exc) -> None:
        self.file.__exit__(*exc)
