"""Stages: encoder, router, the stage inside on the chunks, merge, decoder; nested any number of times."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from hnet_core.blocks.stack import Stack
from hnet_core.gathering import GATHERS
from hnet_core.merging import MERGES
from hnet_core.routers import ROUTERS
from hnet_core.routers.decision import Decision, StageBoundaries
from hnet_core.rows import Rows
from hnet_core.stage_config import StageConfig
from hnet_core.state import StageState, advance
from kernels.chunking import keep


class Stage(nn.Module):
    """What every level shares: its width, and the learned vector that widens the vectors of the level outside."""

    def __init__(self, config: StageConfig) -> None:
        super().__init__()
        self.width, self.outer_width = config.width, config.outer_width
        grows = self.width > self.outer_width
        self.pad_dimension = nn.Parameter(torch.zeros(self.width - self.outer_width)) if grows else None

    def widened(self, x: Tensor) -> Tensor:
        """(T, D_outer) -> (T, D): the learned vector after every position (arXiv 2507.07955, sec. 2.2)."""
        if self.pad_dimension is None:
            return x
        return torch.cat((x, self.pad_dimension.to(x.dtype).expand(len(x), -1)), dim=-1)

    def narrowed(self, x: Tensor) -> Tensor:
        """(T, D) -> (T, D_outer)"""
        return x[:, : self.outer_width]

    def init_weights(self, generator: torch.Generator, depth: int = 0) -> None:
        """depth: residual additions of the stream in the stages around this one."""
        if self.pad_dimension is not None:
            nn.init.zeros_(self.pad_dimension)

    def _seen(self, n_rows: int) -> Tensor:
        return torch.zeros(n_rows, dtype=torch.int64, device=next(self.parameters()).device)


class InnermostStage(Stage):
    """The network that works on the chunks of all stages around it (on bytes, in an isotropic model)."""

    def __init__(self, config: StageConfig) -> None:
        super().__init__(config)
        self.main_network = Stack(config.layouts[0], config)

    def forward(self, x: Tensor, rows: Rows, state: StageState | None = None):
        """x (T, D_outer) -> (T, D_outer), [], state"""
        x, states = self.main_network(self.widened(x), rows, state.encoder if state else None)
        if state:
            state = StageState(advance(state.seen, rows.lengths), encoder=states)
        return self.narrowed(x), [], state

    def new_state(self, n_rows: int) -> StageState:
        return StageState(self._seen(n_rows), encoder=self.main_network.new_state(n_rows))

    def new_entry_state(self, n_rows: int) -> None:
        """No router, nothing to remember."""

    def init_weights(self, generator: torch.Generator, depth: int = 0) -> None:
        self.main_network.init_weights(generator, depth + self.main_network.n_residual_additions)
        super().init_weights(generator)


@dataclass(frozen=True)
class Entry:
    """Where a stage hands over to the one inside it.

    boundaries      the decision, as those who use the model are told it
    rows            of the inner stage      starts  (M,) the positions they have in this stage
    router, gather  the states of these parts after the positions of this call
    """

    decision: Decision
    boundaries: StageBoundaries
    rows: Rows
    starts: Tensor
    router: Any
    gather: Any


class RoutedStage(Stage):
    """One level of dynamic chunking around an inner stage (arXiv 2507.07955, sec. 2)."""

    def __init__(self, config: StageConfig, inner: Stage) -> None:
        super().__init__(config)
        encoder, decoder = config.layouts
        chunking = config.chunking
        self.encoder = Stack(encoder, config)
        self.routing_module = ROUTERS[chunking.router](self.width, chunking)
        self.gather = GATHERS[chunking.early_smoothing]()
        self.merge = MERGES[chunking.merge](self.width, chunking)
        for name, layer in self.merge.layers.items():
            self.add_module(name, layer)
        self.main_network = inner
        self.decoder = Stack(decoder, config)

    def forward(self, x: Tensor, rows: Rows, state: StageState | None = None):
        """x (T, D_outer) -> (T, D_outer), decisions of this stage and those inside it, state"""
        # The encoder is called, not stepped through: hooks on it (verification, sharding) must see it run.
        encoded, layers = self.encoder(self.widened(x), rows, state.encoder if state else None)
        chunks, entry = self._enter(encoded, rows, state)
        chunks, inside, inner = self.main_network(chunks, entry.rows, state.inner if state else None)
        out, merged = self.merge(encoded, chunks, entry.decision, rows, state.merge if state else None)
        out, after = self.decoder(out.to(x.dtype), rows, state.decoder if state else None)
        if state:
            seen = advance(state.seen, rows.lengths)
            state = StageState(seen, layers, entry.router, entry.gather, inner, merged, after)
        return self.narrowed(out), [entry.boundaries, *inside], state

    def steps(
        self, x: Tensor, rows: Rows, state: StageState | None = None, threshold: float | None = None
    ) -> Generator[None, None, tuple[Tensor, Entry]]:
        """`forward` up to the door of the inner stage: what boundaries depend on. With the pauses of `Stack.steps`.

        x (T, D_outer) -> chunks (M, D) on their way in, and the entry      state: moves on in place
        threshold  chunks start where p is above it, and not where the router says; None: where it says
        """
        layers = state.encoder if state else None
        if state:
            state.seen = advance(state.seen, rows.lengths)
        encoded, _ = yield from self.encoder.steps(self.widened(x), rows, layers)
        chunks, entry = self._enter(encoded, rows, state, threshold)
        if state:
            state.router, state.gather = entry.router, entry.gather
        return chunks, entry

    def _enter(
        self, encoded: Tensor, rows: Rows, state: StageState | None, threshold: float | None = None
    ) -> tuple[Tensor, Entry]:
        decision, router = self.routing_module(encoded, rows, state.router if state else None)
        if threshold is not None:
            decision = replace(decision, is_boundary=(decision.prob > threshold) | rows.opens)
        gathered, gather = self.gather(encoded, decision, rows, state.gather if state else None)
        seen = state.inner.seen if state and state.inner else None
        inner_rows, starts = rows.kept(decision.is_boundary, seen)
        boundaries = StageBoundaries.of(decision, rows.cu_seqlens)
        return keep(gathered, starts), Entry(decision, boundaries, inner_rows, starts, router, gather)

    def new_state(self, n_rows: int) -> StageState:
        state = self.new_entry_state(n_rows)
        state.inner, state.merge = self.main_network.new_state(n_rows), self.merge.new_state(n_rows)
        state.decoder = self.decoder.new_state(n_rows)
        return state

    def new_entry_state(self, n_rows: int) -> StageState:
        """The part of the state that `steps` needs, of this stage and of those inside it."""
        seen, like = self._seen(n_rows), next(self.encoder.parameters())
        return StageState(
            seen,
            self.encoder.new_state(n_rows),
            self.routing_module.new_state(n_rows, seen.device),
            self.gather.new_state(n_rows, self.width, like),
            self.main_network.new_entry_state(n_rows),
        )

    def init_weights(self, generator: torch.Generator, depth: int = 0) -> None:
        depth += self.encoder.n_residual_additions + self.decoder.n_residual_additions
        self.encoder.init_weights(generator, depth)
        self.decoder.init_weights(generator, depth)
        self.main_network.init_weights(generator, depth)
        self.routing_module.init_weights(generator)
        self.merge.init_weights(generator)
        super().init_weights(generator)


def build_stages(configs: Sequence[StageConfig]) -> Stage:
    """The outermost of these stages, with the others inside it."""
    stage: Stage = InnermostStage(configs[-1])
    for config in reversed(configs[:-1]):
        stage = RoutedStage(config, stage)
    return stage
