"""Every further way to train: it takes its steps, goes on exactly after a stop, and refuses nonsense in a line."""

import pytest
import torch

from hnet_core.errors import ConfigError
from hnet_core.training import loop
from hnet_core.training.recipe import Recipe
from tests.hnet_core.training.recipes import tiny_recipe
from tests.hnet_core.training.test_loop import curve, make, stop_after, weights

ARMS = {
    "muon": {"optimizer": "muon"},
    "hinge": {"rate_loss": "hinge", "low": 3, "high": 8, "beta": 10},
    "ceiling": {"rate_loss": "hinge", "low": 4, "high": 8, "low_schedule": [[0, 1.1], [0.6, 4]]},
    "target_schedule": {"target_schedule": [[0, 2], [0.3, 3], [0.6, 4]]},
    "cab": {"cab": 0.01},
    "early_smoothing": {"chunking": {"router": "linear", "early_smoothing": True, "smoothing": False}},
    "random_cosine": {"chunking": {"router": "cosine_random"}},
    "prior": {"prior_bytes": 4000},
}


@pytest.mark.parametrize("arm", ARMS.values(), ids=ARMS)
def test_continued_equals_uninterrupted(tmp_path, arm):
    whole = make(tmp_path, bytes=5000, **arm)
    plain = make(tmp_path, bytes=5000)
    part = make(tmp_path, bytes=5000, **arm)
    plain.run()
    assert whole.run() and not part.run(stop_after(part, 4))
    again = make(tmp_path, bytes=5000, **arm)
    for name in (loop.LOG, loop.checkpoints.FILE):
        (again.out / name).write_bytes((part.out / name).read_bytes())
    again.resume(loop.checkpoints.read_progress(part.checkpoint))
    assert again.step == 4 and again.run()
    assert curve(again) == curve(whole) != curve(plain)
    for name, value in weights(whole).items():
        assert torch.equal(weights(again)[name], value), name
    assert any(not torch.equal(weights(plain)[name], value) for name, value in weights(whole).items())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate_loss": "hing"}, "rate_loss='hing' must be one of ratio, hinge"),
        ({"rate_loss": "hinge"}, "'hinge' needs low, high or both"),
        ({"low": 3}, "low, low_schedule and high are for rate_loss 'hinge'"),
        ({"low_schedule": [[0, 2]]}, "low, low_schedule and high are for rate_loss 'hinge'"),
        ({"rate_loss": "hinge", "low": 3, "low_schedule": [[0, 2]]}, "1 targets, and end at low=[3.0]"),
        ({"rate_loss": "hinge", "low": 3, "low_schedule": [[0, 1]]}, "targets above 1"),
        ({"rate_loss": "hinge", "low": 1}, "low=1.0 must be 0 (no limit) or above 1"),
        ({"rate_loss": "hinge", "low": 8, "high": 3}, "low=8 must be below high=3"),
        ({"rate_loss": "hinge", "low": [3, 3]}, "low=[3, 3] must be one number or have 1 entries"),
        ({"rate_loss": "hinge", "low": 3, "beta": -1}, "beta=-1.0 must be 0 or more"),
        (
            {"target_schedule": [[0, 2], [0.5, 3]]},
            "must have entries of a share and 1 targets, and end at target=[4]",
        ),
        (
            {"target_schedule": [[0.5, 2], [0.5, 4]]},
            "must be a list of [share, target ...], shares from 0 to 1",
        ),
        ({"target_schedule": [[0, 1], [0.5, 4]]}, "targets above 1"),
        ({"target_schedule": [[0, 2, 2], [0.5, 4]]}, "must have entries of a share and 1 targets"),
        ({"target_schedule": [2, 4]}, "must be a list of [share, target ...]"),
        ({"target_schedule": [[]]}, "must be a list of [share, target ...]"),
        ({"optimizer": "mion"}, "optimizer='mion' must be one of adamw, muon"),
        ({"muon_learning_rate": 0}, "muon_learning_rate=0.0 must be above 0"),
        ({"cab": -0.1}, "cab=-0.1 must be 0 or more"),
        ({"prior_bytes": -1}, "prior_bytes=-1 must be 0 or more"),
    ],
)
def test_nonsense_is_refused(options, words):
    with pytest.raises(ConfigError) as error:
        Recipe.from_dict(tiny_recipe(**options))
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("chunking", "options", "words"),
    [
        ({"router": "space_like"}, ARMS["cab"], "'space_like' has no weights"),
        ({"router": "fixed_stride", "stride": 4}, ARMS["hinge"], "'fixed_stride' has no weights"),
    ],
)
def test_a_router_that_learns_nothing_is_not_taught(chunking, options, words):
    raw = tiny_recipe(chunking, **options)
    with pytest.raises(ConfigError, match=words):
        Recipe.from_dict(raw)


def test_dna_has_no_spaces_to_be_drawn_to():
    with pytest.raises(ConfigError, match="prior_bytes draws to spaces and marks, of which DNA has none"):
        Recipe.from_dict(tiny_recipe(**ARMS["prior"]) | {"domain": "dna"})


def test_an_isotropic_model_has_no_router_to_hold():
    raw = tiny_recipe(target=[], **ARMS["cab"])
    raw["model"] |= {"arch_layout": ["m2"], "d_model": [32], "d_intermediate": [0]}
    raw["model"]["attn_cfg"] = {name: values[:1] for name, values in raw["model"]["attn_cfg"].items()}
    with pytest.raises(ConfigError, match="are for models with a router, and this one has none"):
        Recipe.from_dict(raw)
