"""CPU kernel of smoothing: scan, spread, confidence and residual in one pass forward, one in reverse backward.

Positions follow one another, so threads divide the channels.
"""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from kernels.lanes.cpu import LANES, first, flat, in_blocks, load, n_blocks, splat, store
from kernels.smoothing.reference import P_MIN
from kernels.vectors.cpu import total

_F32 = np.float32
_ZERO = _F32(0)
_LOW, _HIGH = _F32(P_MIN), _F32(1 - P_MIN)


@njit(cache=True, nogil=True)
def _forward(chunks, c_stride, prob, is_boundary, limits, residual, r_stride, out, after, final, start, stop):
    """out, final and, if it has room, `after` (M, D), z after each chunk, in channels start ... stop.

    out, after, final   flat, contiguous; final holds the initial states when called
    """
    d = len(final) // max(len(limits) - 1, 1)
    has_residual, keep = len(residual) > 0, len(after) > 0
    chunk = 0
    for row in range(len(limits) - 1):
        z = row * d  # the running z lives in `final`
        for t in range(limits[row], limits[row + 1]):
            if is_boundary[t]:
                p = min(max(prob[t], _LOW), _HIGH)
                new, old = splat(p), splat(_F32(1) - p)
                for j in range(start, stop, LANES):
                    m = first(stop - j)
                    value = new * load(chunks, chunk * c_stride + j, m) + old * load(final, z + j, m)
                    store(final, z + j, value, m)
                    if keep:
                        store(after, chunk * d + j, value, m)
                chunk += 1
            for j in range(start, stop, LANES):
                m = first(stop - j)
                value = load(final, z + j, m)
                if has_residual:
                    value = value + load(residual, t * r_stride + j, m)
                store(out, t * d + j, value, m)


@njit(cache=True, nogil=True)
def _backward(
    chunks, c_stride, prob, is_boundary, limits, state, after, dout, dout_stride,
    dchunks, dprob, dconfidence, dz, start, stop
):  # fmt: skip
    """dchunks, dprob, dconfidence (if it has room) and dz in channels start ... stop.

    state        (R * D)   z before each row
    dz           (R * D)   in: gradients of the final states; out: those of the initial states
    dprob, dconfidence     (T,) the part of the sums over channels that these channels give
    """
    d = len(state) // max(len(limits) - 1, 1)
    wants_confidence = len(dconfidence) > 0
    chunk = len(after) // max(d, 1) - 1
    for row in range(len(limits) - 2, -1, -1):
        in_row = 0
        for t in range(limits[row], limits[row + 1]):
            in_row += is_boundary[t]
        for t in range(limits[row + 1] - 1, limits[row] - 1, -1):
            along = splat(_ZERO)
            for j in range(start, stop, LANES):
                m = first(stop - j)
                given = load(dout, t * dout_stride + j, m)
                store(dz, row * d + j, load(dz, row * d + j, m) + given, m)
                if wants_confidence:
                    z = load(after, chunk * d + j, m) if in_row else load(state, row * d + j, m)
                    along = along + given * z
            if wants_confidence:
                dconfidence[t] = total(along)
            dprob[t] = 0
            if not is_boundary[t]:
                continue
            p = min(max(prob[t], _LOW), _HIGH)
            new, old = splat(p), splat(_F32(1) - p)
            in_row -= 1
            along = splat(_ZERO)
            for j in range(start, stop, LANES):
                m = first(stop - j)
                before = load(after, (chunk - 1) * d + j, m) if in_row else load(state, row * d + j, m)
                given = load(dz, row * d + j, m)
                along = along + given * (load(chunks, chunk * c_stride + j, m) - before)
                store(dchunks, chunk * d + j, given * new, m)
                store(dz, row * d + j, given * old, m)
            if _LOW <= prob[t] <= _HIGH:
                dprob[t] = total(along)
            chunk -= 1


