"""Smoothing: the CPU kernel against the reference, and the reference against its definition."""

import pytest
import torch

from kernels import backend
from kernels.smoothing import cpu, reference, smoothing
from tests.kernels.gradients import (
    assert_as_exact_as_eager,
    column_slice,
    nan_filled_allocations,
    output_and_grads,
    row_limits,
)
from tests.kernels.places import ALL, FLOAT32, GPU, INTERPRETER, NUMBA, TRITON, Place

ROWS = [(1,), (33,), (100,), (257,), (0, 1, 2, 0, 3, 40, 0), (0,), ()]
OPTIONS = ("confidence", "residual", "state")
BACKENDS = ["numba", "reference", "triton"]


@pytest.fixture(params=BACKENDS)
def op(request):
    """The operator by each backend that runs on the CPU."""
    with backend.using(request.param):
        yield smoothing


def example(lengths, width=20, without=(), seed=0, rate=0.3) -> dict:
    """Random rows; the first position of the first row is no boundary, so the state shows."""
    noise = torch.Generator().manual_seed(seed)
    limits = row_limits(*lengths)
    n = int(limits[-1])
    is_boundary = torch.rand(n, generator=noise) < rate
    is_boundary[:1] = False
    is_boundary[3:4] = True
    inputs = {
        "chunks": column_slice(int(is_boundary.sum()), width, noise),
        "prob": torch.rand(n, generator=noise),
        "is_boundary": is_boundary,
        "cu_seqlens": limits,
        "confidence": torch.rand(n, generator=noise),
        "residual": column_slice(n, width, noise),
        "state": torch.randn(len(lengths), width, generator=noise),
    }
    inputs["prob"][3:4] = 1.0  # the clamp is active
    return inputs | dict.fromkeys(without)


def judge(place: Place, inputs: dict) -> None:
    assert_as_exact_as_eager(
        place.kernel("smoothing"), reference.smoothing, inputs, place.dtype, place.device
    )


@pytest.mark.parametrize("place", [NUMBA, *GPU])
@pytest.mark.parametrize("lengths", ROWS, ids=str)
@pytest.mark.parametrize("width", [1, 32, 100])
@pytest.mark.parametrize("without", [(), OPTIONS], ids=str)
def test_kernel_is_as_exact_as_torch(place, lengths, width, without, monkeypatch):
    inputs = example(lengths, width, without)
    with nan_filled_allocations(monkeypatch):
        judge(place, inputs)


@pytest.mark.parametrize("place", INTERPRETER)
@pytest.mark.parametrize(
    ("lengths", "width", "without"),
    [((1,), 1, ()), ((100,), 3, OPTIONS), ((257,), 33, ()), (ROWS[4], 130, ()), ((0,), 5, ()), ((), 5, ())],
    ids=str,
)
def test_interpreted_kernel_is_as_exact_as_torch(place, lengths, width, without, monkeypatch):
    with nan_filled_allocations(monkeypatch):
        judge(place, example(lengths, width, without))


@pytest.mark.parametrize("place", ALL)
@pytest.mark.parametrize(("without", "rate"), [("confidence", 0.0), ("residual", 0.2), ("state", 1.0)])
def test_every_option_and_rate(place, without, rate):
    judge(place, example((50, 0, 7), without=(without,), rate=rate))


@pytest.mark.parametrize("place", TRITON)
def test_short_rows_take_one_launch(place):
    """Fewer positions a row than the kernel's segments are worth: every row is a segment."""
    inputs = example((1, 0, 1, 20, 0, 1, 1))
    judge(place, inputs)


@pytest.mark.parametrize("blocks", [2, 3])
def test_kernel_in_blocks_on_threads(blocks, monkeypatch):
    monkeypatch.setattr(cpu, "n_blocks", lambda n_positions, width: blocks)
    with nan_filled_allocations(monkeypatch):
        assert_as_exact_as_eager(cpu.smoothing, reference.smoothing, example((50, 0, 30), width=50))


@pytest.mark.parametrize("place", FLOAT32)
@pytest.mark.parametrize("output", [0, 1])
def test_either_output_alone_is_differentiable(place, output):
    kernel = place.kernel("smoothing")
    assert_as_exact_as_eager(
        lambda **given: kernel(**given)[output],
        lambda **given: reference.smoothing(**given)[output],
        example((30, 12)),
        device=place.device,
    )


