"""A block kind, a router and a merge as someone outside the package would write them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hnet_core.blocks.mixer import Mixer
from hnet_core.blocks.projection import Projection, WideLinear
from hnet_core.errors import ConfigError
from hnet_core.merging import Merge
from hnet_core.merging.published import repeat
from hnet_core.routers import Router
from hnet_core.routers.decision import Decision
from hnet_core.rows import Rows

FIRM = 0.4
"""A boundary of the toy router is where p is above this, which is not a half."""


@dataclass
class Last:
    """value (R, ...) of each row's last position, zeros before its first"""

    value: Tensor


def shifted(x: Tensor, rows: Rows, state: Last | None) -> tuple[Tensor, Last | None]:
    """x[t - 1] of the same row, and the state after x."""
    last = x.new_zeros(rows.n_rows, *x.shape[1:]) if state is None else state.value
    filled, before = rows.lengths > 0, torch.cat((x[:1], x[:-1]))
    before = before.index_put((rows.cu_seqlens[:-1][filled],), last[filled])
    after = last.index_put((filled.nonzero().squeeze(1),), x[rows.cu_seqlens[1:][filled] - 1])
    return before, Last(after) if state else None


class ToyMixer(Mixer):
    """y[t] = W (x[t] + x[t - 1])"""

    @classmethod
    def check(cls, stage) -> None:
        if stage.width % 16:
            raise ConfigError(
                f"d_model[{stage.index}]={stage.width} must be a multiple of 16 for blocks of kind s"
            )

    @classmethod
    def flops(cls, stage, length) -> float:
        return 2 * stage.width**2

    def __init__(self, stage) -> None:
        super().__init__()
        self.out_proj = Projection(stage.width, stage.width)

    def forward(self, x, rows, state=None):
        before, state = shifted(x, rows, state)
        return self.out_proj(x + before), state

    def new_state(self, n_rows: int) -> Last:
        weight = self.out_proj.weight
        return Last(weight.new_zeros(n_rows, weight.shape[0]))


class ToyRouter(Router):
    """p = sigmoid(w (x[t] - x[t - 1])), with a threshold, a sureness and a loss of its own."""

    @classmethod
    def flops(cls, width: int) -> float:
        return 2 * width

    def __init__(self, width, options) -> None:
        super().__init__(width, options)
        self.head = WideLinear(width, 1)

    def forward(self, x, rows, state=None):
        level = self.head(x).squeeze(-1)
        before, state = shifted(level, rows, state)
        prob = (level - before).sigmoid().masked_fill(rows.opens, 1.0)
        return Decision(prob, prob > FIRM, sureness=prob**2, loss=((prob - 0.3) ** 2).sum()), state

    def new_state(self, n_rows: int, device) -> Last:
        return Last(torch.zeros(n_rows, device=device))

    def init_weights(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.head.weight, std=0.5, generator=generator)
        nn.init.zeros_(self.head.bias)


class GatedMerge(Merge):
    """The chunk of each position, let through by a gate that reads the encoder, beside the encoder itself."""

    def __init__(self, width, options) -> None:
        self.gate, self.width = WideLinear(width, width), width

    @property
    def layers(self) -> dict[str, nn.Module]:
        return {"gate_proj": self.gate}

    @classmethod
    def flops(cls, width, options, kept) -> float:
        return 2 * width**2

    def __call__(self, encoded, chunks, decision, rows, state=None):
        out, state = repeat(chunks, decision.prob, decision.is_boundary, rows.cu_seqlens, state=state)
        return encoded + self.gate(encoded).sigmoid() * out * decision.confidence[:, None], state

    def new_state(self, n_rows: int) -> Tensor:
        return self.gate.weight.new_zeros(n_rows, self.width)

    def init_weights(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.gate.weight, std=0.1, generator=generator)
        nn.init.zeros_(self.gate.bias)
