"""The six published configurations build, without memory, with the published names, shapes and dtypes."""

import json
import sys

import pytest
import torch

from hnet_core.checkpoint import empty_model
from hnet_core.config import HNetConfig
from hnet_core.convert import CONFIGS

NAMES = [
    "hnet_1stage_L",
    "hnet_1stage_XL",
    "hnet_2stage_L",
    "hnet_2stage_XL",
    "hnet_2stage_XL_chinese",
    "hnet_2stage_XL_code",
]


@pytest.fixture(scope="module")
def published(golden) -> dict:
    return json.loads((golden / "official_param_shapes.json").read_text(encoding="utf-8"))


def test_there_is_a_file_for_each_published_configuration(published):
    assert sorted(path.stem for path in CONFIGS.glob("*.json")) == sorted(published) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_file_holds_the_published_values_and_survives_a_round_trip(name, published):
    path = CONFIGS / f"{name}.json"
    assert json.loads(path.read_text(encoding="utf-8")) == published[name]["config"]
    assert HNetConfig.from_file(path).to_dict() == published[name]["config"]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_the_published_ones(name, published):
    model = empty_model(HNetConfig.from_file(CONFIGS / f"{name}.json")).set_dtype(torch.bfloat16)
    built = {n: [list(t.shape), str(t.dtype).removeprefix("torch.")] for n, t in model.state_dict().items()}
    assert built == published[name]["params"]
    assert sum(p.numel() for p in model.parameters()) == published[name]["total_params"]
    assert all(p.is_meta for p in model.parameters())


def test_boundaries_of_the_largest_two_stage_shape_need_a_fourteenth_of_it(published):
    """Embeddings, two encoders, two routers and the widening vector; no decoder, no main network."""
    model = empty_model(HNetConfig.from_file(CONFIGS / "hnet_2stage_XL.json"))
    sizes = {n: p.numel() for n, p in model.named_parameters()}
    needed = sum(sizes[n] for n in model.boundary_parameters())
    assert needed < published["hnet_2stage_XL"]["total_params"] / 13
    assert not [n for n in model.boundary_parameters() if "decoder" in n or "residual_proj" in n]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory that Linux keeps")
def test_building_takes_no_memory():
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    empty_model(HNetConfig.from_file(CONFIGS / "hnet_2stage_XL_chinese.json"))
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    )  # kB; the model has 1.7 G weights
