"""The losses of a step: the published ones, and each further one against a plain loop, in float64."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from hnet_core.config import HNetConfig
from hnet_core.losses import next_bytes
from hnet_core.model import HNetForCausalLM, HNetOutput
from hnet_core.routers.decision import StageBoundaries
from hnet_core.training.aims import Aims, target_at
from hnet_core.training.objective import objective
from hnet_core.training.options import TrainingOptions
from kernels.cross_entropy import IGNORED

TEXT, LIMITS = b"the cat, the dog.A b", torch.tensor([0, 9, 20])
NO_RATE = {"target": (3.0,), "weight": (0.0,)}


def test_targets_stop_at_row_ends():
    ids, cu_seqlens = torch.tensor([5, 6, 7, 8, 9], dtype=torch.uint8), torch.tensor([0, 2, 3, 5])
    assert next_bytes(ids, cu_seqlens).tolist() == [6, IGNORED, IGNORED, 9, IGNORED]


@pytest.mark.parametrize("name", ["a_1stage", "b_2stage"])
def test_losses_equal_the_published_ones(golden, name):
    folder = golden / name
    model = HNetForCausalLM(HNetConfig.from_file(folder / "config.json"))
    model.load_state_dict(load_file(folder / "weights.safetensors"))
    meta = json.loads((folder / "meta.json").read_text())
    want = meta["loss"]
    rows = load_file(folder / "golden.safetensors")["packed.input_ids"].long()
    ids, cu_seqlens = rows.flatten(), torch.arange(len(rows) + 1) * rows.shape[1]
    output = model(ids, cu_seqlens=cu_seqlens)
    weight = (meta["ratio_weight"],) * len(meta["ratio_N"])
    got = objective(output, ids, cu_seqlens, Aims(target=meta["ratio_N"], weight=weight))
    assert got.cross_entropy.item() == pytest.approx(want["ce"], abs=1e-5)
    assert [r.item() for r in got.ratios] == pytest.approx(want["ratio"], abs=1e-5)
    assert got.total.item() == pytest.approx(want["total"], abs=1e-5)


def made_up(prob: torch.Tensor, seed: int = 0) -> tuple[HNetOutput, torch.Tensor, torch.Tensor]:
    """An output of one stage with these p on TEXT, its bytes, and their surprise by a plain loop."""
    logits = torch.randn(len(TEXT), 256, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    ids = torch.tensor(list(TEXT))
    stage = StageBoundaries(prob, prob.detach() > 0.5, cu_seqlens=LIMITS)
    ends = set((LIMITS[1:] - 1).tolist())
    nll = [
        None if t in ends else -(logits[t, TEXT[t + 1]] - logits[t].logsumexp(0)).item()
        for t in range(len(TEXT))
    ]
    return HNetOutput(logits, (stage,)), ids, nll


def some_prob(seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    prob = torch.rand(len(TEXT), generator=generator, dtype=torch.float64) * 0.9 + 0.05
    return prob.requires_grad_()


def extra(prob: torch.Tensor, **aims) -> torch.Tensor:
    """What the loss has beside the cross entropy."""
    output, ids, _ = made_up(prob)
    found = objective(output, ids, LIMITS, Aims(**NO_RATE | aims))
    return found.total.double() - found.cross_entropy.double()


@pytest.mark.parametrize(("low", "high"), [(4.0, 0.0), (0.0, 1.5), (8.0, 9.0), (1.5, 8.0)])
def test_hinge_is_free_between_its_limits(low, high):
    prob = some_prob()
    mean = sum(prob.tolist()) / len(prob)
    want = (max(0, mean - 1 / low) ** 2 if low else 0) + (max(0, 1 / high - mean) ** 2 if high else 0)
    assert (want == 0) == ((low, high) == (1.5, 8.0)), "the cases have a side each, and one lies inside"

    def hinge(p):
        output, ids, _ = made_up(p)
        aims = Aims(target=(3.0,), weight=(7.0,), rate_loss="hinge", low=(low,), high=(high,))
        return objective(output, ids, LIMITS, aims).ratios[0]

    assert hinge(prob).item() == pytest.approx(want, rel=1e-12)
    assert torch.autograd.gradcheck(hinge, prob)


def test_hinge_weighs_by_beta():
    aims = {"rate_loss": "hinge", "low": (4.0,), "high": (0.0,)}
    one, ten = (extra(some_prob(), **aims, weight=(beta,)).item() for beta in (1.0, 10.0))
    assert ten == pytest.approx(10 * one, rel=1e-4) and one > 0


def test_alignment_draws_p_to_the_surprise_at_the_next_byte():
    prob = some_prob()
    _, _, nll = made_up(prob)
    terms = [(1 - math.exp(-n) - p) ** 2 for n, p in zip(nll, prob.tolist(), strict=True) if n is not None]
    assert len(terms) == len(TEXT) - 2
    assert extra(prob, cab=0.5).item() == pytest.approx(0.5 * sum(terms) / len(terms), abs=1e-6)
    extra(prob, cab=1.0).backward()
    want = [
        0 if n is None else -2 * (1 - math.exp(-n) - p) / len(terms)
        for n, p in zip(nll, prob.tolist(), strict=True)
    ]
    assert prob.grad.tolist() == pytest.approx(want, abs=1e-6)


def test_alignment_teaches_the_router_alone():
    output, ids, _ = made_up(some_prob())
    logits = output.logits.requires_grad_()
    found = objective(output, ids, LIMITS, Aims(**NO_RATE, cab=1.0))
    (both,) = torch.autograd.grad(found.total, logits, retain_graph=True)
    (alone,) = torch.autograd.grad(found.cross_entropy, logits)
    assert torch.equal(both, alone)


def test_prior_is_the_cross_entropy_with_space_like_places():
    # Space-like after what is not: the two spaces and the comma of the first row, spaces and mark of the second.
    places = {0, 3, 7, 9, 12, 16, 18}
    assert [TEXT[i : i + 1] for i in sorted(places)] == [b"t", b" ", b",", b"t", b" ", b".", b" "]
    prob = some_prob()
    terms = [-math.log(p if t in places else 1 - p) for t, p in enumerate(prob.tolist())]
    assert extra(prob, prior=0.5).item() == pytest.approx(0.5 * sum(terms) / len(terms), abs=1e-6)
    extra(prob, prior=1.0).backward()
    want = [(-1 / p if t in places else 1 / (1 - p)) / len(terms) for t, p in enumerate(prob.tolist())]
    assert prob.grad.tolist() == pytest.approx(want, rel=1e-5)


def test_prior_has_a_bounded_gradient_where_p_is_certain():
    prob = torch.tensor([0.0, 1.0] * (len(TEXT) // 2), dtype=torch.float64, requires_grad=True)
    extra(prob, prior=1.0).backward()
    assert prob.grad.isfinite().all() and prob.grad.abs().max() < 1e4


def test_a_schedule_is_linear_between_its_points():
    schedule = ((0.0, 2.0), (0.3, 4.0), (0.6, 5.0))
    got = [target_at(schedule, share)[0] for share in (0, 0.15, 0.3, 0.45, 0.6, 1)]
    assert got == pytest.approx([2, 3, 4, 4.5, 5, 5])
    assert target_at(((0.5, 2.0, 3.0), (1.0, 4.0, 2.0)), 0.25) == (2.0, 3.0)
    assert target_at((), 0.5) == ()


def test_aims_follow_the_bytes_seen():
    options = TrainingOptions(
        bytes=1000,
        target=(5.0,),
        target_schedule=((0.0, 2.0), (0.5, 5.0)),
        prior_bytes=200,
        alpha=0.25,
    )
    assert [Aims.of(options, n).target[0] for n in (0, 250, 500, 1000)] == pytest.approx([2, 3.5, 5, 5])
    assert [Aims.of(options, n).prior for n in (0, 50, 200, 1000)] == pytest.approx([1, 0.75, 0, 0])
    assert Aims.of(options).weight == (0.25,)
    hinge = TrainingOptions(target=(2.5, 2.5), rate_loss="hinge", low=3.0, high=(8.0, 0.0), beta=4.0)
    found = Aims.of(hinge)
    assert (found.weight, found.low, found.high) == ((4.0, 4.0), (3.0, 3.0), (8.0, 0.0))
    falling = TrainingOptions(
        bytes=1000, target=(2.5,), rate_loss="hinge", low=4.0, low_schedule=((0, 2.0), (0.5, 4.0))
    )
    assert [Aims.of(falling, n).low for n in (0, 250, 500, 1000)] == [(2.0,), (3.0,), (4.0,), (4.0,)]
