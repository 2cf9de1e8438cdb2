"""Triton kernels of the norms: one pass over memory each way, weight gradients summed by a persistent grid."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.packed.cuda import kernel, launch, narrowed, persistent, row_stride, silu, unit_stride

TILE, TILE_BACKWARD = 4096, 2048
"""Numbers a program holds of each tensor at once; the backward pass holds more tensors."""
MAX_WIDTH = 16384
PER_PROCESSOR = 4
"""Programs of the backward on each multiprocessor."""


@triton.jit
def _load(x, stride, t, d, inside):
    return tl.load(x + t[:, None].to(tl.int64) * stride + d[None, :], mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _store(x, stride, t, d, inside, value):
    tl.store(
        x + t[:, None].to(tl.int64) * stride + d[None, :], narrowed(value, x.dtype.element_ty), mask=inside
    )


@kernel
def _forward(
    x, x_stride, residual, residual_stride, weight, eps, normed, summed, T, D, ROWS: tl.constexpr, WIDTH: tl.constexpr
):  # fmt: skip
    """normed and, with a residual, summed at ROWS positions."""
    t = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    d = tl.arange(0, WIDTH)
    inside = (t < T)[:, None] & (d < D)[None, :]
    s = _load(x, x_stride, t, d, inside)
    if residual is not None:
        s += _load(residual, residual_stride, t, d, inside)
        _store(summed, D, t, d, inside, s)
    scale = tl.rsqrt(tl.sum(s * s, axis=1) / D + eps)
    w = tl.load(weight + d, mask=d < D, other=0.0).to(tl.float32)
    _store(normed, D, t, d, inside, s * scale[:, None] * w[None, :])


@triton.jit
def _backward_of_scaling(u, g, w, eps, D):
    """Gradients of u / rms(u) * w for (ROWS, WIDTH) u and given g: du, and what each position adds to dw."""
    scale = tl.rsqrt(tl.sum(u * u, axis=1) / D + eps)[:, None]
    along = tl.sum(g * w[None, :] * u, axis=1)[:, None] / D
    return scale * (g * w[None, :] - u * (scale * scale * along)), g * u * scale


@kernel
def _backward(
    s, s_stride, weight, eps, dnormed, dnormed_stride, dsummed, dsummed_stride, dx, dresidual, dweight, T, D,
    ROWS: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """dx, dresidual (where its dtype is another) and this program's share of dweight, (programs, D)."""
    d = tl.arange(0, WIDTH)
    w = tl.load(weight + d, mask=d < D, other=0.0).to(tl.float32)
    total = tl.zeros((WIDTH,), tl.float32)
    for tile in range(tl.program_id(0), tl.cdiv(T, ROWS), tl.num_programs(0)):
        t = tile * ROWS + tl.arange(0, ROWS)
        inside = (t < T)[:, None] & (d < D)[None, :]
        g = _load(dnormed, dnormed_stride, t, d, inside)
        given, share = _backward_of_scaling(_load(s, s_stride, t, d, inside), g, w, eps, D)
        total += tl.sum(share, axis=0)
        if dsummed is not None:
            given += _load(dsummed, dsummed_stride, t, d, inside)
        _store(dx, D, t, d, inside, given)
        if dresidual is not None:
            _store(dresidual, D, t, d, inside, given)
    tl.store(dweight + tl.program_id(0) * D + d, total, mask=d < D)


@kernel
def _gated_forward(
    y, y_stride, z, z_stride, weight, eps, out, T, D, ROWS: tl.constexpr, WIDTH: tl.constexpr
):  # fmt: skip
    """out at ROWS positions."""
    t = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    d = tl.arange(0, WIDTH)
    inside = (t < T)[:, None] & (d < D)[None, :]
    u = _load(y, y_stride, t, d, inside) * silu(_load(z, z_stride, t, d, inside))
    scale = tl.rsqrt(tl.sum(u * u, axis=1) / D + eps)
    w = tl.load(weight + d, mask=d < D, other=0.0).to(tl.float32)
    _store(out, D, t, d, inside, u * scale[:, None] * w[None, :])


