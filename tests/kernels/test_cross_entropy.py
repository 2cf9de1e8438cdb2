"""Cross entropy: the kernels against the reference, and the reference against its definition."""

import math

import pytest
import torch

from kernels import backend
from kernels.cross_entropy import IGNORED, cpu, cross_entropy, reference
from tests.kernels.counting import counted_launches
from tests.kernels.gradients import assert_as_exact_as_eager, column_slice, nan_filled_allocations
from tests.kernels.places import ALL, NUMBA_IN_BFLOAT16

NAMES = ["numba", "triton", "reference"]


def example(n_positions, width, seed=0) -> dict:
    noise = torch.Generator().manual_seed(seed)
    target = torch.randint(0, width, (n_positions,), generator=noise)
    target[1::5] = IGNORED
    return {"logits": 6 * column_slice(n_positions, width, noise), "target": target}


@pytest.mark.parametrize("place", [NUMBA_IN_BFLOAT16, *ALL])
@pytest.mark.parametrize(("n_positions", "width"), [(0, 16), (1, 1), (33, 5), (100, 33), (257, 256)], ids=str)
def test_kernel_is_as_exact_as_torch(place, n_positions, width, monkeypatch):
    kernel = place.kernel("cross_entropy")
    with nan_filled_allocations(monkeypatch):
        inputs = example(n_positions, width)
        assert_as_exact_as_eager(kernel, reference.cross_entropy, inputs, place.dtype, place.device)


@pytest.mark.parametrize("name", NAMES)
def test_of_bfloat16_nothing_is_rounded_but_the_logits(name):
    inputs = example(50, 256)
    with backend.using(name):
        got = cross_entropy(inputs["logits"].bfloat16(), inputs["target"])
    want = reference.cross_entropy(inputs["logits"].bfloat16().double(), inputs["target"])
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.double(), want, rtol=1e-6, atol=1e-6)


def test_a_gpu_is_asked_once_each_way():
    inputs = example(50, 256)
    logits = inputs["logits"].bfloat16().requires_grad_()
    with backend.using("triton"), counted_launches() as (ours, of_torch):
        nll = cross_entropy(logits, inputs["target"])
        nll.backward(torch.ones_like(nll.detach()))
    assert ours == {"cross_entropy.forward": 1, "cross_entropy.backward": 1}
    assert set(of_torch) <= {"ones_like"} and logits.grad.dtype == torch.bfloat16


def test_a_gpu_gives_nan_for_a_target_outside_the_vocabulary():
    with backend.using("triton"):
        nll = cross_entropy(torch.zeros(4, 8), torch.tensor([0, 8, -1, IGNORED]))
    assert nll.isnan().tolist() == [False, True, True, False]


@pytest.mark.parametrize("name", NAMES)
def test_by_hand(name):
    logits = torch.tensor(
        [[0.0, 0.0, 0.0, 0.0], [math.log(3), 0.0, -math.inf, -math.inf], [1.0, 2.0, 3.0, 4.0]]
    )
    with backend.using(name):
        nll = cross_entropy(logits, torch.tensor([2, 0, IGNORED]))
    torch.testing.assert_close(nll, torch.tensor([math.log(4), math.log(4 / 3), 0.0]))


@pytest.mark.parametrize("name", NAMES)
def test_large_logits_do_not_overflow_and_nan_is_not_hidden(name):
    logits = torch.zeros(3, 20)
    logits[0, 3], logits[1] = 1e4, -1e4
    logits[2, 17] = math.nan
    with backend.using(name):
        nll = cross_entropy(logits, torch.tensor([0, 0, 0]))
    torch.testing.assert_close(nll[:2], torch.tensor([1e4, math.log(20)]))
    assert nll[2].isnan()


@pytest.mark.parametrize("name", NAMES)
def test_an_ignored_position_has_no_gradient_whatever_it_holds(name):
    logits = torch.full((2, 20), 1e30)
    logits[1] = 0
    logits.requires_grad_()
    with backend.using(name):
        cross_entropy(logits, torch.tensor([IGNORED, 3])).sum().backward()
    assert logits.grad[0].eq(0).all()
    torch.testing.assert_close(logits.grad[1], 0.05 - torch.nn.functional.one_hot(torch.tensor(3), 20))


def test_gradients_of_the_reference():
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0, 2, IGNORED, 1])
    assert torch.autograd.gradcheck(lambda x: reference.cross_entropy(x, target), logits)


def test_two_threads_give_what_one_gives(monkeypatch):
    inputs, results = example(2048, 256), []
    for threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        logits = inputs["logits"].detach().requires_grad_()
        nll = cpu.cross_entropy(logits, inputs["target"])
        nll.sum().backward()
        results.append((nll, logits.grad))
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


@pytest.mark.parametrize(
    ("logits", "target", "message"),
    [
        ((3, 4, 5), torch.zeros(3, dtype=torch.int64), r"logits must be \(T, V\)"),
        ((3, 4), torch.zeros(2, dtype=torch.int64), r"got \(3, 4\) and \(2,\)"),
        ((3, 4), torch.zeros(3), "torch.float32"),
        ((2, 4), torch.tensor([0, 4]), r"target\[1\] = 4 is neither -100 nor below 4"),
        ((2, 4), torch.tensor([-1, 3]), r"target\[0\] = -1"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(logits, target, message):
    with pytest.raises(ValueError, match=message):
        cross_entropy(torch.zeros(logits), target)
