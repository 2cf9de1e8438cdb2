"""SSD, the state-space operator of Mamba-2 (Dao and Gu 2024), over packed rows."""

from torch import Tensor

from kernels import backend
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
    raises ValueError where the shapes do not agree. All inputs share one dtype; slices with unit last stride are free.
    """
    _check(x, dt, A, B, C, D, dt_bias, cu_seqlens, state)
    chosen = backend.choose("ssd", x)
    if chosen == "numba":
        from kernels.ssd import cpu

        return cpu.ssd(x, dt, A, B, C, D, dt_bias, cu_seqlens, state)
    return reference.ssd(x, dt, A, B, C, D, dt_bias, cu_seqlens, state)


def _check(x, dt, A, B, C, D, dt_bias, cu_seqlens, state) -> None:
    if x.dim() != 3 or B.dim() != 2 or cu_seqlens.dim() != 1 or len(cu_seqlens) == 0:
        shapes = f"{tuple(x.shape)}, {tuple(B.shape)} and {tuple(cu_seqlens.shape)}"
        raise ValueError(f"x must be (T, H, P), B (T, N) and cu_seqlens (R + 1,), got {shapes}")
    (T, H, P), N, R = x.shape, B.shape[1], len(cu_seqlens) - 1
    wanted = {
        "dt": (dt, (T, H)),
        "A": (A, (H,)),
        "B": (B, (T, N)),
        "C": (C, (T, N)),
        "D": (D, (H,)),
        "dt_bias": (dt_bias, (H,)),
    }
    if state is not None:
        wanted["state"] = (state, (R, H, P, N))
    for name, (tensor, shape) in wanted.items():
        if tensor.shape != shape:
            raise ValueError(
                f"{name} must be {shape} to go with x {tuple(x.shape)}, got {tuple(tensor.shape)}"
            )
        if tensor.dtype != x.dtype:
            raise ValueError(f"{name} must be {x.dtype} as x is, got {tensor.dtype}")
