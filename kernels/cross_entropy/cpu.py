"""CPU kernel of the cross entropy: one pass over the logits each way, with vectorised exponentials."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from kernels.cross_entropy.reference import IGNORED
from kernels.lanes.cpu import (
    LANES,
    exponential,
    first,
    flat,
    in_blocks,
    largest,
    load,
    maximum,
    n_blocks,
    splat,
    store,
)
from kernels.vectors.cpu import total

_ZERO = np.float32(0)


@njit(cache=True, nogil=True)
def _largest(logits, at, size):
    """The largest of logits[at : at + size]; NaN is passed over, and met again in the sum of exponentials."""
    top = logits[at]
    filled = size - size % LANES
    if filled:
        lanes = load(logits, at, first(LANES))
        for j in range(LANES, filled, LANES):
            lanes = maximum(lanes, load(logits, at + j, first(LANES)))
        top = largest(lanes)
    for j in range(filled, size):
        top = max(top, logits[at + j])
    return top


@njit(cache=True, nogil=True)
def _forward(logits, stride, size, target, nll, top, log_sum, start, stop):
    """nll of positions start ... stop; the largest logit; the logarithm of the sum of exp(logit - largest)."""
    powers = np.empty(size, np.float32)
    for t in range(start, stop):
        nll[t] = top[t] = log_sum[t] = 0
        if target[t] == IGNORED:
            continue
        at = t * stride
        top[t] = _largest(logits, at, size)
        sums = splat(_ZERO)
        for j in range(0, size, LANES):
            # By way of memory: outside the mask a lane must count as 0, not as exp(0).
            m = first(size - j)
            store(powers, j, exponential(load(logits, at + j, m) - splat(top[t])), m)
            sums = sums + load(powers, j, m)
        log_sum[t] = np.log(np.float64(total(sums)))
        nll[t] = log_sum[t] + (top[t] - logits[at + target[t]])


@njit(cache=True, nogil=True)
def _backward(logits, stride, size, target, top, log_sum, dnll, dlogits, start, stop):
    """dlogits (flat, contiguous) at positions start ... stop: dnll (softmax - one-hot)."""
    for t in range(start, stop):
        if target[t] == IGNORED:
            for j in range(t * size, (t + 1) * size):
                dlogits[j] = 0
            continue
        scale, highest, rest = splat(dnll[t]), splat(top[t]), splat(log_sum[t])
        for j in range(0, size, LANES):
            m = first(size - j)
            power = exponential(load(logits, t * stride + j, m) - highest - rest)
            store(dlogits, t * size + j, power * scale, m)
        dlogits[t * size + target[t]] -= dnll[t]


class CrossEntropy(torch.autograd.Function):
    """kernels.cross_entropy on the CPU, in float32. Kept for the backward: the logits and two numbers a position."""

    @staticmethod
    def forward(ctx, logits, target):
        n, size = logits.shape
        nll, top, log_sum = torch.empty(n), torch.empty(n), torch.empty(n)
        arguments = *flat(logits), size, target.numpy(), nll.numpy(), top.numpy(), log_sum.numpy()

        def work(block, start, stop):
            _forward(*arguments, start, stop)

        in_blocks(work, n, n_blocks(n, size))
        ctx.save_for_backward(logits, target, top, log_sum)
        return nll

    @staticmethod
    def backward(ctx, dnll):
        logits, target, top, log_sum = ctx.saved_tensors
        n, size = logits.shape
        dlogits = torch.empty(n, size)
        arguments = *flat(logits), size, target.numpy(), top.numpy(), log_sum.numpy()
        given, out = dnll.contiguous().numpy(), dlogits.view(-1).numpy()

        def work(block, start, stop):
            _backward(*arguments, given, out, start, stop)

        in_blocks(work, n, n_blocks(n, size))
        return dlogits, None


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """See kernels.cross_entropy."""
    wrong = (target != IGNORED) & ((target < 0) | (target >= logits.shape[1]))
    if wrong.any():
        at = int(wrong.nonzero()[0])
        raise ValueError(
            f"target[{at}] = {int(target[at])} is neither {IGNORED} nor below {logits.shape[1]}, the vocabulary"
        )
    return CrossEntropy.apply(logits.float(), target.contiguous())
