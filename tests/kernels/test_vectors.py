"""The CPU kernels on processors with narrower vectors than this one: compiled for them, they are as exact."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from numba import njit

from kernels.lanes import cpu as lanes
from kernels.vectors.cpu import FLOATS, floats_in, load, total, zeros

HASWELL = "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse2,+sse3,+sse4.1,+sse4.2,+ssse3"
NARROWED = {
    # Name, features, floats of a register.
    "AVX2": ("haswell", HASWELL, 8),
    "SSE": ("nehalem", "+popcnt,+sse2,+sse3,+sse4.1,+sse4.2,+ssse3", 4),
}
EXACT = [
    "tests/kernels/test_swiglu.py",
    "tests/kernels/test_ssd.py",
    "-k",
    "kernel_is_as_exact and (numba or test_swiglu)",
]
"""Whole and partial vectors, float32 and bfloat16; vectors of one register and of several."""


@pytest.mark.parametrize(
    ("features", "floats"),
    [
        ("+avx,+avx2,+avx512f", 16),
        ("+avx,+avx2,-avx512f", 8),
        ("+sse2,-avx", 4),
        ("+neon,+fp-armv8", 4),
        ("", 4),
    ],
)
def test_width_follows_from_the_features(features, floats):
    assert floats_in(features) == floats


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="narrows x86 processors")
@pytest.mark.parametrize("processor", NARROWED)
def test_kernels_for_older_processors_are_as_exact(processor, root, tmp_path):
    name, features, floats = NARROWED[processor]
    # The name alone leaves the compiler the features of this processor.
    narrowed = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run(*arguments: str) -> str:
        call, environment = [sys.executable, *arguments], os.environ | narrowed
        done = subprocess.run(call, cwd=root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    shown = "from kernels.lanes.cpu import LANES; from kernels.ssd.cpu import FLOATS; print(LANES, FLOATS)"
    assert run("-c", shown).split() == [str(floats)] * 2
    run("-m", "pytest", "-q", "-p", "no:cacheprovider", *EXACT)


@njit
def summed(numbers):
    """The sum of a register's worth of numbers, loaded by either of the two kinds of loads."""
    masked = total(lanes.load(numbers, 0, lanes.first(lanes.LANES)))
    return masked, total(load(zeros((0,)), numbers, 0))


@pytest.mark.parametrize("value", [1.0, float("inf"), float("nan")])
def test_registers_and_parts_of_them_are_one_kind_of_vector(value):
    numbers = np.ones(FLOATS, np.float32)
    numbers[FLOATS // 2] = value
    np.testing.assert_array_equal(summed(numbers), numbers.sum())
