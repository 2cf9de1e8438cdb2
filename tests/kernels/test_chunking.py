"""Chunking: the Triton kernels against the reference, and the reference against its definition."""

import pytest
import torch

from kernels import backend
from kernels.chunking import keep, reference, starts
from tests.kernels.gradients import (
    assert_as_exact_as_eager,
    column_slice,
    nan_filled_allocations,
    row_limits,
)
from tests.kernels.places import TRITON

ROWS = [(1,), (33,), (100,), (257,), (0, 1, 2, 0, 3, 40, 0), (0,), (), (1023, 1, 0, 1100)]


def boundaries(lengths, rate, seed=0) -> torch.Tensor:
    return torch.rand(sum(lengths), generator=torch.Generator().manual_seed(seed)) < rate


@pytest.mark.parametrize("place", TRITON)
@pytest.mark.parametrize("lengths", ROWS, ids=str)
@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_starts_and_limits_are_exact(place, lengths, rate):
    is_boundary, limits = boundaries(lengths, rate), row_limits(*lengths)
    want = reference.starts(is_boundary, limits)
    found, inner, numbers = place.kernel("chunking", "starts")(
        is_boundary.to(place.device), limits.to(place.device)
    )
    assert torch.equal(found.cpu(), want[0])
    assert torch.equal(inner.cpu(), want[1])
    assert numbers == want[2]


@pytest.mark.parametrize("place", TRITON)
@pytest.mark.parametrize(
    ("n", "width", "rate"), [(1, 1, 1.0), (33, 100, 0.3), (100, 3, 0.05), (257, 33, 0.2)]
)
def test_copies_and_their_gradients_are_exact(place, n, width, rate, monkeypatch):
    x = column_slice(n, width, torch.Generator().manual_seed(1))
    found = reference.starts(boundaries((n,), rate), row_limits(n))[0]
    with nan_filled_allocations(monkeypatch):
        assert_as_exact_as_eager(
            place.kernel("chunking", "keep"),
            reference.keep,
            {"x": x, "starts": found},
            place.dtype,
            place.device,
        )


@pytest.mark.parametrize("place", TRITON)
def test_no_chunk_at_all(place):
    x = torch.ones(5, 3, device=place.device, requires_grad=True)
    out = place.kernel("chunking", "keep")(x, torch.zeros(0, dtype=torch.int64, device=place.device))
    assert out.shape == (0, 3)
    (dx,) = torch.autograd.grad(out.sum(), x)
    assert torch.equal(dx, torch.zeros_like(x))


@pytest.mark.parametrize("name", ["auto", "triton"])
def test_follows_its_definition(name):
    is_boundary = torch.tensor([True, False, True, True, False, False])
    with backend.using(name):
        found, limits, numbers = starts(is_boundary, row_limits(3, 0, 1, 2))
        kept = keep(torch.arange(12.0).view(6, 2), found)
    assert found.tolist() == [0, 2, 3]
    assert limits.tolist() == numbers == [0, 2, 2, 3, 3]
    assert kept.tolist() == [[0, 1], [4, 5], [6, 7]]


@pytest.mark.parametrize(
    ("is_boundary", "limits", "message"),
    [
        (
            torch.zeros(2, 3, dtype=torch.bool),
            row_limits(2),
            r"is_boundary must be \(T,\) bool, got \(2, 3\)",
        ),
        (torch.zeros(3, dtype=torch.bool), row_limits(4), r"cu_seqlens must rise from 0 to 3.*got \[0, 4\]"),
        (torch.zeros(3), row_limits(3), "is_boundary must be .* torch.float32"),
        (
            torch.zeros(3, dtype=torch.bool),
            torch.zeros(0, dtype=torch.int64),
            r"cu_seqlens must be \(R \+ 1,\)",
        ),
    ],
)
def test_wrong_shapes_are_refused(is_boundary, limits, message):
    with pytest.raises(ValueError, match=message):
        starts(is_boundary, limits)


def test_wrong_inputs_are_refused():
    with pytest.raises(ValueError, match=r"x must be \(T, D\)"):
        keep(torch.zeros(3), torch.zeros(1, dtype=torch.int64))
    with pytest.raises(
        ValueError, match=r"starts must be \(M,\) in torch.int64, got \(1,\) in torch.float32"
    ):
        keep(torch.zeros(3, 4), torch.zeros(1))


@pytest.mark.parametrize("place", TRITON)
@pytest.mark.parametrize("found", [[0], [4000], [0, 3, 4999], [1, 2500, 2501]], ids=str)
def test_a_chunk_of_thousands_of_positions_has_its_gradient(place, found, monkeypatch):
    """Everything between two starts is zero, however long: before the first, after the last, within a tile's chunks."""
    x = torch.randn(5000, 3, generator=torch.Generator().manual_seed(1))
    with nan_filled_allocations(monkeypatch):
        assert_as_exact_as_eager(
            place.kernel("chunking", "keep"),
            reference.keep,
            {"x": x, "starts": torch.tensor(found)},
            place.dtype,
            place.device,
        )


@pytest.mark.parametrize("place", TRITON)
def test_thousands_of_rows(place):
    is_boundary = boundaries((3000,), 0.4)
    limits = row_limits(*[n % 3 for n in range(3000)])
    kernel = place.kernel("chunking", "starts")
    found, inner, numbers = kernel(is_boundary.to(place.device), limits.to(place.device))
    want = reference.starts(is_boundary, limits)
    assert torch.equal(found.cpu(), want[0]) and torch.equal(inner.cpu(), want[1]) and numbers == want[2]
