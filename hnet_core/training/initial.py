"""The weights that a training begins with, from a model folder or a published checkpoint."""

from pathlib import Path

from torch import Tensor

from hnet_core.checkpoint import CONFIG, empty_model, load_model, model_folder
from hnet_core.config import HNetConfig
from hnet_core.errors import InputError
from hnet_core.published import SUFFIXES, read_state_dict, select


def check_architecture(source: str, config: HNetConfig, recipe: str) -> None:
    """Raise InputError unless the model folder `source` has the architecture of the recipe. A checkpoint file is
    compared when it is read, by the names and shapes of its weights."""
    if _is_checkpoint(source):
        if not Path(source).is_file():
            raise InputError(f"--init {source}: there is no such file; give a model or a checkpoint file")
        return
    there = HNetConfig.from_file(model_folder(source) / CONFIG).to_dict()
    wanted = config.to_dict()
    differing = [key for key in sorted(there.keys() | wanted.keys()) if there.get(key) != wanted.get(key)]
    if differing:
        raise InputError(
            f"--init {source}: has another architecture than the recipe {recipe} ({', '.join(differing)}); "
            f"give the recipe the model of its {CONFIG}, or another --init"
        )


def initial_weights(source: str, config: HNetConfig, recipe: str) -> dict[str, Tensor]:
    """All weights by name. source: name or folder of a model, or a .safetensors, .pt, .pth or .bin file."""
    if _is_checkpoint(source):
        return select(read_state_dict(Path(source)), empty_model(config), source, Path(recipe), False)
    check_architecture(source, config, recipe)
    return dict(load_model(source).model.named_parameters())


def _is_checkpoint(source: str) -> bool:
    path = Path(source)
    return path.suffix in SUFFIXES and not path.is_dir()
