"""Forward and backward of one optimizer step, however it is cut: into packs, by the chunk budget, over processes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
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
class Placed:
    """A pack on the model's device: bytes (T,) int64, limits (R + 1,) int64, and the limits as the host knows them."""

    pack: PackedRows
    ids: Tensor
    cu_seqlens: Tensor
    bounds: list[int]

    @classmethod
    def on(cls, device: str, pack: PackedRows) -> "Placed":
        """Copied once. A GPU copies from pinned memory, for which the host does not wait."""
        ids, limits = torch.from_numpy(pack.input_ids), torch.from_numpy(pack.cu_seqlens)
        if device.startswith("cuda"):
            ids, limits = (x.pin_memory().to(device, non_blocking=True) for x in (ids, limits))
        return cls(pack, ids.to(device).long(), limits.to(device), pack.cu_seqlens.tolist())


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
        """`numbers`, read: one host synchronisation."""
        return figures_of(self.numbers(packs, n_bytes).tolist())

    def numbers(self, packs: Sequence[PackedRows], n_bytes: int = 0) -> Tensor:
        """What `figures_of` makes figures of, on the device. No synchronisation beside those of the forwards (and of
        the processes).

        packs  of this process     n_bytes  that the training has seen before: where its schedules stand
        """
        output, self._aims = None, Aims.of(self._options, n_bytes)
        placed = [Placed.on(self._group.device, pack) for pack in packs]
        if self._group.largest(len(placed)) == 1 and not self._looks_ahead:
            output = self._attempt(placed[0])
        if output is not None:
            totals = self._totals([(placed[0], output.stages)])
            losses = self._backward(placed[0], output, totals)
        else:
            placed, totals = self._plan(placed)
            losses = self._in_turn(placed, totals)
        losses = self._group.sum(losses)
        return torch.cat((losses, totals.counts.to(losses.device)))

    def _attempt(self, placed: Placed) -> HNetOutput | None:
        """The forward of the step's only pack, or None if it is over the budget."""
        try:
            with self._budget.watched():
                return self._forward(placed)
        except OverBudgetError:
            return None

    def _plan(self, placed: Sequence[Placed]) -> tuple[list[Placed], StepTotals]:
        """The packs split to fit the budget, and the totals of the step."""
        pieces, decided = [], []
        for i in range(self._group.largest(len(placed))):
            stages = self._decide(placed[min(i, len(placed) - 1)])
            if i < len(placed):
                pieces += self._split(placed[i], inner_positions(stages))
                decided.append((placed[i], stages))
        return pieces, self._totals(decided)

    def _split(self, placed: Placed, positions: np.ndarray) -> list[Placed]:
        parts = split(placed.pack, positions, self._budget.limit)
        whole = len(parts) == 1
        return [placed] if whole else [Placed.on(self._group.device, part) for part in parts]

    def _in_turn(self, placed: Sequence[Placed], totals: StepTotals) -> Tensor:
        """Forward and backward of each pack; the losses of all. Every process makes as many turns: one that has fewer
        packs repeats its last with weight 0, since the others' gradients wait for it."""
        turns, losses = self._group.largest(len(placed)), []
        for i in range(turns):
            pack = placed[min(i, len(placed) - 1)]
            with self._model.gradients_stay(i < turns - 1):
                part = self._backward(pack, self._forward(pack), totals, weight=float(i < len(placed)))
            losses.append(part)
        return torch.stack(losses).sum(0)

    def _backward(
        self, placed: Placed, output: HNetOutput, totals: StepTotals, weight: float = 1.0
    ) -> Tensor:
        """(2 + S,) float64: total, cross entropy and rate losses that this pack adds to the step."""
        losses = objective(output, placed.ids, placed.cu_seqlens, self._aims, totals)
        # Gradients are averaged over the processes, and their sum is wanted.
        (losses.total * (weight * self._group.count)).backward()
        parts = torch.stack([losses.total, losses.cross_entropy, *losses.ratios])
        return weight * parts.detach().double()

    def _forward(self, placed: Placed) -> HNetOutput:
        with self.products():
            return self._model(placed.ids, cu_seqlens=placed.cu_seqlens, bounds=placed.bounds)

    @torch.no_grad()
    def _decide(self, placed: Placed):
        with self.products():
            return self._model.model.decide(placed.ids, placed.cu_seqlens, bounds=placed.bounds)

    def _totals(self, decided: Sequence) -> StepTotals:
        parts = [
            StepTotals.of(torch.full((), placed.pack.n_predicted, device=placed.ids.device), stages)
            for placed, stages in decided
        ]
        return StepTotals(self._group.sum(StepTotals.sum(parts).counts))

    def products(self) -> AbstractContextManager[None]:
        """bf16 products where they were chosen: by autocast on CUDA, by our own linear map on a CPU."""
        return products(self.precision.name, self._group.device)


def _agreed(name: str, group: Processes) -> Choice:
    """What `name` stands for where every process may choose: bf16 if all of them choose it."""
    choice = choose(name, group.device)
    if group.largest(int(choice.name != "bf16")) and choice.name == "bf16":
        return Choice("fp32", "another process of this training multiplies float32 faster")
    return choice


def figures_of(numbers: Sequence[float]) -> StepFigures:
    """numbers: total and cross entropy, S rate losses, then the counts of StepTotals"""
    loss, cross_entropy, *rest = numbers
    n_stages = (len(rest) - 1) // 4
    ratios, counts = rest[:n_stages], rest[n_stages + 1 :]
    return StepFigures(
        loss,
        cross_entropy,
        tuple(ratios),
        tuple(int(n) for n in counts[::3]),
        tuple(int(n) for n in counts[1::3]),
    )
