"""What does not fit together is refused by every backend: by the host on a CPU, by the device itself on a GPU."""

import subprocess
import sys

import pytest
import torch

from kernels import backend
from kernels.arguments import is_remembered, remember
from kernels.chunking import keep, starts
from kernels.routing import routing
from kernels.smoothing import smoothing
from tests.conftest import ROOT
from tests.kernels.gradients import row_limits
from tests.tiny import random_bytes, tiny_model

BACKENDS = ["numba", "reference", "triton"]


def smoothed(n_chunks: int = 2, is_boundary=(True, False, True), limits=(3,), device: str = "cpu"):
    flags = torch.tensor(is_boundary, device=device)
    chunks, prob = torch.ones(n_chunks, 4, device=device), torch.full((len(flags),), 0.7, device=device)
    return smoothing(chunks, prob, flags, row_limits(*limits).to(device))


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("n_chunks", [0, 1, 3])
def test_chunks_that_are_not_one_for_each_boundary(name, n_chunks):
    with backend.using(name), pytest.raises(ValueError, match=f"2 boundaries for {n_chunks} chunks"):
        smoothed(n_chunks)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("limits", [(2,), (4,), (5, -2), ()], ids=str)
def test_limits_that_do_not_rise_to_the_number_of_positions(name, limits):
    with backend.using(name), pytest.raises(ValueError, match="cu_seqlens must rise from 0 to 3"):
        smoothed(limits=limits)


@pytest.mark.parametrize("name", ["auto", "triton"])
@pytest.mark.parametrize("found", [[0, 5], [-1, 2], [2, 2], [3, 1]], ids=str)
def test_starts_that_lie_outside_or_do_not_rise(name, found):
    with (
        backend.using(name),
        pytest.raises(ValueError, match="starts must rise and lie within the 5 positions"),
    ):
        keep(torch.ones(5, 3), torch.tensor(found))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.float32], ids=str)
def test_flags_are_bool(dtype):
    flags, limits, x = torch.ones(3, dtype=dtype), row_limits(3), torch.ones(3, 4)
    with pytest.raises(ValueError, match=r"is_boundary must be \(3,\) bool on cpu"):
        starts(flags, limits)
    with pytest.raises(ValueError, match=r"is_boundary must be \(3,\) bool on cpu"):
        smoothing(x, torch.ones(3), flags, limits)
    with pytest.raises(ValueError, match=r"started must be \(1,\) bool on cpu"):
        routing(x, x, limits, torch.ones(1, 4), flags[:1])


def test_flags_lie_where_the_rest_does():
    with pytest.raises(ValueError, match=r"is_boundary must be .* on cpu, got .* on meta"):
        starts(torch.ones(3, dtype=torch.bool, device="meta"), row_limits(3))


def test_what_chunking_finds_is_remembered_until_it_is_written_to():
    is_boundary = torch.tensor([True, False, True, True])
    found, limits, _ = starts(is_boundary, row_limits(3, 1))
    assert is_remembered(found, 4) and is_remembered(limits, 3) and is_remembered(is_boundary, 3)
    assert not is_remembered(found, 3) and not is_remembered(limits, 4)
    limits[1] = 0
    found += 0
    assert not is_remembered(limits, 3) and not is_remembered(found, 4)
    with torch.inference_mode():
        inside = torch.zeros(2)
        remember(inside, 2)
        assert is_remembered(inside, 2)
    assert not is_remembered(torch.zeros(2), 2)


@pytest.mark.parametrize("chunking", [{}, {"early_smoothing": True, "smoothing": False}], ids=str)
def test_no_device_is_asked_in_a_model(chunking, monkeypatch):
    """The host knows its limits and counts already, so a GPU launches nothing to check them."""

    def only_remembered(tensor, n):
        assert is_remembered(tensor, n), f"the device would be asked whether {tensor} fits {n}"
        return True

    monkeypatch.setattr("kernels.smoothing.require_chunks", only_remembered)
    monkeypatch.setattr("kernels.chunking.require_starts", only_remembered)
    for module in ("chunking", "routing", "mamba2"):
        monkeypatch.setattr(
            f"kernels.{module}.require_limits",
            lambda limits, device, n: only_remembered(limits, n) and len(limits) - 1,
        )
    ids = torch.tensor(list(random_bytes(50)))
    out = tiny_model(2, chunking=chunking)(ids, cu_seqlens=torch.tensor([0, 20, 50]), bounds=[0, 20, 50])
    assert out.stages[0].is_boundary.sum() > 2


MISUSES = {
    "chunks": "smoothed(3, device='cuda')",
    "limits": "smoothed(limits=(4,), device='cuda')",
    "starts": "keep(torch.ones(5, 3, device='cuda'), torch.tensor([0, 5], device='cuda'))",
}


@pytest.mark.gpu
@pytest.mark.parametrize("misuse", MISUSES)
def test_a_gpu_refuses_by_an_assertion_of_its_own(misuse):
    """In a process of its own, which the assertion ends."""
    code = (
        "import torch; from kernels.chunking import keep; from tests.kernels.test_arguments import smoothed; "
        f"{MISUSES[misuse]}; torch.cuda.synchronize(); print('accepted')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0 and "accepted" not in done.stdout
    assert "assert" in done.stderr


@pytest.mark.gpu
def test_a_gpu_takes_what_fits():
    out, _ = smoothed(device="cuda")
    torch.testing.assert_close(out.cpu(), smoothed()[0])