@pytest.mark.parametrize("name", BACKENDS)
def test_state_carries_a_sequence_over_any_split(name):
    inputs = example((41,))
    with backend.using(name):
        whole, final = smoothing(**inputs)
        state, parts, start, chunk = inputs["state"], [], 0, 0
        for length in (1, 0, 20, 2, 18):
            piece = slice(start, start + length)
            per_position = ("prob", "is_boundary", "confidence", "residual")
            split = inputs | {key: inputs[key][piece] for key in per_position}
            n_chunks = int(split["is_boundary"].sum())
            split |= {"chunks": inputs["chunks"][chunk : chunk + n_chunks], "cu_seqlens": row_limits(length)}
            out, state = smoothing(**split | {"state": state})
            parts.append(out)
            start, chunk = start + length, chunk + n_chunks
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(state, final, rtol=1e-6, atol=1e-6)


def test_follows_its_definition(op):
    chunks, prob = torch.tensor([[8.0], [16.0]]), torch.tensor([1.0, 0.0, 0.5])
    is_boundary = torch.tensor([True, False, True])
    out, final = op(chunks, prob, is_boundary, row_limits(3), state=torch.tensor([[4.0]]))
    first = 0.9999 * 8 + 0.0001 * 4
    torch.testing.assert_close(out[:, 0], torch.tensor([first, first, 0.5 * 16 + 0.5 * first]))
    assert torch.equal(final[0], out[-1])


def test_confidence_is_one_forward_and_straight_through_backward(op):
    inputs = example((33,))
    z, _ = op(**inputs | {"confidence": None, "residual": None})
    out, _ = op(**inputs)
    torch.testing.assert_close(out, z + inputs["residual"], rtol=1e-6, atol=1e-6)
    inputs["confidence"].requires_grad_()
    dout = torch.randn(out.shape)
    (got,) = torch.autograd.grad(op(**inputs)[0], inputs["confidence"], dout)
    torch.testing.assert_close(got, (dout * z).sum(-1))


@pytest.mark.parametrize("place", FLOAT32)
def test_an_active_clamp_stops_the_gradient(place):
    inputs = example((20,), rate=1.0)
    inputs["prob"][5:8] = torch.tensor([0.0, 1.0, 0.99995])
    dprob = output_and_grads(place.kernel("smoothing"), inputs, torch.float32, place.device)["dprob"]
    assert torch.equal(dprob[5:8], torch.zeros(3))
    assert (dprob[8:] != 0).all()


def test_reference_gradients():
    inputs = {
        name: value.double().requires_grad_() if value.is_floating_point() else value
        for name, value in example((6, 0, 3), width=3).items()
    }
    inputs["prob"] = (inputs["prob"].detach() * 0.9 + 0.05).requires_grad_()
    inputs["confidence"] = None  # straight-through: not the derivative of the forward pass
    names = ("chunks", "prob", "residual", "state")
    assert torch.autograd.gradcheck(
        lambda *given: reference.smoothing(**inputs | dict(zip(names, given, strict=True))),
        [inputs[name] for name in names],
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chunks", torch.zeros(3)),
        ("prob", torch.zeros(8, dtype=torch.float64)),
        ("is_boundary", torch.zeros(8)),
        ("confidence", torch.zeros(9)),
        ("residual", torch.zeros(8, 19)),
        ("state", torch.zeros(1, 20, dtype=torch.float64)),
        ("cu_seqlens", torch.tensor([0, 8], dtype=torch.int32)),
        ("cu_seqlens", torch.tensor([0, 9])),
        ("residual", torch.zeros(8, 20, device="meta")),
    ],
)
def test_wrong_shapes_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        smoothing(**(example((8,)) | {name: value}))


@pytest.mark.parametrize("place", TRITON)
def test_activations_in_bfloat16_and_the_rest_in_float32(place):
    """What a model in bfloat16 passes: each gradient comes back in the dtype of its input."""
    inputs = example((40, 3))
    inputs["chunks"] = inputs["chunks"].bfloat16().to(place.device)
    given = {k: v.to(place.device).requires_grad_(v.is_floating_point()) for k, v in inputs.items()}
    out, final = place.kernel("smoothing")(**given)
    assert (out.dtype, final.dtype) == (torch.bfloat16, torch.float32)
    (out.sum() + final.sum()).backward()
    floating = [value for value in given.values() if value.is_floating_point()]
    assert all(value.grad.dtype == value.dtype and value.grad.isfinite().all() for value in floating)


def test_a_wrong_number_of_chunks_is_refused():
    inputs = example((8,))
    with pytest.raises(ValueError, match="chunks"):
        smoothing(**inputs | {"chunks": inputs["chunks"][1:]})
