"""Forward and backward of one optimizer step, however it is cut: into packs, by the chunk budget, over processes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from hnet_core.data.packing import PackedRows
from hnet_core.model import HNetOutput
from hnet_core.products import products
from hnet_core.training.aims import Aims
from hnet_core.training.budget import ChunkBudget, OverBudgetError, inner_positions, split
from hnet_core.training.distributed import Processes, SpreadModel
from hnet_core.training.objective import objective
from hnet_core.training.options import TrainingOptions
from hnet_core.training.totals import StepTotals
from kernels.linear.choice import Choice, choose


@dataclass(frozen=True)
class StepFigures:
    """Losses of a step over all its positions, in nats, and how each stage cut them.

    ratios (rate losses), positions, boundaries  one a stage, outermost first
    """

    loss: float
    cross_entropy: float
    ratios: tuple[float, ...]
    positions: tuple[int, ...]
    boundaries: tuple[int, ...]


class StepGradient:
    """Adds the gradient of a step to the parameters.

    The gradient is that of the losses over all positions of the step (see StepTotals): the same, up to rounding,
    for any number of packs and processes. With one pack a process, totals are known after the forward. With more,
    encoders and routers run ahead once without gradient, to find them and to split what the budget forbids; with a
    budget, several processes always look ahead so.

    precision  of the matrix products: what the options ask for, or what auto stands for on this machine
    """

    def __init__(self, model: SpreadModel, options: TrainingOptions, group: Processes) -> None:
        self._model, self._options, self._group = model, options, group
        self.precision = _agreed(options.matmul_precision, group)
        self._budget = ChunkBudget(model.model, options.chunk_budget)
        # A forward that stops half way in one process would leave the others waiting for its part of the exchange.
        self._aims = Aims.of(options)
        self._looks_ahead = bool(options.chunk_budget) and group.count > 1

    def __call__(self, packs: Sequence[PackedRows], n_bytes: int = 0) -> StepFigures:
        """One host synchronisation beside those of the forwards (and of the processes).

        packs  of this process     n_bytes  that the training has seen before: where its schedules stand
        """
        output, self._aims = None, Aims.of(self._options, n_bytes)
        if self._group.largest(len(packs)) == 1 and not self._looks_ahead:
            output = self._attempt(packs[0])
        if output is not None:
            totals = self._totals([(packs[0], output.stages)])
            losses = self._backward(packs[0], output, totals)
        else:
            packs, totals = self._plan(packs)
            losses = self._in_turn(packs, totals)
        losses = self._group.sum(losses)
        return _figures(*torch.cat((losses, totals.counts.to(losses.device))).tolist())

    def _attempt(self, pack: PackedRows) -> HNetOutput | None:
        """The forward of the step's only pack, or None if it is over the budget."""
        try:
            with self._budget.watched():
                return self._forward(pack)
        except OverBudgetError:
            return None

    def _plan(self, packs: Sequence[PackedRows]) -> tuple[list[PackedRows], StepTotals]:
        """The packs split to fit the budget, and the totals of the step."""
        pieces, decided = [], []
        for i in range(self._group.largest(len(packs))):
            stages = self._decide(packs[min(i, len(packs) - 1)])
            if i < len(packs):
                pieces += split(packs[i], inner_positions(stages), self._budget.limit)
                decided.append((packs[i], stages))
        return pieces, self._totals(decided)

    def _in_turn(self, packs: Sequence[PackedRows], totals: StepTotals) -> Tensor:
        """Forward and backward of each pack; the losses of all. Every process makes as many turns: one that has fewer
        packs repeats its last with weight 0, since the others' gradients wait for it."""
        turns, losses = self._group.largest(len(packs)), []
        for i in range(turns):
            pack = packs[min(i, len(packs) - 1)]
            with self._model.gradients_stay(i < turns - 1):
                part = self._backward(pack, self._forward(pack), totals, weight=float(i < len(packs)))
            losses.append(part)
        return torch.stack(losses).sum(0)

    def _backward(
        self, pack: PackedRows, output: HNetOutput, totals: StepTotals, weight: float = 1.0
    ) -> Tensor:
        """(2 + S,) float64: total, cross entropy and rate losses that this pack adds to the step."""
        losses = objective(output, *self._tensors(pack), self._aims, totals)
        # Gradients are averaged over the processes, and their sum is wanted.
        (losses.total * (weight * self._group.count)).backward()
        parts = torch.stack([losses.total, losses.cross_entropy, *losses.ratios])
        return weight * parts.detach().double()

    def _forward(self, pack: PackedRows) -> HNetOutput:
        ids, cu_seqlens = self._tensors(pack)
        with self.products():
            return self._model(ids, cu_seqlens=cu_seqlens, bounds=pack.cu_seqlens.tolist())

    @torch.no_grad()
    def _decide(self, pack: PackedRows):
        with self.products():
            return self._model.model.decide(*self._tensors(pack), bounds=pack.cu_seqlens.tolist())

    def _totals(self, decided: Sequence) -> StepTotals:
        parts = [
            StepTotals.of(torch.tensor(pack.n_predicted, device=self._group.device), stages)
            for pack, stages in decided
        ]
        return StepTotals(self._group.sum(StepTotals.sum(parts).counts))

    def _tensors(self, pack: PackedRows) -> tuple[Tensor, Tensor]:
        device = self._group.device
        return (
            torch.from_numpy(pack.input_ids).to(device).long(),
            torch.from_numpy(pack.cu_seqlens).to(device),
        )

    def products(self) -> AbstractContextManager[None]:
        """bf16 products where they were chosen: by autocast on CUDA, by our own linear map on a CPU."""
        return products(self.precision.name, self._group.device)


def _agreed(name: str, group: Processes) -> Choice:
    """What `name` stands for where every process may choose: bf16 if all of them choose it."""
    choice = choose(name, group.device)
    if group.largest(int(choice.name != "bf16")) and choice.name == "bf16":
        return Choice("fp32", "another process of this training multiplies float32 faster")
    return choice


def _figures(loss: float, cross_entropy: float, *rest: float) -> StepFigures:
    """rest: S rate losses, then the counts of StepTotals"""
    n_stages = (len(rest) - 1) // 4
    ratios, counts = rest[:n_stages], rest[n_stages + 1 :]
    return StepFigures(
        loss,
        cross_entropy,
        tuple(ratios),
        tuple(int(n) for n in counts[::3]),
        tuple(int(n) for n in counts[1::3]),
    )
