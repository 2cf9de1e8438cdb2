"""The causal convolution: the CPU kernel against the reference, and the reference against its definition."""

import pytest
import torch

from kernels import backend
from kernels.causal_conv1d import causal_conv1d, cpu, reference
from tests.kernels.gradients import (
    assert_as_exact_as_eager,
    column_slice,
    nan_filled_allocations,
    row_limits,
)
from tests.kernels.places import FLOAT32, GPU, INTERPRETER, NUMBA, TRITON, Place

ROWS = [(1,), (33,), (100,), (257,), (0, 1, 2, 0, 3, 4, 5, 90, 0), (0,), ()]


def example(lengths, n_channels=20, with_state=True, seed=0) -> dict:
    noise = torch.Generator().manual_seed(seed)
    limits = row_limits(*lengths)
    return {
        "x": column_slice(int(limits[-1]), n_channels, noise),
        "weight": torch.randn(n_channels, 4, generator=noise),
        "bias": torch.randn(n_channels, generator=noise),
        "cu_seqlens": limits,
        "state": torch.randn(len(lengths), n_channels, 3, generator=noise) if with_state else None,
    }


def judge(place: Place, inputs: dict) -> None:
    kernel = place.kernel("causal_conv1d")
    assert_as_exact_as_eager(kernel, reference.causal_conv1d, inputs, place.dtype, place.device)


@pytest.mark.parametrize("place", [NUMBA, *GPU])
@pytest.mark.parametrize("lengths", ROWS, ids=str)
@pytest.mark.parametrize("n_channels", [1, 16, 100])
@pytest.mark.parametrize("with_state", [True, False])
def test_kernel_is_as_exact_as_torch(place, lengths, n_channels, with_state, monkeypatch):
    with nan_filled_allocations(monkeypatch):
        judge(place, example(lengths, n_channels, with_state))


@pytest.mark.parametrize("place", INTERPRETER)
@pytest.mark.parametrize(
    ("lengths", "n_channels", "with_state"),
    [
        ((1,), 1, True),
        ((33,), 100, False),
        ((257,), 16, True),
        (ROWS[4], 16, True),
        ((0,), 5, True),
        ((), 5, False),
    ],
    ids=str,
)
def test_interpreted_kernel_is_as_exact_as_torch(place, lengths, n_channels, with_state, monkeypatch):
    with nan_filled_allocations(monkeypatch):
        judge(place, example(lengths, n_channels, with_state))


@pytest.mark.parametrize("place", FLOAT32)
@pytest.mark.parametrize("output", [0, 1])
def test_either_output_alone_is_differentiable(place, output):
    kernel = place.kernel("causal_conv1d")
    assert_as_exact_as_eager(
        lambda **given: kernel(**given)[output],
        lambda **given: reference.causal_conv1d(**given)[output],
        example((20, 0, 2)),
        device=place.device,
    )


@pytest.mark.parametrize("place", TRITON)
def test_activations_in_bfloat16_and_the_rest_in_float32(place):
    """What a model in bfloat16 passes: each gradient comes back in the dtype of its input."""
    inputs = example((9, 1))
    inputs["x"] = inputs["x"].bfloat16()
    given = {k: v.to(place.device).requires_grad_(v.is_floating_point()) for k, v in inputs.items()}
    y, final = place.kernel("causal_conv1d")(**given)
    assert (y.dtype, final.dtype) == (torch.bfloat16, torch.float32)
    (y.sum() + final.sum()).backward()
    floating = [value for value in given.values() if value.is_floating_point()]
    assert all(value.grad.dtype == value.dtype and value.grad.isfinite().all() for value in floating)


@pytest.mark.parametrize("blocks", [2, 3, 40])
@pytest.mark.parametrize("lengths", [(100,), (0, 3, 50, 1, 0, 46)], ids=str)
def test_kernel_in_blocks_on_threads(lengths, blocks, monkeypatch):
    monkeypatch.setattr(cpu, "n_blocks", lambda n_positions, width: blocks)
    with nan_filled_allocations(monkeypatch):
        assert_as_exact_as_eager(cpu.causal_conv1d, reference.causal_conv1d, example(lengths))


