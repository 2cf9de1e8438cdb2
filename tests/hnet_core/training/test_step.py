"""A step's gradient is that of all its positions, however the step is cut."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from hnet_core.data.packing import PackedRows
from hnet_core.encoding import BOS, EOS
from hnet_core.training import step
from hnet_core.training.budget import OverBudgetError, inner_positions, split
from hnet_core.training.distributed import Processes, SpreadModel
from hnet_core.training.options import TrainingOptions
from hnet_core.training.step import StepFigures, StepGradient
from kernels import backend
from kernels.linear.choice import Choice
from tests.tiny import random_bytes, tiny_model

TARGET, ALPHA = (3.0, 2.0), (0.5, 0.25)
LENGTHS = (40, 1, 97, 64, 3, 80)


def rows(lengths=LENGTHS) -> PackedRows:
    """Documents of different bytes and lengths, each with its markers."""
    ids = [bytes([BOS]) + random_bytes(n, seed=i) + bytes([EOS]) for i, n in enumerate(lengths)]
    data = np.array(list(b"".join(ids)), dtype=np.uint8)
    return PackedRows(data, np.cumsum([0, *map(len, ids)]))


def gradient_of(packs, **options) -> tuple[StepFigures, dict[str, torch.Tensor], list[int]]:
    """Figures, gradients and the inner positions of every forward that was learned from."""
    model = tiny_model(2)
    seen = []

    def note(stage, args):
        if torch.is_grad_enabled():
            seen.append(len(args[0]))

    model.backbone.main_network.register_forward_pre_hook(note)
    options = {"matmul_precision": "fp32", **options}
    options = TrainingOptions(target=TARGET, alpha=ALPHA, row_bytes=128, **options)
    figures = StepGradient(SpreadModel(model, Processes(), "ddp"), options, Processes())(packs)
    return figures, {name: p.grad for name, p in model.named_parameters()}, seen


@pytest.fixture(scope="module")
def whole():
    return gradient_of([rows()])


def assert_same_step(got, want) -> None:
    figures, gradients, _ = got
    assert figures.boundaries == want[0].boundaries and figures.positions == want[0].positions
    for name in ("loss", "cross_entropy", "ratios"):
        assert getattr(figures, name) == pytest.approx(getattr(want[0], name), rel=1e-6), name
    largest = max(gradient.abs().max().item() for gradient in want[1].values())
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, want[1][name], rtol=1e-4, atol=1e-6 * largest, msg=name)


@pytest.mark.parametrize("cuts", [(0, 3, 6), (0, 1, 2, 3, 4, 5, 6)], ids=["two packs", "a document a pack"])
def test_packs_give_the_gradient_of_the_whole_step(whole, cuts):
    """So no document bleeds into the next one: alone, each gives its share of what all give together."""
    packs = [rows().rows(low, high) for low, high in pairwise(cuts)]
    assert_same_step(gradient_of(packs), whole)


@pytest.mark.parametrize(
    "options",
    [
        {"rate_loss": "hinge", "low": (9.0, 1.2), "high": (0.0, 1.3), "beta": 50.0},
        {"cab": 3.0},
        {"prior_bytes": 1000},
    ],
    ids=["hinge", "alignment", "prior"],
)
def test_packs_give_the_gradient_of_the_whole_step_by_every_loss(whole, options):
    packs = [rows().rows(low, high) for low, high in pairwise((0, 1, 4, 6))]
    want = gradient_of([rows()], **options)
    assert abs(want[0].loss / whole[0].loss - 1) > 1e-3, "the loss adds nothing"
    assert_same_step(gradient_of(packs, **options), want)


def test_what_the_budget_splits_has_the_same_gradient(whole):
    figures, gradients, seen = gradient_of([rows()], chunk_budget=80)
    assert sum(whole[0].boundaries) > 160, "the step fits the budget and tests nothing"
    assert seen[0] > 80 or len(seen) > 2
    assert sum(seen[1:]) == whole[0].boundaries[0], "a row was dropped or learned twice"
    assert_same_step((figures, gradients, seen), whole)


def test_within_the_budget_nothing_runs_twice(whole):
    *step, seen = gradient_of([rows()], chunk_budget=10_000)
    assert seen == [whole[0].boundaries[0]]
    assert_same_step((*step, seen), whole)


def test_the_step_stops_before_the_inner_network_is_over_the_budget():
    model = tiny_model(2)
    options = TrainingOptions(target=TARGET, row_bytes=128, chunk_budget=80)
    gradient = StepGradient(SpreadModel(model, Processes(), "ddp"), options, Processes())
    entered = []
    model.backbone.main_network.encoder.layers[0].register_forward_pre_hook(
        lambda module, args: entered.append(len(args[0]))
    )
    with pytest.raises(OverBudgetError), gradient._budget.watched():
        gradient._forward(step.Placed.on("cpu", rows()))
    assert not entered
    gradient([rows()])
    assert entered and max(entered[1:]) <= 80


def test_decisions_ahead_are_those_of_the_forward():
    model, pack = tiny_model(2), rows()
    ids, cu_seqlens = torch.from_numpy(pack.input_ids).long(), torch.from_numpy(pack.cu_seqlens)
    ahead, forward = model.decide(ids, cu_seqlens), model(ids, cu_seqlens=cu_seqlens).stages
    assert len(ahead) == len(forward) == 2
    for a, b in zip(ahead, forward, strict=True):
        assert torch.equal(a.prob, b.prob) and torch.equal(a.is_boundary, b.is_boundary)
        assert torch.equal(a.cu_seqlens, b.cu_seqlens)
    by_row = inner_positions(ahead)
    assert by_row.sum() == sum(int(stage.is_boundary.sum()) for stage in forward) and len(by_row) == len(
        LENGTHS
    )


def test_split_keeps_rows_whole_and_in_order():
    pack = rows()
    parts = split(pack, np.array([50, 1, 30, 90, 3, 60]), 80)
    assert [len(part.cu_seqlens) - 1 for part in parts] == [2, 1, 1, 2]
    assert b"".join(part.input_ids.tobytes() for part in parts) == pack.input_ids.tobytes()
    assert all(part.cu_seqlens[0] == 0 and part.cu_seqlens[-1] == len(part.input_ids) for part in parts)
    assert split(pack, np.full(6, 50), 0) == [pack]


def test_bf16_products_leave_weights_and_gradients_in_float32(whole):
    assert_rounded(gradient_of([rows()], matmul_precision="bf16"), whole)


def test_bf16_is_taken_where_all_processes_choose_it(monkeypatch):
    monkeypatch.setattr(step, "choose", lambda name, device: Choice("bf16", "faster here"))

    class Group(Processes):
        largest_elsewhere = 0

        def largest(self, value: int) -> int:
            return max(value, self.largest_elsewhere)

    class Divided(Group):
        largest_elsewhere = 1

    for group, taken in ((Group(), "bf16"), (Divided(), "fp32")):
        options, model = TrainingOptions(target=TARGET), SpreadModel(tiny_model(2), group, "ddp")
        assert StepGradient(model, options, group).precision.name == taken


def test_autocast_leaves_weights_and_gradients_in_float32(whole):
    """What bf16 products are on CUDA, here with the CPU's autocast around the operators that stand for its kernels."""
    with backend.using("reference"), torch.autocast("cpu", torch.bfloat16):
        got = gradient_of([rows()])
    assert_rounded(got, whole)


def assert_rounded(got, want) -> None:
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in got[1].values())
    assert 1e-6 < abs(got[0].cross_entropy / want[0].cross_entropy - 1) < 0.05
