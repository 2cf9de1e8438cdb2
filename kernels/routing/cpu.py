"""CPU kernel of routing: lengths, cosine and clamp in one pass over q and k, and so its backward."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from kernels.lanes.cpu import LANES, first, flat, in_blocks, load, n_blocks, splat, store
from kernels.routing.reference import EPS
from kernels.vectors.cpu import total

_F32 = np.float32
_ZERO = _F32(0)


@njit(forceinline=True)
def _lengths_and_cosine(q, i, k, o, d):
    """(length of q, length of k, their cosine) of the vectors at q[i] and k[o], lengths at least EPS."""
    qq, kk, qk = splat(_ZERO), splat(_ZERO), splat(_ZERO)
    for j in range(0, d, LANES):
        m = first(d - j)
        a, b = load(q, i + j, m), load(k, o + j, m)
        qq = qq + a * a
        kk = kk + b * b
        qk = qk + a * b
    q_length = max(np.sqrt(np.float64(total(qq))), EPS)
    k_length = max(np.sqrt(np.float64(total(kk))), EPS)
    return q_length, k_length, total(qk) / (q_length * k_length)


@njit(cache=True, nogil=True)
def _forward(q, q_stride, k, k_stride, d, limits, last_q, started, prob, start, stop):
    """prob at positions start ... stop. last_q (R * D) is flat; empty: every row is new."""
    for row in range(len(limits) - 1):
        for t in range(max(limits[row], start), min(limits[row + 1], stop)):
            if t > limits[row]:
                cosine = _lengths_and_cosine(q, (t - 1) * q_stride, k, t * k_stride, d)[2]
            elif started[row]:
                cosine = _lengths_and_cosine(last_q, row * d, k, t * k_stride, d)[2]
            else:
                cosine = -1.0
            prob[t] = min(max((1 - cosine) / 2, 0.0), 1.0)


@njit(cache=True, nogil=True)
def _backward_pair(q, i, k, o, d, dprob, dq, dq_at, dk, dk_at):
    """dq and dk, written, of one probability; nothing flows through an active clamp, nor through a length of EPS."""
    q_length, k_length, cosine = _lengths_and_cosine(q, i, k, o, d)
    slope = -0.5 * dprob if -1 <= cosine <= 1 else 0.0
    across = splat(_F32(slope / (q_length * k_length)))
    q_along = splat(_F32(slope * cosine / (q_length * q_length) if q_length > EPS else 0.0))
    k_along = splat(_F32(slope * cosine / (k_length * k_length) if k_length > EPS else 0.0))
    for j in range(0, d, LANES):
        m = first(d - j)
        a, b = load(q, i + j, m), load(k, o + j, m)
        store(dq, dq_at + j, b * across - a * q_along, m)
        store(dk, dk_at + j, a * across - b * k_along, m)


@njit(cache=True, nogil=True)
def _backward(q, q_stride, k, k_stride, d, limits, last_q, started, dprob, dq, dk, dlast, start, stop):
    """dq[t - 1] and dk[t] (flat, contiguous) for t in start ... stop, and dlast (R * D) of the rows that start there.

    dq of each row's last position stays what it was: no probability depends on it.
    """
    for row in range(len(limits) - 1):
        for t in range(max(limits[row], start), min(limits[row + 1], stop)):
            if t > limits[row]:
                _backward_pair(
                    q, (t - 1) * q_stride, k, t * k_stride, d, dprob[t], dq, (t - 1) * d, dk, t * d
                )
            elif started[row]:
                _backward_pair(last_q, row * d, k, t * k_stride, d, dprob[t], dlast, row * d, dk, t * d)
            else:
                for j in range(d):
                    dk[t * d + j] = 0


class Routing(torch.autograd.Function):
    """kernels.routing on the CPU, in float32: prob alone. The backward recomputes lengths and cosines."""

    @staticmethod
    def forward(ctx, q, k, cu_seqlens, last_q, started):
        ctx.save_for_backward(q, k, cu_seqlens, last_q, started)
        prob = torch.empty(len(q))
        arguments = *_arguments(q, k, cu_seqlens, last_q, started), prob.numpy()
        in_blocks(lambda block, start, stop: _forward(*arguments, start, stop), len(q), n_blocks(*q.shape))
        return prob

    @staticmethod
    def backward(ctx, dprob):
        q, k, cu_seqlens, last_q, started = ctx.saved_tensors
        dq, dk = torch.empty(q.shape), torch.empty(k.shape)
        ends = cu_seqlens[1:][cu_seqlens.diff() > 0]
        dq[ends - 1] = 0
        dlast = torch.zeros(0 if last_q is None else last_q.shape[0], q.shape[1])
        arguments = *_arguments(q, k, cu_seqlens, last_q, started), dprob.contiguous().numpy()
        arguments = *arguments, *(gradient.view(-1).numpy() for gradient in (dq, dk, dlast))
        in_blocks(lambda block, start, stop: _backward(*arguments, start, stop), len(q), n_blocks(*q.shape))
        return dq, dk, None, None if last_q is None else dlast, None


def _arguments(q, k, cu_seqlens, last_q, started) -> tuple:
    """What both passes read, as arrays."""
    n_rows = len(cu_seqlens) - 1
    before = torch.zeros(0) if last_q is None else last_q.detach().contiguous().view(-1)
    begun = torch.zeros(n_rows, dtype=torch.bool) if started is None else started.bool().contiguous()
    return *flat(q), *flat(k), q.shape[1], cu_seqlens.numpy(), before.numpy(), begun.numpy()


def routing(
    q: Tensor, k: Tensor, cu_seqlens: Tensor, last_q: Tensor | None = None, started: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """See kernels.routing. The carried q is plain indexing, and its gradient torch's own; bfloat16 is widened first."""
    prob = Routing.apply(
        q.float(), k.float(), cu_seqlens, None if last_q is None else last_q.float(), started
    )
    before = q.new_zeros(len(cu_seqlens) - 1, q.shape[1]) if last_q is None else last_q
    if not len(q):
        return prob, before
    ends, is_empty = (cu_seqlens[1:] - 1).clamp(min=0), cu_seqlens.diff() == 0
    return prob, torch.where(is_empty[:, None], before, q[ends])