@kernel
def _gated_backward(
    y, y_stride, z, z_stride, weight, eps, dout, dout_stride, dy, dz, dz_stride, dweight, T, D,
    ROWS: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """dy, dz and this program's share of dweight, (programs, D)."""
    d = tl.arange(0, WIDTH)
    w = tl.load(weight + d, mask=d < D, other=0.0).to(tl.float32)
    total = tl.zeros((WIDTH,), tl.float32)
    for tile in range(tl.program_id(0), tl.cdiv(T, ROWS), tl.num_programs(0)):
        t = tile * ROWS + tl.arange(0, ROWS)
        inside = (t < T)[:, None] & (d < D)[None, :]
        value, gate = _load(y, y_stride, t, d, inside), _load(z, z_stride, t, d, inside)
        open_by = tl.sigmoid(gate)
        g = _load(dout, dout_stride, t, d, inside)
        du, share = _backward_of_scaling(value * gate * open_by, g, w, eps, D)
        total += tl.sum(share, axis=0)
        _store(dy, D, t, d, inside, du * gate * open_by)
        _store(dz, dz_stride, t, d, inside, du * value * open_by * (1 + gate * (1 - open_by)))
    tl.store(dweight + tl.program_id(0) * D + d, total, mask=d < D)


def _tile(x: Tensor, numbers: int) -> tuple[int, dict]:
    """Tiles of x (T, D) of about so many numbers, and their sizes."""
    width = triton.next_power_of_2(x.shape[1])
    if width > MAX_WIDTH:
        raise ValueError(f"the norm's kernel takes at most {MAX_WIDTH} channels, got {x.shape[1]}")
    rows = max(1, numbers // width)
    # With 4 warps the backward of one position of 2048 channels spills on sm_90.
    warps = 16 if width > TILE else 8 if width >= numbers else 4
    return triton.cdiv(len(x), rows), {"ROWS": rows, "WIDTH": width, "num_warps": warps}


class RMSNorm(torch.autograd.Function):
    """kernels.rms_norm on CUDA. Keeps `summed` alone for the backward."""

    @staticmethod
    def forward(ctx, x, weight, eps, residual, dtype):
        ctx.set_materialize_grads(False)
        x, residual, weight = unit_stride(x), unit_stride(residual), weight.contiguous()
        normed = torch.empty(x.shape, dtype=dtype, device=x.device)
        summed = x.view_as(x)
        if residual is not None:
            summed = torch.empty(x.shape, dtype=torch.float32, device=x.device)
        (T, D), (tiles, sizes) = x.shape, _tile(x, TILE)
        launch(
            _forward, (tiles,), x=x, x_stride=row_stride(x), residual=residual, residual_stride=row_stride(residual),
            weight=weight, eps=eps, normed=normed, summed=summed, T=T, D=D, **sizes,
        )  # fmt: skip
        ctx.save_for_backward(summed, weight)
        ctx.eps, ctx.dtypes = eps, (x.dtype, None if residual is None else residual.dtype)
        return normed, summed

    @staticmethod
    def backward(ctx, dnormed, dsummed):
        summed, weight = ctx.saved_tensors
        dtype, dtype_of_residual = ctx.dtypes
        if dnormed is None:
            given = None if dtype_of_residual is None else dsummed.to(dtype_of_residual)
            return dsummed.to(dtype), None, None, given, None
        dnormed, dsummed = unit_stride(dnormed), unit_stride(dsummed)
        dx = torch.empty(summed.shape, dtype=dtype, device=summed.device)
        same = dtype_of_residual in (None, dtype)
        dresidual = None if same else torch.empty_like(dx, dtype=dtype_of_residual)
        (T, D), (tiles, sizes) = summed.shape, _tile(summed, TILE_BACKWARD)
        programs = persistent(summed, tiles, PER_PROCESSOR)
        dweight = torch.empty(programs, len(weight), device=summed.device)
        launch(
            _backward, (programs,), s=summed, s_stride=row_stride(summed), weight=weight, eps=ctx.eps,
            dnormed=dnormed, dnormed_stride=row_stride(dnormed), dsummed=dsummed, dsummed_stride=row_stride(dsummed),
            dx=dx, dresidual=dresidual, dweight=dweight, T=T, D=D, **sizes,
        )  # fmt: skip
        if dtype_of_residual is not None and same:
            dresidual = dx
        return dx, dweight.sum(0).to(weight.dtype), None, dresidual, None


class GatedRMSNorm(torch.autograd.Function):
    """kernels.gated_rms_norm on CUDA. The backward recomputes the gate."""

    @staticmethod
    def forward(ctx, y, z, weight, eps):
        y, z, weight = unit_stride(y), unit_stride(z), weight.contiguous()
        ctx.save_for_backward(y, z, weight)
        ctx.eps = eps
        return gated(y, z, weight, eps)

    @staticmethod
    def backward(ctx, dout):
        (y, z, weight), dout = ctx.saved_tensors, unit_stride(dout)
        dy, dz = (torch.empty(y.shape, dtype=y.dtype, device=y.device) for _ in range(2))
        return dy, dz, gated_gradients(y, z, weight, ctx.eps, dout, dy, dz), None


def gated(y: Tensor, z: Tensor, weight: Tensor, eps: float) -> Tensor:
    """out (T, D) of the gated norm; y and z with unit last stride."""
    out = torch.empty(y.shape, dtype=y.dtype, device=y.device)
    (T, D), (tiles, sizes) = y.shape, _tile(y, TILE)
    launch(
        _gated_forward, (tiles,), y=y, y_stride=row_stride(y), z=z, z_stride=row_stride(z), weight=weight, eps=eps,
        out=out, T=T, D=D, **sizes,
    )  # fmt: skip
    return out


def gated_gradients(
    y: Tensor, z: Tensor, weight: Tensor, eps: float, dout: Tensor, dy: Tensor, dz: Tensor
) -> Tensor:
    """Writes dy (contiguous) and dz (unit last stride); returns dweight."""
    (T, D), (tiles, sizes) = y.shape, _tile(y, TILE_BACKWARD)
    programs = persistent(y, tiles, PER_PROCESSOR)
    dweight = torch.empty(programs, D, device=y.device)
    launch(
        _gated_backward, (programs,), y=y, y_stride=row_stride(y), z=z, z_stride=row_stride(z), weight=weight, eps=eps,
        dout=dout, dout_stride=row_stride(dout), dy=dy, dz=dz, dz_stride=row_stride(dz), dweight=dweight,
        T=T, D=D, **sizes,
    )  # fmt: skip
    return dweight.sum(0).to(weight.dtype)


def rms_norm(
    x: Tensor,
    weight: Tensor,
    eps: float = 1e-5,
    residual: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """See kernels.rms_norm."""
    return RMSNorm.apply(x, weight, float(eps), residual, dtype or x.dtype)


def gated_rms_norm(y: Tensor, z: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    """See kernels.gated_rms_norm."""
    return GatedRMSNorm.apply(y, z, weight, float(eps))
