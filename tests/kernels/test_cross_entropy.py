"""Cross entropy: the CPU kernel against the reference, and the reference against its definition."""

import math

import pytest
import torch

from kernels import backend
from kernels.cross_entropy import IGNORED, cpu, cross_entropy, reference
from tests.kernels.gradients import assert_as_exact_as_eager, column_slice, nan_filled_allocations


def example(n_positions, width, seed=0) -> dict:
    noise = torch.Generator().manual_seed(seed)
    target = torch.randint(0, width, (n_positions,), generator=noise)
    target[1::5] = IGNORED
    return {"logits": 6 * column_slice(n_positions, width, noise), "target": target}


@pytest.mark.parametrize(("n_positions", "width"), [(0, 16), (1, 1), (33, 5), (100, 33), (257, 256)], ids=str)
def test_kernel_is_as_exact_as_torch(n_positions, width, monkeypatch):
    with nan_filled_allocations(monkeypatch):
        assert_as_exact_as_eager(cpu.cross_entropy, reference.cross_entropy, example(n_positions, width))


@pytest.mark.parametrize("name", ["numba", "reference"])
def test_by_hand(name):
    logits = torch.tensor(
        [[0.0, 0.0, 0.0, 0.0], [math.log(3), 0.0, -math.inf, -math.inf], [1.0, 2.0, 3.0, 4.0]]
    )
    with backend.using(name):
        nll = cross_entropy(logits, torch.tensor([2, 0, IGNORED]))
    torch.testing.assert_close(nll, torch.tensor([math.log(4), math.log(4 / 3), 0.0]))


@pytest.mark.parametrize("name", ["numba", "reference"])
def test_large_logits_do_not_overflow_and_nan_is_not_hidden(name):
    logits = torch.zeros(3, 20)
    logits[0, 3], logits[1] = 1e4, -1e4
    logits[2, 17] = math.nan
    with backend.using(name):
        nll = cross_entropy(logits, torch.tensor([0, 0, 0]))
    torch.testing.assert_close(nll[:2], torch.tensor([1e4, math.log(20)]))
    assert nll[2].isnan()


@pytest.mark.parametrize("name", ["numba", "reference"])
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
