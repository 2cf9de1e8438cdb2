"""A router that counts."""

from torch import Tensor

from hnet_core.blocks.projection import wide
from hnet_core.routers.decision import Decision
from hnet_core.routers.router import Router
from hnet_core.rows import Rows
from hnet_core.stage_config import ChunkingConfig, check_size


class FixedStrideRouter(Router):
    """p = 1 at every `stride`-th position of a row, counted from its first (the start marker, if there is one)."""

    LEARNS = False
    OPTIONS = ("stride",)

    def __init__(self, width: int, options: ChunkingConfig) -> None:
        super().__init__(width, options)
        self.stride = options.stride

    @classmethod
    def check(cls, options: ChunkingConfig, where: str) -> None:
        check_size(f"{where}.stride", options.stride, low=2)

    def forward(self, x: Tensor, rows: Rows, state: None = None) -> tuple[Decision, None]:
        return Decision.by_threshold((rows.positions % self.stride == 0).to(wide(x.dtype))), None
