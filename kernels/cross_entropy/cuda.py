"""Triton kernels of the cross entropy: logits are read once each way, in their own dtype; no softmax is written."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.cross_entropy.reference import IGNORED
from kernels.packed.cuda import kernel, launch, row_stride, unit_stride

TILE = 4096
"""Logits that a program holds at once."""
MAX_WIDTH = 16384


@triton.jit
def _softmax(logits, stride, t, v, T, V: tl.constexpr):
    """Of positions t: the logits as float32 (-inf beyond V), the largest, and the sum of exp(logit - largest)."""
    inside = (t < T)[:, None] & (v < V)[None, :]
    value = tl.load(logits + t.to(tl.int64)[:, None] * stride + v[None, :], mask=inside, other=float("-inf"))
    value = tl.where((t < T)[:, None], value.to(tl.float32), 0.0)
    top = tl.max(value, axis=1)
    return value, top, tl.sum(tl.exp(value - top[:, None]), axis=1)


@kernel
def _forward(
    logits, stride, target, nll, T,
    V: tl.constexpr, IGNORED: tl.constexpr, ROWS: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """nll of ROWS positions; NaN where the target lies outside the vocabulary."""
    t, v = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, WIDTH)
    wanted = tl.load(target + t, mask=t < T, other=IGNORED)
    value, top, total = _softmax(logits, stride, t, v, T, V)
    own = tl.sum(tl.where(v[None, :] == wanted[:, None], value, 0.0), axis=1)
    found = tl.where((wanted >= 0) & (wanted < V), tl.log(total) + (top - own), float("nan"))
    tl.store(nll + t, tl.where(wanted == IGNORED, 0.0, found), mask=t < T)


@kernel
def _backward(
    logits, stride, target, dnll, dlogits, T,
    V: tl.constexpr, IGNORED: tl.constexpr, ROWS: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """dlogits (T, V) of ROWS positions: dnll (softmax - one-hot)."""
    t, v = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, WIDTH)
    wanted = tl.load(target + t, mask=t < T, other=IGNORED)
    value, top, total = _softmax(logits, stride, t, v, T, V)
    share = tl.exp(value - top[:, None]) / total[:, None]
    share -= tl.where(v[None, :] == wanted[:, None], 1.0, 0.0)
    given = tl.load(dnll + t, mask=t < T, other=0.0)
    value = tl.where((wanted == IGNORED)[:, None], 0.0, given[:, None] * share)
    at = dlogits + t.to(tl.int64)[:, None] * V + v[None, :]
    tl.store(at, value.to(dlogits.dtype.element_ty), mask=(t < T)[:, None] & (v < V)[None, :])


class CrossEntropy(torch.autograd.Function):
    """kernels.cross_entropy on CUDA. Keeps the logits alone."""

    @staticmethod
    def forward(ctx, logits, target):
        logits, target = unit_stride(logits), target.contiguous()
        ctx.save_for_backward(logits, target)
        nll = torch.empty(len(logits), device=logits.device)
        launch(_forward, _grid(logits), **_given(logits, target), nll=nll)
        return nll

    @staticmethod
    def backward(ctx, dnll):
        logits, target = ctx.saved_tensors
        dlogits = torch.empty(logits.shape, dtype=logits.dtype, device=logits.device)
        launch(_backward, _grid(logits), **_given(logits, target), dnll=dnll.contiguous(), dlogits=dlogits)
        return dlogits, None


def _rows(logits: Tensor) -> tuple[int, int]:
    """Positions of a program, and the power of 2 that holds their logits."""
    width = triton.next_power_of_2(logits.shape[1])
    if width > MAX_WIDTH:
        raise ValueError(
            f"the cross entropy's kernel takes at most {MAX_WIDTH} logits, got {logits.shape[1]}"
        )
    return max(1, TILE // width), width


def _grid(logits: Tensor) -> tuple[int]:
    return (triton.cdiv(len(logits), _rows(logits)[0]),)


def _given(logits: Tensor, target: Tensor) -> dict:
    (T, V), (rows, width) = logits.shape, _rows(logits)
    sizes = {"IGNORED": IGNORED, "ROWS": rows, "WIDTH": width, "num_warps": 4 if width <= TILE else 16}
    return {"logits": logits, "stride": row_stride(logits), "target": target, "T": T, "V": V, **sizes}


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """See kernels.cross_entropy."""
    return CrossEntropy.apply(logits, target)
