"""The inside of a Mamba-2 layer: the kernels that share their memory against the operators apart, in float64."""

import pytest
import torch

from kernels import backend
from kernels.mamba2 import mamba2, reference
from tests.kernels.gradients import (
    assert_as_exact_as_eager,
    column_slice,
    max_error,
    nan_filled_allocations,
    output_and_grads,
    row_limits,
)
from tests.kernels.places import ALL, FLOAT32

HEADS, INNER, STATE = 2, 32, 16


def example(lengths, with_state=True, state=STATE, seed=0) -> dict:
    noise = torch.Generator().manual_seed(seed)
    channels, rows, limits = INNER + 2 * state, len(lengths), row_limits(*lengths)

    def random(*shape):
        return torch.randn(*shape, generator=noise)

    return {
        "projected": column_slice(int(limits[-1]), INNER + channels + HEADS, noise),
        "conv_weight": random(channels, 4),
        "conv_bias": random(channels),
        "A": -random(HEADS).exp(),
        "D": random(HEADS),
        "dt_bias": random(HEADS),
        "norm_weight": random(INNER),
        "cu_seqlens": limits,
        "conv_state": random(rows, channels, 3) if with_state else None,
        "scan_state": random(rows, HEADS, INNER // HEADS, state) if with_state else None,
    }


def apart(**inputs):
    with backend.using("reference"):
        return reference.mamba2(**inputs)


def test_the_operators_apart_are_the_definition():
    inputs = example((5,), with_state=False)
    z, x, b, c, dt = inputs["projected"].double().split([INNER, INNER, STATE, STATE, HEADS], dim=1)
    taps = torch.cat((torch.zeros(3, INNER + 2 * STATE), torch.cat((x, b, c), dim=1)))
    u = inputs["conv_bias"] + sum(inputs["conv_weight"][:, i] * taps[i : i + 5] for i in range(4))
    x, b, c = (u * u.sigmoid()).split([INNER, STATE, STATE], dim=1)
    S, ys = torch.zeros(INNER, STATE).double(), []
    for t in range(5):
        step = torch.log1p((dt[t] + inputs["dt_bias"]).exp())
        kept, step = ((step * inputs["A"]).exp(), step)
        each = INNER // HEADS
        S = kept.repeat_interleave(each)[:, None] * S + (step.repeat_interleave(each) * x[t])[:, None] * b[t]
        ys.append(S @ c[t] + inputs["D"].repeat_interleave(each) * x[t])
    y = torch.stack(ys) * z * z.sigmoid()
    want = y / (y.square().mean(1, keepdim=True) + 1e-5).sqrt() * inputs["norm_weight"]
    torch.testing.assert_close(apart(**inputs)[0].double(), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("place", ALL)
@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize("lengths", [(1,), (33, 0, 67), (0,)], ids=str)
def test_together_as_exact_as_apart(place, lengths, with_state, monkeypatch):
    kernel = place.kernel("mamba2")
    with nan_filled_allocations(monkeypatch):
        assert_as_exact_as_eager(kernel, apart, example(lengths, with_state), place.dtype, place.device)


@pytest.mark.parametrize("place", FLOAT32)
def test_what_fills_up_a_row_is_not_read_and_has_no_gradient(place, monkeypatch):
    inputs = example((20, 3))
    wide = torch.cat((inputs["projected"], torch.full((23, 6), torch.nan)), dim=1)
    kernel = place.kernel("mamba2")
    with nan_filled_allocations(monkeypatch):
        want = output_and_grads(kernel, inputs, torch.float32, place.device)
        got = output_and_grads(kernel, inputs | {"projected": wide}, torch.float32, place.device)
    assert got["dprojected"][:, -6:].eq(0).all()
    got["dprojected"] = got["dprojected"][:, :-6]
    assert all(torch.equal(got[name], want[name]) for name in want)


def test_states_that_fill_no_vectors_are_padded():
    assert_as_exact_as_eager(mamba2, apart, example((20, 13), state=5))


@pytest.mark.parametrize("place", FLOAT32)
@pytest.mark.parametrize("output", [0, 1, 2])
def test_any_output_alone_is_differentiable(place, output):
    kernel = place.kernel("mamba2")
    assert_as_exact_as_eager(
        lambda **given: kernel(**given)[output],
        lambda **given: apart(**given)[output],
        example((20, 0, 2)),
        device=place.device,
    )


def test_in_bfloat16_only_what_comes_in_and_goes_out_is_rounded():
    inputs = example((33, 0, 67))
    inputs["projected"] = inputs["projected"].bfloat16().float()
    exact = output_and_grads(apart, inputs, torch.float64)
    narrow = output_and_grads(
        lambda projected, **rest: mamba2(projected.bfloat16(), **rest), inputs, torch.float32
    )
    assert narrow["out0"].dtype == torch.bfloat16
    for name, want in exact.items():
        rounded = name in ("out0", "dprojected")
        limit = (2.0**-8 if rounded else 2e-5) * float(want.abs().max())
        assert max_error(narrow[name], want) <= limit, name


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("projected", torch.zeros(8, 97), "projected must be"),
        ("conv_bias", torch.zeros(63), r"conv_bias must be \(64,\)"),
        ("D", torch.zeros(3), r"D must be \(2,\)"),
        ("norm_weight", torch.zeros(33), "projected must be"),
        ("scan_state", torch.zeros(1, 2, 16, 15), "scan_state must be"),
        ("cu_seqlens", torch.tensor([0, 8]).int(), "cu_seqlens must be"),
        ("cu_seqlens", torch.tensor([0, 7]), "from 0 to 8"),
    ],
)
def test_what_does_not_fit_is_refused(name, value, told):
    with pytest.raises(ValueError, match=told):
        mamba2(**(example((8,)) | {name: value}))
