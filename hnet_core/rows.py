"""Rows of uneven length laid end to end: how every sequence travels through the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from kernels import chunking
from kernels.arguments import check_limits, remember_limits

ROTARY_BASE = 10000.0


@dataclass(frozen=True, eq=False)
class Rows:
    """Limits of R rows in one packed stream of T positions.

    cu_seqlens  (R + 1,) int64   row r holds positions cu_seqlens[r] to cu_seqlens[r + 1]; rows may be empty
    seen        (R,) int64|None  positions each row had before this stream (None: none)
    ids         (T,) int64|None  input value at each position, for routers that cut by what a byte is
    """

    cu_seqlens: Tensor
    seen: Tensor | None = None
    ids: Tensor | None = None

    @classmethod
    def entering(
        cls, ids: Tensor, cu_seqlens: Tensor, bounds: Sequence[int] | None = None, seen: Tensor | None = None
    ) -> "Rows":
        """The rows that a model is given, on the device of ids (T,), which become int64.

        bounds  the numbers of cu_seqlens where the host has them; limits on the CPU it has. What the host knows it
                checks, at no cost; limits that only a GPU knows the GPU checks (see kernels.arguments).
        Raises ValueError for ids that are not whole numbers, and for limits that do not rise from 0 to T.
        """
        if ids.dim() != 1 or ids.dtype.is_floating_point or ids.dtype.is_complex or ids.dtype == torch.bool:
            raise ValueError(
                f"input_ids must be (T,) whole numbers, such as bytes in torch.uint8 or torch.int64, got "
                f"{tuple(ids.shape)} in {ids.dtype}"
            )
        if cu_seqlens.dim() != 1:
            raise ValueError(f"cu_seqlens must be (R + 1,), got {tuple(cu_seqlens.shape)}")
        if bounds is None and cu_seqlens.device.type == "cpu":
            bounds = cu_seqlens.tolist()
        rows = cls(cu_seqlens.to(ids.device, torch.int64), seen, ids.to(torch.int64))
        if bounds is None:
            return rows
        if len(bounds) != len(cu_seqlens):
            raise ValueError(f"bounds must be the {len(cu_seqlens)} numbers of cu_seqlens, got {len(bounds)}")
        check_limits(bounds, len(ids))
        remember_limits(rows.cu_seqlens, bounds, len(ids))
        return rows._knowing(bounds)

    def _knowing(self, bounds: Sequence[int]) -> "Rows":
        """These rows, whose property `bounds` need not fetch the limits."""
        self.__dict__["bounds"] = list(bounds)
        return self

    @cached_property
    def bounds(self) -> list[int]:
        """The limits as Python integers (one host synchronisation on a GPU)."""
        return self.cu_seqlens.tolist()

    @property
    def n_rows(self) -> int:
        return len(self.cu_seqlens) - 1

    @cached_property
    def lengths(self) -> Tensor:
        """(R,) positions in each row."""
        return self.cu_seqlens.diff()

    @cached_property
    def positions(self) -> Tensor:
        """(T,) index of each position inside its own row, counted from the row's very first position."""
        start = self.cu_seqlens[:-1] if self.seen is None else self.cu_seqlens[:-1] - self.seen
        index = torch.arange(self.bounds[-1], device=self.cu_seqlens.device)
        return index - start.repeat_interleave(self.lengths, output_size=self.bounds[-1])

    @cached_property
    def opens(self) -> Tensor:
        """(T,) bool: the very first position of its row."""
        return self.positions == 0

    @cached_property
    def _rotary(self) -> dict[int, tuple[Tensor, Tensor]]:
        return {}

    def rotary(self, dim: int) -> tuple[Tensor, Tensor]:
        """cos and sin, each (T, dim / 2), of every position's rotation angles; one table serves all layers."""
        if dim not in self._rotary:
            steps = torch.arange(0, dim, 2, device=self.cu_seqlens.device, dtype=torch.float32)
            angle = self.positions[:, None].float() * ROTARY_BASE ** (-steps / dim)
            self._rotary[dim] = angle.cos(), angle.sin()
        return self._rotary[dim]

    def kept(self, is_boundary: Tensor, seen: Tensor | None = None) -> tuple["Rows", Tensor]:
        """The rows of the next stage, whose M positions are the boundaries of this one, and the (M,) index of each.

        is_boundary (T,) bool   seen (R,) positions the next stage had before
        The limits go to the host here, which is the one synchronisation a stage needs: they tell M as well.
        """
        starts, limits, bounds = chunking.starts(is_boundary, self.cu_seqlens)
        inner = Rows(limits, seen, None if self.ids is None else self.ids.index_select(0, starts))
        return inner._knowing(bounds), starts


def pack(x: Tensor, mask: Tensor) -> tuple[Tensor, Rows]:
    """(B, L, ...) with (B, L) True at valid positions (right-padded) -> (T, ...) and its row limits."""
    cu_seqlens = torch.nn.functional.pad(mask.sum(1).cumsum(0), (1, 0))
    return x[mask], Rows(cu_seqlens)


def unpack(x: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """(T, ...) -> (R, longest row, ...) padded with zeros, and its (R, longest) mask of valid positions."""
    longest = int(rows.lengths.max()) if rows.n_rows else 0
    mask = torch.arange(longest, device=x.device) < rows.lengths[:, None]
    out = x.new_zeros(rows.n_rows, longest, *x.shape[1:])
    return out.masked_scatter(mask.view(*mask.shape, *[1] * (x.dim() - 1)), x), mask
