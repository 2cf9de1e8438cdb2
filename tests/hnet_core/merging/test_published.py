"""What leaves the chunks: the published form, and with smoothing or the straight-through estimator off."""

import pytest
import torch

from hnet_core.merging.published import PublishedMerge, repeat
from hnet_core.routers.decision import Decision
from hnet_core.rows import Rows
from hnet_core.stage_config import ChunkingConfig

CU = torch.tensor([0, 3, 3, 6])
IS_BOUNDARY = torch.tensor([True, False, True, False, True, False])
PROB = torch.tensor([1.0, 0.2, 0.75, 0.1, 0.6, 0.4])
CHUNKS = torch.tensor([[1.0, -1.0], [2.0, 4.0], [3.0, 9.0]])
STATE = torch.tensor([[7.0, 7.0], [5.0, 6.0], [8.0, 0.5]])


def test_without_smoothing_each_position_has_its_own_chunk():
    out, state = repeat(CHUNKS, PROB, IS_BOUNDARY, CU, state=STATE)
    a, b, c = CHUNKS
    assert torch.equal(out, torch.stack([a, a, b, STATE[2], c, c]))
    assert torch.equal(state, torch.stack([b, STATE[1], c]))


@pytest.mark.parametrize("smoothing", [True, False])
@pytest.mark.parametrize("straight_through", [True, False])
def test_spread_by_hand(smoothing, straight_through):
    merge = PublishedMerge(2, ChunkingConfig(smoothing=smoothing, straight_through=straight_through))
    residual = torch.arange(12.0).view(6, 2)
    out, _ = merge.spread(residual, CHUNKS, Decision.by_threshold(PROB), Rows(CU), STATE)
    z, rows = list(STATE), []
    chunk = iter(CHUNKS)
    for t, row in enumerate([0, 0, 0, 2, 2, 2]):
        p = PROB[t].clamp(1e-4, 1 - 1e-4) if smoothing else 1.0
        if IS_BOUNDARY[t]:
            z[row] = p * next(chunk) + (1 - p) * z[row]
        confidence = PROB[t] if IS_BOUNDARY[t] else 1 - PROB[t]
        rows.append(z[row] * (1 if straight_through else confidence) + residual[t])
    torch.testing.assert_close(out, torch.stack(rows))


@pytest.mark.parametrize("smoothing", [True, False])
def test_confidence_gets_its_gradient_straight_through(smoothing):
    prob = PROB.clone().requires_grad_()
    merge, residual = PublishedMerge(2, ChunkingConfig(smoothing=smoothing)), torch.zeros(6, 2)
    out, _ = merge.spread(residual, CHUNKS, Decision.by_threshold(prob), Rows(CU), STATE)
    out.sum().backward()
    # Where no chunk starts, the only way to p is the confidence 1 - p, whose gradient is -sum(z).
    torch.testing.assert_close(prob.grad[[1, 3, 5]], -out.detach().sum(1)[[1, 3, 5]])


def test_a_router_that_says_how_sure_it_is_is_believed():
    sureness, residual = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), torch.zeros(6, 2)
    merge = PublishedMerge(2, ChunkingConfig(smoothing=False, straight_through=False))
    own = Decision(PROB, IS_BOUNDARY, sureness)
    (out, _), (plain, _) = (
        merge.spread(residual, CHUNKS, decision, Rows(CU), STATE)
        for decision in (own, Decision.by_threshold(PROB))
    )
    chosen = torch.where(IS_BOUNDARY, PROB, 1 - PROB)
    torch.testing.assert_close(out / sureness[:, None], plain / chosen[:, None])
