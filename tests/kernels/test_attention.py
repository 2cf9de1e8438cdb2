"""Attention over packed rows: the kernels against the reference, and the reference against its definition."""

import math
from itertools import pairwise

import pytest
import torch

from kernels import backend
from kernels.arguments import remember_limits
from kernels.attention import attention, reference
from kernels.attention.reference import attend
from tests.kernels.counting import counted_launches
from tests.kernels.gradients import assert_as_exact_as_eager, nan_filled_allocations, row_limits
from tests.kernels.places import TRITON, Place


def example(lengths, heads=2, width=16, rotated=8, window=-1, seed=0) -> dict:
    """qkv lies as a projection leaves it."""
    noise, limits = torch.Generator().manual_seed(seed), row_limits(*lengths)
    T = int(limits[-1])
    qkv = torch.randn(T, 3, heads, width, generator=noise)
    angle = torch.randn(T, rotated // 2, generator=noise)
    return {
        "qkv": qkv,
        "cu_seqlens": limits,
        "cos": angle.cos() if rotated else None,
        "sin": angle.sin() if rotated else None,
        "window": window,
    }


def called(operator):
    """The operator as a function of tensors by name, whose angles take no gradient."""

    def call(qkv, cu_seqlens, cos, sin, window):
        rotary = None if cos is None else (cos.detach(), sin.detach())
        return operator(qkv, cu_seqlens, rotary, window)

    return call


@pytest.mark.parametrize("window", [-1, 0, 2, 200])
def test_the_reference_is_the_definition(window):
    inputs = example((1, 5, 0, 140), window=window)
    got = called(reference.attention)(**inputs)
    q, k, v = (inputs["qkv"][:, i].double() for i in range(3))
    q, k = (
        reference.rotate(x[:, None], inputs["cos"].double(), inputs["sin"].double())[:, 0] for x in (q, k)
    )
    limits = inputs["cu_seqlens"].tolist()
    for begin, end in pairwise(limits):
        for t in range(begin, end):
            first = begin if window < 0 else max(begin, t - window)
            scores = torch.einsum("hd,nhd->hn", q[t], k[first : t + 1]) / math.sqrt(q.shape[-1])
            want = torch.einsum("hn,nhd->hd", scores.softmax(-1), v[first : t + 1])
            torch.testing.assert_close(got[t].double(), want, rtol=1e-4, atol=1e-5)


def test_rotation_turns_pairs_and_leaves_the_rest():
    x = torch.arange(6.0).view(1, 1, 1, 6)
    turned = reference.rotate(x, torch.zeros(1, 2), torch.ones(1, 2))
    assert turned.flatten().tolist() == [-2.0, -3.0, 0.0, 1.0, 4.0, 5.0]


def test_gradients_of_the_reference():
    inputs = example((3, 0, 4), width=4, rotated=4, window=1)
    qkv = inputs.pop("qkv").double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: called(reference.attention)(x, **inputs), qkv)


@pytest.mark.parametrize("place", TRITON)
@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [
        ((0,), {}),
        ((), {}),
        ((1,), {"rotated": 0}),
        ((1,) * 9, {"window": 0}),
        ((70, 0, 1, 33), {"width": 20, "rotated": 12}),
        ((70, 0, 1, 33), {"width": 20, "rotated": 20, "window": 5}),
        ((150, 70), {"heads": 1, "width": 48, "rotated": 16, "window": 40}),
        ((150, 70), {"heads": 1, "width": 64, "rotated": 64, "window": 100}),
        ((40,), {"heads": 1, "width": 80, "rotated": 16}),
        ((35, 20), {"heads": 1, "width": 136, "rotated": 16, "window": 20}),
        ((5, 3), {"heads": 1, "width": 260}),
    ],
    ids=str,
)
def test_kernels_are_as_exact_as_torch(place, lengths, sizes, monkeypatch):
    kernel = place.kernel("attention")
    with nan_filled_allocations(monkeypatch):
        assert_as_exact_as_eager(
            called(kernel), called(reference.attention), example(lengths, **sizes), place.dtype, place.device
        )


def test_scores_as_large_as_they_come_do_not_overflow():
    inputs = example((90,), window=3)
    inputs["qkv"][:, :2] *= 40
    kernel = Place("cuda").kernel("attention")
    assert_as_exact_as_eager(called(kernel), called(reference.attention), inputs)


@pytest.mark.parametrize("rows", [1, 12])
@pytest.mark.parametrize("window", [-1, 4])
def test_launches_do_not_grow_with_the_rows(rows, window):
    inputs = example((10,) * rows, window=window)
    inputs["qkv"].requires_grad_()
    with backend.using("triton"), counted_launches() as (ours, of_torch):
        out = called(attention)(**inputs)
        out.backward(torch.ones_like(out.detach()))
    assert ours == {
        "attention.rotate": 2,
        "attention.attend": 1,
        "attention.query_gradients": 1,
        "attention.key_gradients": 1,
    }
    assert set(of_torch) <= {"ones_like", "fill_", "detach_"}


@pytest.mark.parametrize("window", [-1, 3])
def test_one_row_after_its_past_is_the_whole_row(window):
    q, k, v = torch.randn(3, 50, 2, 8, generator=torch.Generator().manual_seed(0))
    whole = attend(q, k, v, window)
    torch.testing.assert_close(attend(q[31:], k, v, window), whole[31:])


def test_limits_that_the_host_knows_are_not_asked_for(monkeypatch):
    inputs = example((4, 3))
    limits = inputs["cu_seqlens"]
    remember_limits(limits, [0, 4, 7], 7)
    want = called(reference.attention)(**inputs)
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "tolist", lambda tensor: pytest.fail("the device was asked"))
        assert torch.equal(called(reference.attention)(**inputs), want)
    limits[1] = 2  # written to: what was known is forgotten
    assert not torch.equal(called(reference.attention)(**inputs), want)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"qkv": torch.zeros(7, 2, 2, 16)}, r"qkv must be \(T, 3, H, Dh\)"),
        ({"cos": torch.zeros(7, 9), "sin": torch.zeros(7, 9)}, r"cos and sin must be \(7, at most 8\)"),
        ({"cos": torch.zeros(6, 4), "sin": torch.zeros(6, 4)}, r"cos and sin must be \(7, at most 8\)"),
        ({"sin": torch.zeros(7, 3)}, r"got \(7, 4\) and \(7, 3\)"),
        ({"cu_seqlens": torch.tensor([0, 6])}, "from 0 to 7"),
    ],
)
def test_what_does_not_fit_is_refused(change, told):
    with pytest.raises(ValueError, match=told):
        called(attention)(**(example((4, 3)) | change))
