"""Routing: the CPU kernel against the reference, and the reference against its definition."""

import pytest
import torch

from kernels import backend
from kernels.routing import cpu, reference, routing
from tests.kernels.gradients import (
    assert_as_exact_as_eager,
    column_slice,
    nan_filled_allocations,
    output_and_grads,
    row_limits,
)
from tests.kernels.places import ALL, FLOAT32, GPU, INTERPRETER, NUMBA, Place

BACKENDS = ["numba", "reference", "triton"]
ROWS = [(1,), (33,), (100,), (257,), (0, 1, 2, 0, 3, 40, 0, 1), (0,), ()]


def example(lengths, width=20, with_state=True, seed=0) -> dict:
    noise = torch.Generator().manual_seed(seed)
    limits = row_limits(*lengths)
    n = int(limits[-1])
    return {
        "q": column_slice(n, width, noise),
        "k": column_slice(n, width, noise),
        "cu_seqlens": limits,
        "last_q": torch.randn(len(lengths), width, generator=noise) if with_state else None,
        "started": torch.arange(len(lengths)) % 3 != 1 if with_state else None,
    }


def judge(place: Place, inputs: dict) -> None:
    assert_as_exact_as_eager(place.kernel("routing"), reference.routing, inputs, place.dtype, place.device)


@pytest.mark.parametrize("place", [NUMBA, *GPU])
@pytest.mark.parametrize("lengths", ROWS, ids=str)
@pytest.mark.parametrize("width", [3, 16, 100])
@pytest.mark.parametrize("with_state", [True, False])
def test_kernel_is_as_exact_as_torch(place, lengths, width, with_state, monkeypatch):
    with nan_filled_allocations(monkeypatch):
        judge(place, example(lengths, width, with_state))


@pytest.mark.parametrize("place", INTERPRETER)
@pytest.mark.parametrize("lengths", ROWS, ids=str)
@pytest.mark.parametrize(("width", "with_state"), [(33, True), (100, False)])
def test_interpreted_kernel_is_as_exact_as_torch(place, lengths, width, with_state, monkeypatch):
    with nan_filled_allocations(monkeypatch):
        judge(place, example(lengths, width, with_state))


@pytest.mark.parametrize("blocks", [2, 3])
def test_kernel_in_blocks_on_threads(blocks, monkeypatch):
    monkeypatch.setattr(cpu, "n_blocks", lambda n_positions, width: blocks)
    with nan_filled_allocations(monkeypatch):
        assert_as_exact_as_eager(cpu.routing, reference.routing, example((50, 0, 30, 1)))


@pytest.mark.parametrize("place", FLOAT32)
@pytest.mark.parametrize("scale", [1e-15, 1e-3, 1e6])
def test_short_and_long_vectors(place, scale):
    inputs = example((33,))
    for name in ("q", "k"):
        inputs[name] = inputs[name] * scale
    judge(place, inputs)


@pytest.mark.parametrize("place", ALL)
def test_zero_vectors_have_finite_gradients(place):
    inputs = example((33,))
    inputs["q"], inputs["k"] = inputs["q"].clone(), inputs["k"].clone()
    inputs["q"][4], inputs["k"][9] = 0, 0
    results = output_and_grads(place.kernel("routing"), inputs, place.dtype, place.device)
    assert results["out0"][[5, 9]].tolist() == [0.5, 0.5]
    assert all(value.isfinite().all() for value in results.values())


@pytest.mark.parametrize("name", BACKENDS)
def test_state_carries_a_sequence_over_any_split(name):
    inputs = example((41,), with_state=False)
    with backend.using(name):
        whole, final = routing(**inputs)
        last_q, started, parts, start = torch.zeros(1, 20), torch.tensor([False]), [], 0
        for length in (0, 1, 0, 20, 2, 18):
            piece = slice(start, start + length)
            prob, last_q = routing(
                inputs["q"][piece], inputs["k"][piece], row_limits(length), last_q, started | (start > 0)
            )
            parts.append(prob)
            start += length
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-6, atol=1e-6)
    assert torch.equal(last_q, final)


@pytest.mark.parametrize("name", BACKENDS)
def test_follows_its_definition(name):
    q = torch.tensor([[2.0, 0.0], [0.0, 3.0], [0.0, -1.0], [1.0, 0.0]])
    k = torch.tensor([[5.0, 5.0], [7.0, 0.0], [1.0, 1.0], [0.0, 4.0]])
    with backend.using(name):
        prob, last_q = routing(q, k, row_limits(4, 0))
    torch.testing.assert_close(prob, torch.tensor([1.0, 0.0, (1 - 0.5**0.5) / 2, 1.0]), rtol=1e-6, atol=1e-6)
    assert torch.equal(last_q, torch.tensor([[1.0, 0.0], [0.0, 0.0]]))


def test_reference_gradients():
    q, k, limits, last_q, started = (
        value.double().requires_grad_() if value.is_floating_point() else value
        for value in example((2, 0, 5), width=3).values()
    )
    assert torch.autograd.gradcheck(
        lambda q, k, last_q: reference.routing(q, k, limits, last_q, started), (q, k, last_q)
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("q", torch.zeros(3)),
        ("k", torch.zeros(8, 19)),
        ("k", torch.zeros(8, 20, dtype=torch.float64)),
        ("last_q", torch.zeros(2, 20)),
        ("started", torch.zeros(2, dtype=torch.bool)),
        ("started", None),
    ],
)
def test_wrong_shapes_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        routing(**(example((8,)) | {name: value}))
