"""Muon: momentum whose matrices are made orthogonal before they move the weights (Jordan et al., 2024)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from hnet_core.blocks.block import Block
from hnet_core.training.distributed import laid_as, whole

STEPS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic a x + b x^3 + c x^5, whose iteration draws singular values of up to 1 to between 0.7 and 1.2."""
MOMENTUM = 0.95
TINY = 1e-7


def block_matrices(model: nn.Module) -> dict[nn.Parameter, tuple[int, ...]]:
    """The matrices inside the blocks of `model`, which Muon moves, each with the rows of the maps it is made of.

    One product may compute several maps at once, such as attention's q, k and v. They are made orthogonal one by one.
    """
    found: dict[nn.Parameter, tuple[int, ...]] = {}
    for block in (module for module in model.modules() if isinstance(module, Block)):
        found |= block.maps()
        for parameter in block.parameters():
            if parameter.dim() == 2:
                found.setdefault(parameter, (parameter.shape[0],))
    return found


def orthogonal(matrices: Tensor) -> Tensor:
    """(n, r, c): each near U V^T of its singular value decomposition U S V^T, by Newton and Schulz."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + TINY)
    for _ in range(STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Moves matrices by lr * sqrt(max(1, rows / columns)) times their orthogonal momentum (Nesterov), after a decay of
    lr * weight_decay.

    groups  as of torch.optim, each with `rows`: for each of its parameters the rows of its maps (block_matrices)
    """

    def __init__(self, groups: Sequence[dict]) -> None:
        super().__init__(groups, {"lr": 0.0, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            pairs = zip(group["params"], group["rows"], strict=True)
            moved = [(p, rows, self._momentum(p)) for p, rows in pairs if p.grad is not None]
            updates = orthogonal_maps([(update, rows) for _, rows, update in moved])
            for (parameter, _, _), update in zip(moved, updates, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(laid_as(update, parameter), alpha=group["lr"])

    def _momentum(self, parameter: nn.Parameter) -> Tensor:
        """The gradient with the running one, whole."""
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        running = state["momentum"].lerp_(parameter.grad, 1 - MOMENTUM)
        return whole(torch.lerp(parameter.grad, running, MOMENTUM))


def orthogonal_maps(matrices: Iterable[tuple[Tensor, tuple[int, ...]]]) -> list[Tensor]:
    """Matrices with each of their maps (rows) made orthogonal and scaled; maps of one shape in one product."""
    parts = [list(matrix.split(rows)) for matrix, rows in matrices]
    by_shape: dict[tuple, list[tuple[int, int]]] = defaultdict(list)
    for i, maps in enumerate(parts):
        for k, part in enumerate(maps):
            by_shape[tuple(part.shape)].append((i, k))
    for (n_rows, n_columns), places in by_shape.items():
        found = orthogonal(torch.stack([parts[i][k] for i, k in places]))
        found = found * sqrt(max(1, n_rows / n_columns))
        for (i, k), update in zip(places, found, strict=True):
            parts[i][k] = update
    return [torch.cat(maps) for maps in parts]
