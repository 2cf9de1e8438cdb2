"""SSD by the package mamba_ssm (Dao and Gu 2024): the published kernels, as a second backend on CUDA."""

from itertools import pairwise

import torch
from torch import Tensor

from kernels.backend import BackendError

CHUNK = 256
"""Positions that its kernels treat at once: the default of its Mamba-2 layer."""
DTYPES = (torch.float16, torch.bfloat16, torch.float32)


def ssd(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    dt_bias: Tensor,
    cu_seqlens: Tensor,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Shapes and meaning as in kernels.ssd.ssd.

    All rows in one launch where no gradient is asked for, no row has a state and none is empty: its backward does not
    know the states of packed rows, and it takes one initial state for all of them. Otherwise row by row.
    Raises BackendError where x has a dtype that its kernels do not have.
    """
    if x.dtype not in DTYPES:
        raise BackendError(
            f"mamba_ssm cannot run ssd: it needs {', '.join(map(str, DTYPES))} and x is {x.dtype}; "
            "ask for auto or reference"
        )
    limits = cu_seqlens.tolist()
    given = (x, dt, A, B, C, D, dt_bias)
    is_differentiated = torch.is_grad_enabled() and any(v.requires_grad for v in given)
    dtype = torch.promote_types(x.dtype, A.dtype)
    if state is None and not is_differentiated and all(start < stop for start, stop in pairwise(limits)):
        y, states = _scan(
            *given, seq_idx=rows_of(cu_seqlens, len(x)), cu_seqlens=cu_seqlens, return_varlen_states=True
        )
        return y[0], states.to(dtype)
    if state is None:
        state = x.new_zeros(len(limits) - 1, *x.shape[1:], B.shape[1], dtype=dtype)
    outputs, finals = [x[:0]], [state[:0]]
    for row, (start, stop) in enumerate(pairwise(limits)):
        final = state[row : row + 1]
        if start < stop:
            part = slice(start, stop)
            own = (x[part], dt[part], A, B[part], C[part], D, dt_bias)
            y, final = _scan(*own, initial_states=final.contiguous(), return_final_states=True)
            outputs.append(y[0])
        finals.append(final.to(state.dtype))
    return torch.cat(outputs), torch.cat(finals)


def packed(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, dt_bias: Tensor, cu_seqlens: Tensor
) -> Tensor:
    """y alone, all rows in one launch, differentiable: how the package is trained with."""
    return _scan(x, dt, A, B, C, D, dt_bias, seq_idx=rows_of(cu_seqlens, len(x)))[0]


def rows_of(cu_seqlens: Tensor, n_positions: int) -> Tensor:
    """The number of the row that each position is in, (1, T) int32."""
    rows = torch.arange(len(cu_seqlens) - 1, device=cu_seqlens.device, dtype=torch.int32)
    return rows.repeat_interleave(cu_seqlens.diff(), output_size=n_positions)[None]


def _scan(x, dt, A, B, C, D, dt_bias, **options):
    """The package's function on one batch of one: it has axes for batch and for groups of B and C."""
    from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined

    B, C = B[None, :, None], C[None, :, None]
    return mamba_chunk_scan_combined(
        x[None], dt[None], A, B, C, CHUNK, D=D, dt_bias=dt_bias, dt_softplus=True, **options
    )
