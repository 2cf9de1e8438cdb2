"""matmul_precision auto: what is measured on a CPU, what is asked of a GPU, and what is taken then."""

import os
import platform
import re
import subprocess
import sys
import time

import pytest
import torch

from kernels import backend
from kernels.linear import choice
from kernels.linear.choice import WORTH, choose

LINE = re.compile(
    r"matrix products in (fp32|bf16): measured ([\d.e+]+) GFLOP/s in fp32 and ([\d.e+]+) GFLOP/s in bf16"
)
X86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="narrows x86 processors")


@pytest.fixture(autouse=True)
def forgotten():
    """Every test is a process of its own: nothing was measured before it."""
    choice._of_cpu.cache_clear()
    yield
    choice._of_cpu.cache_clear()


def chosen_in_a_process(root, **environment: str) -> tuple[str, float, float]:
    """The choice, and the GFLOP/s in fp32 and in bf16 that it says."""
    call = [sys.executable, "-c", "from kernels.linear.choice import choose; print(choose('auto'))"]
    done = subprocess.run(
        call, cwd=root, env=os.environ | environment, capture_output=True, text=True, check=True
    )
    taken, single, half = LINE.fullmatch(done.stdout.strip()).groups()
    return taken, float(single), float(half)


@X86
def test_where_bfloat16_is_emulated_float32_is_taken(root):
    taken, single, half = chosen_in_a_process(root, ONEDNN_MAX_CPU_ISA="AVX2")
    assert taken == "fp32" and half < single / 3


def test_here_what_is_measured_faster_is_taken(root):
    taken, single, half = chosen_in_a_process(root)
    assert (taken == "bf16") == (half > WORTH * single)


def test_the_measurement_is_short():
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        rates = choice.measured()
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.1
    assert set(rates) == {"fp32", "bf16"} and min(rates.values()) > 1e8


@pytest.mark.parametrize(
    ("single", "half", "taken"), [(52e9, 2e9, "fp32"), (90e9, 205e9, "bf16"), (100e9, 110e9, "fp32")]
)
def test_bfloat16_must_be_clearly_faster(single, half, taken, monkeypatch):
    calls = []
    monkeypatch.setattr(choice, "measured", lambda: calls.append(1) or {"fp32": single, "bf16": half})
    assert choose("auto").name == taken
    assert choose("auto", "cpu").name == taken
    assert len(calls) == 1, "measured more than once a process"


def test_what_is_asked_for_is_not_measured(monkeypatch):
    monkeypatch.setattr(choice, "measured", lambda: pytest.fail("measured"))
    assert [choose(name).name for name in ("fp32", "bf16")] == ["fp32", "bf16"]
    with pytest.raises(ValueError, match="auto, fp32, bf16"):
        choose("fp16")


def test_the_reference_rounds_no_factors(monkeypatch):
    monkeypatch.setattr(choice, "measured", lambda: pytest.fail("measured"))
    with backend.using("reference"):
        assert choose("auto").name == "fp32"


@pytest.mark.parametrize(("capability", "taken"), [((7, 5), "fp32"), ((8, 0), "bf16"), ((9, 0), "bf16")])
def test_a_gpu_is_asked_for_its_capability(capability, taken, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "GPU")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    found = choose("auto", "cuda")
    assert found.name == taken
    assert f"GPU (compute capability {capability[0]}.{capability[1]})" in str(found)
