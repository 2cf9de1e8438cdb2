"""A new kernel, NumPy or torch that moves a boundary of a bundled model is seen, with one thread and with two."""

import json
import os
import subprocess
import sys

import pytest

from hnet_core.checkpoint import model_names
from tests.faults.golden_boundaries import FILE, ROOT, weights_hash

HELD = json.loads(FILE.read_text(encoding="utf-8"))
MAKE_ANEW = "make it anew: PYTHONPATH=. .venv/bin/python tests/faults/golden_boundaries.py --write"


def test_every_bundled_model_is_held_with_its_present_weights():
    assert sorted(HELD) == model_names(), MAKE_ANEW
    replaced = [name for name, entry in HELD.items() if weights_hash(name) != entry["weights"]]
    assert not replaced, MAKE_ANEW


@pytest.mark.parametrize("threads", ["1", "2"])
def test_bundled_models_cut_where_they_did(threads):
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}
    call = [sys.executable, str(ROOT / "tests" / "faults" / "golden_boundaries.py")]
    done = subprocess.run(call, env=env, capture_output=True, text=True, check=True)
    for name, stages in json.loads(done.stdout).items():
        for held, now in zip(HELD[name]["stages"], stages, strict=True):
            assert now["chunks"] == held["chunks"] and now["sha256"] == held["sha256"], name
            assert abs(now["mean_prob"] - held["mean_prob"]) <= 2e-5, name
