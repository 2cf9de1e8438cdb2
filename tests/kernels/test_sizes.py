"""Rows of any number and length on the Triton kernels: none, empty ones, of one position, of a million, far apart."""

import pytest
import torch
from triton.runtime.interpreter import GridExecutor

from kernels import backend
from kernels.arguments import known_limits, longest_row, remember_limits
from kernels.attention import attention
from kernels.causal_conv1d import causal_conv1d
from kernels.chunking import keep
from kernels.cross_entropy import cross_entropy
from kernels.packed.cuda import launch
from kernels.rms_norm import cuda as norms
from kernels.rms_norm import gated_rms_norm, rms_norm
from kernels.routing import routing
from kernels.smoothing import smoothing
from kernels.ssd import ssd
from kernels.swiglu import swiglu
from tests.kernels.counting import counted_launches
from tests.kernels.gradients import row_limits

FAR = 2**24
"""Numbers from one position to the next: position 128 begins where 31 bits end."""
POSITIONS = 140


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def scan(x, B, limits):
    T, heads = x.shape[:2]
    weights = {"A": -torch.ones(heads), "D": torch.ones(heads), "dt_bias": torch.zeros(heads)}
    return ssd(x, dt=random(T, heads), B=B, C=B, **weights, cu_seqlens=limits)


CALLS = {
    "attention": (lambda x, limits: attention(x.unflatten(1, (3, 1, 16)), limits), 48),
    "causal_conv1d": (lambda x, limits: causal_conv1d(x, random(16, 4), random(16), limits), 16),
    "cross_entropy": (lambda x, limits: cross_entropy(x, torch.arange(len(x)) % 16), 16),
    "gated_rms_norm": (lambda x, limits: gated_rms_norm(x[:, :16], x[:, 16:], random(16)), 32),
    "keep": (lambda x, limits: keep(x, torch.arange(0, len(x), 2)), 16),
    "rms_norm": (lambda x, limits: rms_norm(x, random(16)), 16),
    "routing": (lambda x, limits: routing(x[:, :16], x[:, 16:], limits), 32),
    "smoothing": (
        lambda x, limits: smoothing(x, torch.full((len(x),), 0.7), torch.ones(len(x)) > 0, limits),
        16,
    ),
    "ssd": (lambda x, limits: scan(x[:, None, :16], x[:, 16:], limits), 32),
    "swiglu": (lambda x, limits: swiglu(x), 32),
}
"""An operator on x (T, width) and limits, and the width."""


def outputs_and_gradient(call, x, limits) -> list[torch.Tensor]:
    x = x.detach().requires_grad_()
    outputs = call(x, limits)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    if len(x):
        sum((out * random(*out.shape)).sum() for out in outputs).backward()
    return [out.detach() for out in outputs] + [x.grad if x.grad is not None else torch.zeros_like(x)]


@pytest.mark.parametrize("name", CALLS)
def test_positions_far_apart_in_memory(name, monkeypatch):
    """x is a slice of a tensor of 9 GB, of which the machine has only what is touched."""
    monkeypatch.setattr(
        GridExecutor, "_restore_args_dev", lambda *args: None
    )  # copies every tensor onto itself
    call, width = CALLS[name]
    x, limits = random(POSITIONS, width), row_limits(70, 0, 1, POSITIONS - 71)
    apart = torch.empty((POSITIONS - 1) * FAR + width).as_strided((POSITIONS, width), (FAR, 1))
    apart.copy_(x)
    with backend.using("triton"), torch.no_grad():
        want, got = (call(values, limits) for values in (x, apart))
    if not isinstance(want, tuple):
        want, got = (want,), (got,)
    assert all(torch.equal(one, other) for one, other in zip(got, want, strict=True))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("lengths", [(), (0, 0), (1,), (1, 1, 1), (0, 1, 0, 3, 0)], ids=str)
def test_no_positions_empty_rows_and_rows_of_one(name, lengths):
    call, width = CALLS[name]
    x, limits = random(sum(lengths), width), row_limits(*lengths)
    with backend.using("triton"):
        got = outputs_and_gradient(call, x, limits)
    with backend.using("reference"):
        want = outputs_and_gradient(call, x, limits)
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["ssd", "smoothing"])
def test_states_are_carried_from_segment_to_segment_only_where_a_row_has_several(name):
    """Rows of 300 positions, 1500 together, segments of 256 or 32; the host knows the limits or does not."""
    call, width = CALLS[name]
    lengths = (20,) * 75 if name == "smoothing" else (250,) * 6
    x, limits = random(1500, width), row_limits(*lengths)
    found = []
    for known in (False, True):
        if known:
            remember_limits(limits, limits.tolist(), 1500)
        with backend.using("triton"), counted_launches() as (ours, _):
            result = outputs_and_gradient(call, x, limits)
        found.append((result, ours))
    (want, carrying), (got, alone) = found
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    if name == "ssd":
        assert (carrying["ssd.walk"], carrying["ssd.carry"]) == (4, 2)
        assert (alone["ssd.walk"], alone["ssd.carry"]) == (2, 0)
    else:
        left = {"smoothing.ends", "smoothing.carry", "smoothing.ends_backward", "smoothing.carry_backward"}
        assert left <= set(carrying) and not left & set(alone)


def test_a_row_longer_than_a_segment_is_carried_where_the_limits_are_known():
    call, width = CALLS["ssd"]
    x, limits = random(700, width), row_limits(600, 100)
    remember_limits(limits, [0, 600, 700], 700)
    with backend.using("triton"), counted_launches() as (ours, _):
        got = outputs_and_gradient(call, x, limits)
    assert ours["ssd.carry"] == 2
    with backend.using("numba"):
        want = outputs_and_gradient(call, x, limits)
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_what_the_host_knows_of_limits_ends_with_the_next_write():
    limits = row_limits(3, 0, 5)
    assert (known_limits(limits), longest_row(limits, 8)) == (None, 8)
    remember_limits(limits, [0, 3, 3, 8], 8)
    assert (known_limits(limits), longest_row(limits, 8)) == ([0, 3, 3, 8], 5)
    limits[1] = 1
    assert (known_limits(limits), longest_row(limits, 8)) == (None, 8)


@pytest.mark.parametrize("change", [{"wide": 1}, {"T": None}], ids=["a name too many", "one too few"])
def test_a_kernel_is_launched_by_the_names_of_its_arguments(change):
    """Triton's interpreter drops what it does not know, without a word."""
    given = {"y": torch.ones(2, 4), "y_stride": 4, "z": torch.ones(2, 4), "z_stride": 4, "eps": 0.0}
    given |= {
        "weight": torch.ones(4),
        "out": torch.empty(2, 4),
        "T": 2,
        "D": 4,
        "ROWS": 2,
        "WIDTH": 4,
        "num_warps": 4,
    }
    launch(norms._gated_forward, (1,), **given)
    given = {name: value for name, value in (given | change).items() if value is not None}
    with pytest.raises(
        TypeError, match=rf"_gated_forward takes y, y_stride.*missing: \['{next(iter(change))}'\]"
    ):
        launch(norms._gated_forward, (1,), **given)
