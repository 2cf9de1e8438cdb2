"""The H-Net: bytes to logits and chunk boundaries, through its stages."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hnet_core.blocks.mixer import INIT_STD
from hnet_core.blocks.projection import Projection
from hnet_core.blocks.stack import finish
from hnet_core.config import HNetConfig
from hnet_core.routers.decision import StageBoundaries
from hnet_core.rows import Rows, pack, unpack
from hnet_core.stages import Entry, RoutedStage, Stage, build_stages
from hnet_core.state import StageState


@dataclass(frozen=True)
class HNetOutput:
    """logits (T, V) packed or (B, L, V) masked: position t predicts byte t + 1   stages: outermost first."""

    logits: Tensor
    stages: tuple[StageBoundaries, ...]
    state: StageState | None = None


class HNetForCausalLM(nn.Module):
    """Bytes to next-byte logits. Parameter names, shapes and dtypes are those of the published checkpoints."""

    def __init__(self, config: HNetConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.Embedding(config.vocab_size, config.d_model[0])
        self.backbone = build_stages(config.stages)
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
        return tuple(entry.boundaries for entry in finish(self.walk(rows)))

    def walk(
        self, rows: Rows, state: StageState | None = None, thresholds: Sequence[float | None] = ()
    ) -> Generator[None, None, list[Entry]]:
        """Encoders and routers alone, outermost first, with a pause after every block (`Stack.steps`).

        state       from `new_entry_state`; it moves on in place
        thresholds  one a stage, as in `RoutedStage.steps`; empty: none
        """
        x, entries = self.embeddings(rows.ids), []
        for stage, threshold in zip(self.stages, thresholds or [None] * len(self.stages), strict=True):
            x, entry = yield from stage.steps(x, rows, state, threshold)
            entries.append(entry)
            rows, state = entry.rows, state.inner if state else None
        return entries

    @property
    def levels(self) -> list[Stage]:
        """All stages, outermost first; the last one is the innermost network."""
        levels = [self.backbone]
        while isinstance(levels[-1], RoutedStage):
            levels.append(levels[-1].main_network)
        return levels

    @property
    def stages(self) -> list[RoutedStage]:
        """The stages with a router, outermost first; none in an isotropic model."""
        return self.levels[:-1]

    def level_of_parameters(self) -> dict[str, int]:
        """Parameter name -> index of the stage that has it; embeddings and head are the outermost one's."""
        # A stage holds those inside it, which come later and have the last word.
        level = {id(p): i for i, stage in enumerate(self.levels) for p in stage.parameters()}
        return {name: level.get(id(p), 0) for name, p in self.named_parameters()}

    def boundary_parameters(self) -> list[str]:
        """The parameters that boundaries depend on: embeddings, and each stage's encoder, router, widening vector."""
        parts = [self.embeddings]
        for stage in self.stages:
            parts += [stage.encoder, stage.routing_module]
        needed = {id(p) for part in parts for p in part.parameters()}
        needed |= {id(stage.pad_dimension) for stage in self.stages}
        return [name for name, p in self.named_parameters() if id(p) in needed]

    def float32_parameters(self) -> set[str]:
        """Those that stay in float32 whatever the others are stored in, as in the published checkpoints."""
        modules = self.named_modules()
        return {f"{at}.{name}" for at, module in modules for name in getattr(module, "STAYS_FLOAT32", ())}

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

    def new_entry_state(self, n_rows: int) -> StageState | None:
        """The part of it that encoders and routers need, for `walk`."""
        return self.backbone.new_entry_state(n_rows)

    def set_dtype(self, dtype: torch.dtype) -> "HNetForCausalLM":
        """Cast parameters, but for float32_parameters."""
        wide = self.float32_parameters()
        for name, parameter in self.named_parameters():
            if name not in wide:
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


def _padded(stage: StageBoundaries) -> StageBoundaries:
    rows = Rows(stage.cu_seqlens)
    prob, mask = unpack(stage.prob, rows)
    return StageBoundaries(prob, unpack(stage.is_boundary, rows)[0], mask=mask, loss=stage.loss)