def _in_channels(work, width: int, n_numbers: int) -> None:
    """work(block, start, stop) over ranges of channels that begin at whole lanes."""
    n_lanes = -(-width // LANES)
    blocks = min(n_blocks(n_numbers, 1), max(n_lanes, 1))
    in_blocks(
        lambda block, start, stop: work(block, start * LANES, min(stop * LANES, width)), n_lanes, blocks
    )


class Smoothing(torch.autograd.Function):
    """kernels.smoothing on the CPU, in float32. Keeps z after each chunk (M, D) for the backward."""

    @staticmethod
    def forward(ctx, chunks, prob, is_boundary, cu_seqlens, confidence, residual, state):
        ctx.set_materialize_grads(False)
        (n_chunks, width), n_positions, n_rows = chunks.shape, len(prob), len(cu_seqlens) - 1
        out, after = (
            torch.empty(n_positions, width),
            torch.empty(n_chunks if any(ctx.needs_input_grad) else 0, width),
        )
        initial = torch.zeros(n_rows, width) if state is None else state.detach().contiguous()
        final = initial.clone()
        arguments = (
            *flat(chunks), prob.detach().contiguous().numpy(), is_boundary.contiguous().numpy(), cu_seqlens.numpy(),
            *((np.zeros(0, np.float32), 0) if residual is None else flat(residual)),
            *(tensor.view(-1).numpy() for tensor in (out, after, final)),
        )  # fmt: skip
        _in_channels(lambda block, start, stop: _forward(*arguments, start, stop), width, out.numel())
        ctx.save_for_backward(chunks, prob, is_boundary, cu_seqlens, initial, after)
        ctx.has_confidence, ctx.has_residual, ctx.has_state = (
            x is not None for x in (confidence, residual, state)
        )
        return out, final

    @staticmethod
    def backward(ctx, dout, dfinal):
        chunks, prob, is_boundary, cu_seqlens, initial, after = ctx.saved_tensors
        n_positions, width = len(prob), chunks.shape[1]
        given = torch.zeros(1, width).expand(n_positions, width) if dout is None else dout
        dchunks = torch.empty(chunks.shape)
        dz = (
            torch.zeros_like(initial)
            if dfinal is None
            else dfinal.clone(memory_format=torch.contiguous_format)
        )
        n_parts = max(1, -(-width // LANES)) if n_blocks(given.numel(), 1) > 1 else 1
        dprob = torch.zeros(n_parts, n_positions)
        dconfidence = torch.zeros(n_parts, n_positions if ctx.has_confidence else 0)
        arguments = (
            *flat(chunks), prob.detach().contiguous().numpy(), is_boundary.contiguous().numpy(), cu_seqlens.numpy(),
            initial.view(-1).numpy(), after.view(-1).numpy(), *flat(given), dchunks.view(-1).numpy(),
        )  # fmt: skip
        parts, gradient = (dprob.numpy(), dconfidence.numpy()), dz.view(-1).numpy()

        def work(block, start, stop):
            _backward(*arguments, parts[0][block], parts[1][block], gradient, start, stop)

        _in_channels(work, width, given.numel())
        dconfidence = dconfidence.sum(0) if ctx.has_confidence else None
        dresidual, dstate = dout if ctx.has_residual else None, dz if ctx.has_state else None
        return dchunks, dprob.sum(0), None, None, dconfidence, dresidual, dstate


def smoothing(
    chunks: Tensor,
    prob: Tensor,
    is_boundary: Tensor,
    cu_seqlens: Tensor,
    *,
    confidence: Tensor | None = None,
    residual: Tensor | None = None,
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """See kernels.smoothing. What is bfloat16 is widened before the scan, and its output rounded after it."""
    wide = [None if x is None else x.float() for x in (confidence, residual, state)]
    out, final = Smoothing.apply(chunks.float(), prob.float(), is_boundary, cu_seqlens, *wide)
    return out.to(chunks.dtype), final if state is None else final.to(state.dtype)
