"""The H-Net: encoder, router, inner network on the chunks, smoothing, decoder; nested any number of times."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hnet_core.blocks.mamba2 import Mamba2
from hnet_core.blocks.projection import Projection, WideLinear
from hnet_core.blocks.stack import Stack
from hnet_core.chunking import dechunk, widen
from hnet_core.config import HNetConfig
from hnet_core.routing import ROUTERS, StageBoundaries
from hnet_core.rows import Rows, pack, unpack
from hnet_core.state import SmoothedState, StageState, advance, zeros
from kernels.arguments import remember
from kernels.chunking import keep
from kernels.routing import THRESHOLD
from kernels.smoothing import smoothing

INIT_STD = 0.02


@dataclass(frozen=True)
class HNetOutput:
    """logits (T, V) packed or (B, L, V) masked: position t predicts byte t + 1   stages: outermost first."""

    logits: Tensor
    stages: tuple[StageBoundaries, ...]
    state: StageState | None = None


class Stage(nn.Module):
    """What every level shares: its width, and the learned vector that widens what comes from outside."""

    def __init__(self, config: HNetConfig, stage: int) -> None:
        super().__init__()
        self.width = config.d_model[stage]
        self.outer_width = config.d_model[stage - 1] if stage else self.width
        grows = self.width > self.outer_width
        self.pad_dimension = nn.Parameter(torch.zeros(self.width - self.outer_width)) if grows else None

    def _seen(self, n_rows: int) -> Tensor:
        return torch.zeros(n_rows, dtype=torch.int64, device=next(self.parameters()).device)


class InnermostStage(Stage):
    """The network that works on the chunks of all stages around it (on bytes, in an isotropic model)."""

    def __init__(self, config: HNetConfig, stage: int) -> None:
        super().__init__(config, stage)
        self.main_network = Stack(config.layouts[stage][0], config, stage)

    def forward(self, x: Tensor, rows: Rows, state: StageState | None = None):
        """x (T, D_outer) -> (T, D_outer), [], state"""
        states = state.encoder if state else None
        x, states = self.main_network(widen(x, self.pad_dimension), rows, states)
        if state:
            state = StageState(advance(state.seen, rows.lengths), encoder=states)
        return x[:, : self.outer_width], [], state

    def new_state(self, n_rows: int) -> StageState:
        return StageState(self._seen(n_rows), encoder=self.main_network.new_state(n_rows))

    def init_weights(self, generator: torch.Generator, depth: int = 0) -> None:
        _init_stack(self.main_network, depth + self.main_network.n_residual_additions, generator)
        _init_pad(self.pad_dimension)


class RoutedStage(Stage):
    """One level of dynamic chunking around an inner stage (arXiv 2507.07955, sec. 2)."""

    def __init__(self, config: HNetConfig, stage: int) -> None:
        super().__init__(config, stage)
        encoder, decoder = config.layouts[stage]
        self.encoder = Stack(encoder, config, stage)
        self.chunking = config.chunking
        self.routing_module = ROUTERS[self.chunking.router](self.width, self.chunking)
        self.residual_proj = WideLinear(self.width, self.width, dtype=torch.float32)
        self.main_network = build_stage(config, stage + 1)
        self.decoder = Stack(decoder, config, stage)

    def encode(self, x: Tensor, rows: Rows, state: StageState | None = None):
        """Encoder and router only: what the boundaries of this stage depend on.

        x (T, D_outer) -> what is selected from (T, D), prob (T,), is_boundary (T,) bool, encoder and router states
        """
        encoded, layers = self._encoded(x, rows, state)
        return self._route(encoded, layers, rows, state)

    def encode_steps(self, x: Tensor, rows: Rows, state: StageState | None = None):
        """`encode`, with the pauses of `Stack.steps`."""
        layers = state.encoder if state else None
        encoded, layers = yield from self.encoder.steps(widen(x, self.pad_dimension), rows, layers)
        return self._route(encoded, layers, rows, state)

    def _encoded(self, x: Tensor, rows: Rows, state: StageState | None):
        # The encoder is called, not stepped through: hooks on it (verification, sharding) must see it run.
        return self.encoder(widen(x, self.pad_dimension), rows, state.encoder if state else None)

    def _route(self, encoded: Tensor, layers: list | None, rows: Rows, state: StageState | None):
        router = state.router if state else None
        if not self.chunking.early_smoothing:
            prob, router = self.routing_module(encoded, rows, router)
            return encoded, prob, prob > THRESHOLD, layers, router
        before = router
        prob, router = self.routing_module(encoded, rows, before.router if before else None)
        everywhere = torch.ones_like(prob, dtype=torch.bool)
        remember(everywhere, len(encoded))  # so that a GPU need not count them
        chosen_from, average = smoothing(
            encoded, prob, everywhere, rows.cu_seqlens, state=before.average if before else None
        )
        return chosen_from, prob, prob > THRESHOLD, layers, SmoothedState(router, average) if before else None

    def forward(self, x: Tensor, rows: Rows, state: StageState | None = None):
        """x (T, D_outer) -> (T, D_outer), decisions of this stage and those inside it, state"""
        encoded, layers = self._encoded(x, rows, state)
        chosen_from, prob, is_boundary, layers, router = self._route(encoded, layers, rows, state)
        inner_rows, starts = rows.kept(is_boundary, state.inner.seen if state else None)
        chunks, inside, inner = self.main_network(
            keep(chosen_from, starts), inner_rows, state.inner if state else None
        )
        out, smoothed = dechunk(
            chunks,
            prob,
            is_boundary,
            rows,
            residual=self.residual_proj(encoded),
            config=self.chunking,
            state=state.smoothed if state else None,
        )
        out, after = self.decoder(out.to(x.dtype), rows, state.decoder if state else None)
        decisions = [StageBoundaries(prob, is_boundary, cu_seqlens=rows.cu_seqlens), *inside]
        if state:
            seen = advance(state.seen, rows.lengths)
            state = StageState(seen, layers, router, inner, smoothed, after)
        return out[:, : self.outer_width], decisions, state

    def new_state(self, n_rows: int) -> StageState:
        inner = self.main_network.new_state(n_rows)
        state = self.new_encoder_state(n_rows)
        state.inner, state.decoder = inner, self.decoder.new_state(n_rows)
        state.smoothed = zeros(n_rows, self.width, like=self.residual_proj.weight)
        return state

    def new_encoder_state(self, n_rows: int) -> StageState:
        """The part of the state that `encode` needs."""
        seen = self._seen(n_rows)
        router = self.routing_module.new_state(n_rows, seen.device)
        if self.chunking.early_smoothing:
            router = SmoothedState(router, zeros(n_rows, self.width, like=self.residual_proj.weight))
        return StageState(seen, self.encoder.new_state(n_rows), router)

    def init_weights(self, generator: torch.Generator, depth: int = 0) -> None:
        depth += self.encoder.n_residual_additions + self.decoder.n_residual_additions
        for stack in (self.encoder, self.decoder):
            _init_stack(stack, depth, generator)
        self.main_network.init_weights(generator, depth)
        self.routing_module.init_weights(generator)
        nn.init.zeros_(self.residual_proj.weight)
        nn.init.zeros_(self.residual_proj.bias)
        _init_pad(self.pad_dimension)


def build_stage(config: HNetConfig, stage: int) -> RoutedStage | InnermostStage:
    """The level `stage` of a model with everything inside it."""
    return (RoutedStage if stage < config.n_stages else InnermostStage)(config, stage)


class HNetForCausalLM(nn.Module):
    """Bytes to next-byte logits. Parameter names, shapes and dtypes are those of the published checkpoints."""

    def __init__(self, config: HNetConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.Embedding(config.vocab_size, config.d_model[0])
        self.backbone = build_stage(config, 0)
        self.lm_head = Projection(config.d_model[0], config.vocab_size)
        if config.tie_embeddings:
            self.lm_head.weight = self.embeddings.weight

    def forward(
        self,
        input_ids: Tensor,
        *,
        cu_seqlens: Tensor | None = None,
        mask: Tensor | None = None,
        state: StageState | None = None,
        bounds: Sequence[int] | None = None,
    ) -> HNetOutput:
        """One answer by three ways in.

        input_ids  whole numbers of any dtype: (T,) with cu_seqlens (R + 1,), rows end to end; or (B, L) with
                   mask (B, L), right-padded
        state      from `new_state`, one entry a row: continue where it stands. It is consumed, and refused if it is
                   given again (StateError): use the returned one, or `state.clone()` before the call. Rows may bring
                   any number of bytes, none included.
        bounds     the numbers of cu_seqlens, where they are on a GPU and the host knows them: it then checks them, and
                   need not wait for the device to tell
        """
        if cu_seqlens is None:
            return self._forward_masked(input_ids, mask, state)
        rows = Rows.entering(input_ids, cu_seqlens, bounds, state.seen if state else None)
        if state:
            state = state.consumed(rows.n_rows)
        x, decisions, state = self.backbone(self.embeddings(rows.ids), rows, state)
        logits = self.lm_head(x.to(self.lm_head.weight.dtype))
        return HNetOutput(logits, tuple(decisions), state)

    def decide(
        self, input_ids: Tensor, cu_seqlens: Tensor, bounds: Sequence[int] | None = None
    ) -> tuple[StageBoundaries, ...]:
        """The decisions of `forward` on packed rows, from encoders and routers alone: no inner network, no decoder."""
        rows = Rows.entering(input_ids, cu_seqlens, bounds)
        x, stage, found = self.embeddings(rows.ids), self.backbone, []
        while isinstance(stage, RoutedStage):
            encoded, prob, is_boundary, _, _ = stage.encode(x, rows)
            found.append(StageBoundaries(prob, is_boundary, cu_seqlens=rows.cu_seqlens))
            rows, starts = rows.kept(is_boundary)
            x, stage = keep(encoded, starts), stage.main_network
        return tuple(found)

    def _forward_masked(self, input_ids: Tensor, mask: Tensor | None, state: StageState | None) -> HNetOutput:
        mask = torch.ones_like(input_ids, dtype=torch.bool) if mask is None else mask
        if mask.shape != input_ids.shape or bool((mask[:, 1:] & ~mask[:, :-1]).any()):
            raise ValueError(f"mask {tuple(mask.shape)} must match input_ids and be right-padded")
        ids, rows = pack(input_ids, mask)
        out = self.forward(ids, cu_seqlens=rows.cu_seqlens, state=state)
        logits = out.logits.new_zeros(*mask.shape, out.logits.shape[-1])
        logits = logits.masked_scatter(mask[..., None], out.logits)
        return HNetOutput(logits, tuple(_padded(stage) for stage in out.stages), out.state)

    def new_state(self, n_rows: int) -> StageState:
        """The state before the first byte of n_rows sequences."""
        return self.backbone.new_state(n_rows)

    def set_dtype(self, dtype: torch.dtype) -> "HNetForCausalLM":
        """Cast parameters as the published checkpoints do: D and residual_proj stay in float32."""
        for name, parameter in self.named_parameters():
            if not (name.endswith("mixer.D") or "residual_proj" in name):
                parameter.data = parameter.data.to(dtype)
        return self

    @torch.no_grad()
    def init_weights(self, seed: int = 0) -> "HNetForCausalLM":
        """The published initialisation: outputs into the residual stream shrink with the depth of the stream."""
        generator = torch.Generator().manual_seed(seed)
        nn.init.normal_(self.embeddings.weight, std=1.0, generator=generator)
        if not self.config.tie_embeddings:
            nn.init.normal_(self.lm_head.weight, std=INIT_STD, generator=generator)
        self.backbone.init_weights(generator)
        return self


def _init_stack(stack: Stack, depth: int, generator: torch.Generator) -> None:
    for name, module in stack.named_modules():
        if isinstance(module, Mamba2):
            module.init_weights(generator)
        elif isinstance(module, nn.Linear):
            into_residual = name.endswith(("out_proj", "fc2"))
            std = INIT_STD / math.sqrt(depth) if into_residual else INIT_STD
            nn.init.normal_(module.weight, std=std, generator=generator)


def _init_pad(pad_dimension: nn.Parameter | None) -> None:
    if pad_dimension is not None:
        nn.init.zeros_(pad_dimension)


def _padded(stage: StageBoundaries) -> StageBoundaries:
    rows = Rows(stage.cu_seqlens)
    prob, mask = unpack(stage.prob, rows)
    return StageBoundaries(prob, unpack(stage.is_boundary, rows)[0], mask=mask)
