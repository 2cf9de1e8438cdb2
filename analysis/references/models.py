"""Whatever cuts, by name: a trained model, one before its training, or a reference segmenter."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.boundaries.extract import BoundaryModel
from analysis.boundaries.thresholds import check_thresholds
from analysis.files.provenance import file_hash
from analysis.references.names import is_reference, segmenter
from hnet_core.errors import InputError

if TYPE_CHECKING:
    from hnet_core.checkpoint import LoadedModel


def load_model(name: str, models_dir: str | None, matmul_precision: str = "fp32") -> BoundaryModel:
    """A model by name or folder, or a reference segmenter ("ref:words").

    hnet_core is imported here because torch takes seconds that --help should not.
    """
    if is_reference(name):
        return segmenter(name)
    from hnet_core.boundaries import load_boundary_model
    from hnet_core.checkpoint import WEIGHTS, model_folder

    model = load_boundary_model(name, models_dir=models_dir, matmul_precision=matmul_precision)
    model.info["weights_sha256"] = file_hash(model_folder(name, models_dir) / WEIGHTS)
    return model


def load_whole_model(name: str, models_dir: str | None) -> "LoadedModel":
    """A model that can predict bytes; CheckpointError for one with boundary weights only."""
    from hnet_core.checkpoint import load_model

    return load_model(name, models_dir=models_dir)


def untrained_model(name: str, models_dir: str | None, seed: int) -> BoundaryModel:
    """A model of the same architecture with the weights it would start its training from."""
    from hnet_core.boundaries import BoundaryModel as Boundaries
    from hnet_core.checkpoint import CONFIG, model_folder
    from hnet_core.config import HNetConfig
    from hnet_core.model import HNetForCausalLM

    config = HNetConfig.from_file(model_folder(name, models_dir) / CONFIG)
    model = HNetForCausalLM(config).init_weights(seed).eval()
    return Boundaries(model, {"name": f"untrained {name}"})


def labels_of(given: Sequence[str], models: Sequence[BoundaryModel]) -> list[str]:
    """What tables call the models: their names; as given on the command line where names are the same."""
    names = [model.name for model in models]
    return names if len(set(names)) == len(names) else list(given)


def load_models(
    names: Sequence[str],
    models_dir: str | None,
    matmul_precision: str = "fp32",
    saved: Mapping[str, BoundaryModel] | None = None,
    thresholds: Sequence[float | None] = (),
) -> dict[str, BoundaryModel]:
    """label -> model, those of saved runs behind the others; InputError where one is given twice.

    thresholds  as parse_thresholds gives them; none: every model cuts by its trained rule
    """
    repeated = [name for name, n in Counter(names).items() if n > 1]
    if repeated:
        raise InputError(f"--model {repeated[0]} is given twice; name each model once")
    models = [load_model(name, models_dir, matmul_precision) for name in names]
    given, models = [*names, *(saved or {})], [*models, *(saved or {}).values()]
    if not models:
        raise InputError("there is no model; give --model NAME, or --run DIR/NAME of a saved run")
    check_thresholds(thresholds, models)
    cutting = [model.cutting_at(thresholds) for model in models] if thresholds else models
    return dict(zip(labels_of(given, models), cutting, strict=True))
