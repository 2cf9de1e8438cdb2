"""SSD, the state-space operator of Mamba-2 (Dao and Gu 2024), over packed rows."""

from torch import Tensor

from kernels import backend
from kernels.arguments import require, require_limits
from kernels.ssd import reference


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
    """A linear recurrence whose state forgets at a rate that depends on the input.

    With step = softplus(dt + dt_bias), for every head and from each row's own state S (zeros if none is given):
    S[t] = exp(step[t] A) S[t-1] + step[t] x[t] B[t]'    and    y[t] = S[t] C[t] + D x[t].

    x (T, H, P)   dt (T, H)   A, D, dt_bias (H,), A < 0   B, C (T, N), shared by the heads
    cu_seqlens (R + 1,) int64, where the rows begin and end   state (R, H, P, N), each row's S before its first position
    returns y (T, H, P) and each row's S after its last position (R, H, P, N); a row of length 0 keeps its state
    raises ValueError where the shapes do not agree. x, dt, B and C share one dtype, in which y is returned; where it is
    bfloat16, the others may be float32. Slices with unit last stride are free.
    """
    _check(x, dt, A, B, C, D, dt_bias, cu_seqlens, state)
    match backend.choose("ssd", x):
        case "triton":
            from kernels.ssd import cuda as chosen
        case "mamba_ssm":
            from kernels.ssd import mamba_ssm as chosen
        case "numba":
            from kernels.ssd import cpu as chosen
        case _:
            chosen = reference
    return chosen.ssd(x, dt, A, B, C, D, dt_bias, cu_seqlens, state)


def _check(x, dt, A, B, C, D, dt_bias, cu_seqlens, state) -> None:
    if x.dim() != 3 or B.dim() != 2:
        raise ValueError(f"x must be (T, H, P) and B (T, N), got {tuple(x.shape)} and {tuple(B.shape)}")
    (T, H, P), N, R = x.shape, B.shape[1], require_limits(cu_seqlens, x.device, len(x))
    same = {"dt": (dt, (T, H)), "B": (B, (T, N)), "C": (C, (T, N))}
    wide = {"A": (A, (H,)), "D": (D, (H,)), "dt_bias": (dt_bias, (H,)), "state": (state, (R, H, P, N))}
    require(x, same, wide)
