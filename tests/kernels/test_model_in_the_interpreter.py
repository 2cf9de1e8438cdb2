"""The whole model on the Triton kernels, in Triton's interpreter, against the published numbers."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_published_numbers_gradients_included(golden):
    environment = os.environ | {"HNET_KERNELS": "triton", "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "hnet_core.verify", golden / "a_1stage"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    assert "comparisons within tolerance" in done.stdout