def test_many_positions_do_not_lose_digits_of_the_weight_gradient():
    inputs = example((20_000,), n_channels=4)
    inputs["x"] = inputs["x"] + 3  # with the same dy everywhere: a sum that grows, the worst case for float32
    assert_as_exact_as_eager(
        lambda **given: cpu.causal_conv1d(**given)[0].sum(0),
        lambda **given: reference.causal_conv1d(**given)[0].sum(0),
        inputs,
    )


@pytest.mark.parametrize("name", ["numba", "reference", "triton"])
def test_state_carries_a_sequence_over_any_split(name):
    inputs = example((30, 11))
    with backend.using(name):
        whole, final = causal_conv1d(**inputs)
        state, parts = inputs["state"], ([], [])
        for lengths in [(1, 0), (0, 2), (20, 1), (2, 2), (7, 6)]:
            done = [sum(len(part) for part in row) for row in parts]
            pieces = [
                inputs["x"][start + n : start + n + length]
                for start, n, length in zip((0, 30), done, lengths, strict=True)
            ]
            split = inputs | {"x": torch.cat(pieces), "cu_seqlens": row_limits(*lengths), "state": state}
            y, state = causal_conv1d(**split)
            for row, part in zip(parts, y.split(lengths), strict=True):
                row.append(part)
    torch.testing.assert_close(torch.cat(parts[0] + parts[1]), whole, rtol=1e-6, atol=1e-6)
    assert torch.equal(state, final)


def test_state_is_the_last_three_inputs_oldest_first():
    inputs = example((5, 1, 0))
    for op in (cpu.causal_conv1d, reference.causal_conv1d):
        _, final = op(**inputs)
        assert torch.equal(final[0], inputs["x"][2:5].T)
        assert torch.equal(final[1], torch.cat((inputs["state"][1, :, 1:], inputs["x"][5:6].T), dim=1))
        assert torch.equal(final[2], inputs["state"][2])


def test_reference_follows_its_definition():
    inputs = example((4,), n_channels=2, with_state=False)
    x, weight = inputs["x"], inputs["weight"]
    y, _ = reference.causal_conv1d(**inputs)
    v = inputs["bias"] + weight[:, 3] * x[3] + weight[:, 2] * x[2] + weight[:, 1] * x[1] + weight[:, 0] * x[0]
    torch.testing.assert_close(y[3], v * torch.sigmoid(v))
    v = inputs["bias"] + weight[:, 3] * x[0]
    torch.testing.assert_close(y[0], v * torch.sigmoid(v))


def test_reference_gradients():
    x, weight, bias, limits, state = (
        tensor.double().requires_grad_() if tensor.is_floating_point() else tensor
        for tensor in example((2, 0, 5), n_channels=3).values()
    )
    assert torch.autograd.gradcheck(reference.causal_conv1d, (x, weight, bias, limits, state))


@pytest.mark.parametrize("place", FLOAT32)
@pytest.mark.parametrize("value", [-1e4, -90.0, -20.0, 0.0, 20.0, 90.0, 1e4])
def test_silu_at_extremes(place, value):
    judge(place, example((8,), with_state=False) | {"x": torch.full((8, 20), value)})


@pytest.mark.parametrize("place", FLOAT32)
def test_nan_is_not_swallowed(place):
    inputs = example((8,), with_state=False)
    inputs["x"][4, 0] = torch.nan
    y, _ = place.kernel("causal_conv1d")(
        **{k: v if v is None else v.to(place.device) for k, v in inputs.items()}
    )
    assert y[4:, 0].isnan().all()
    assert y[:4].isfinite().all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", torch.zeros(3, 4, 5)),
        ("weight", torch.zeros(20, 3)),
        ("bias", torch.zeros(19)),
        ("bias", torch.zeros(20, dtype=torch.float64)),
        ("state", torch.zeros(2, 20, 3)),
        ("cu_seqlens", torch.tensor([0, 9])),
        ("cu_seqlens", torch.tensor([1, 8])),
    ],
)
def test_wrong_shapes_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        causal_conv1d(**(example((8,)) | {name: value}))


def test_column_slices_are_read_in_place():
    wide = torch.arange(40.0).view(4, 10)
    array, stride = cpu.flat(wide[1:, 2:6])
    assert stride == 10
    assert array.ctypes.data == wide.data_ptr() + 12 * 4
    assert array[2 * stride + 3] == wide[3, 5]
