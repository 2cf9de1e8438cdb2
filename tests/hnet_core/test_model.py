"""Three ways in, one answer: alone, in a padded batch, packed, in windows, step by step."""

import pytest
import torch

from hnet_core.config import HNetConfig
from hnet_core.model import HNetForCausalLM
from tests.tiny import random_bytes, tiny_config, tiny_model

LENGTHS = [37, 1, 64, 19]


def rows_of(lengths=LENGTHS):
    return [torch.tensor(list(random_bytes(n, seed=n))) for n in lengths]


def alone(model, row):
    with torch.no_grad():
        return model(row, cu_seqlens=torch.tensor([0, len(row)]))


@pytest.mark.parametrize("n_stages", [0, 1, 2])
def test_packed_rows_equal_each_row_alone(n_stages):
    model, rows = tiny_model(n_stages), rows_of()
    cu = torch.tensor([0, *LENGTHS]).cumsum(0)
    with torch.no_grad():
        packed = model(torch.cat(rows), cu_seqlens=cu)
    for r, row in enumerate(rows):
        one = alone(model, row)
        torch.testing.assert_close(packed.logits[cu[r] : cu[r + 1]], one.logits, atol=2e-5, rtol=0)
        for s, stage in enumerate(one.stages):
            at = slice(packed.stages[s].cu_seqlens[r], packed.stages[s].cu_seqlens[r + 1])
            assert torch.equal(packed.stages[s].is_boundary[at], stage.is_boundary)


@pytest.mark.parametrize("n_stages", [0, 1, 2])
def test_masked_batch_equals_each_row_alone(n_stages):
    model, rows = tiny_model(n_stages), rows_of()
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    mask = torch.arange(ids.shape[1]) < torch.tensor(LENGTHS)[:, None]
    with torch.no_grad():
        batch = model(ids, mask=mask)
    assert not batch.logits[~mask].any()
    for r, row in enumerate(rows):
        one = alone(model, row)
        torch.testing.assert_close(batch.logits[r, : len(row)], one.logits, atol=2e-5, rtol=0)
        for s, stage in enumerate(one.stages):
            n = len(stage.prob)
            assert torch.equal(batch.stages[s].is_boundary[r, :n], stage.is_boundary)
            assert not batch.stages[s].mask[r, n:].any() and batch.stages[s].mask[r, :n].all()


@pytest.mark.parametrize("n_stages", [0, 1, 2])
def test_prefill_and_steps_of_a_batch_equal_each_row_alone(n_stages):
    """Rows need different numbers of inner steps: at every step some rows send a chunk inwards and some do not."""
    model, rows = tiny_model(n_stages), rows_of([40, 28, 61, 33])
    prefill = [25, 1, 40, 12]
    wanted = [alone(model, row) for row in rows]
    cu = torch.tensor([0, *prefill]).cumsum(0)
    uneven = False
    with torch.no_grad():
        out = model(
            torch.cat([r[:n] for r, n in zip(rows, prefill, strict=True)]),
            cu_seqlens=cu,
            state=model.new_state(4),
        )
        for step in range(20):
            live = [r for r in range(4) if prefill[r] + step < len(rows[r])]
            ids = torch.cat([rows[r][prefill[r] + step][None] for r in live])
            lengths = torch.tensor([r in live for r in range(4)]).long()
            out = model(ids, cu_seqlens=torch.nn.functional.pad(lengths.cumsum(0), (1, 0)), state=out.state)
            for i, r in enumerate(live):
                want = wanted[r].logits[prefill[r] + step]
                torch.testing.assert_close(out.logits[i], want, atol=2e-5, rtol=0)
            if n_stages:
                decided = out.stages[0].is_boundary
                uneven |= bool(decided.any() and not decided.all())
    assert uneven or not n_stages


def test_rows_do_not_leak_into_each_other():
    model, rows = tiny_model(2), rows_of()
    other = torch.tensor(list(random_bytes(37, seed=99)))
    cu = torch.tensor([0, *LENGTHS]).cumsum(0)
    with torch.no_grad():
        one = model(torch.cat(rows), cu_seqlens=cu).logits[37:]
        two = model(torch.cat([other, *rows[1:]]), cu_seqlens=cu).logits[37:]
    # Not bit for bit: another number of chunks before a row moves it within the blocks of a matrix product.
    torch.testing.assert_close(one, two, atol=2e-5, rtol=0)


def test_logits_do_not_see_the_future():
    model = tiny_model(2)
    row = torch.tensor(list(random_bytes(50, seed=3)))
    changed = row.clone()
    changed[30] = 65
    torch.testing.assert_close(
        alone(model, row).logits[:30], alone(model, changed).logits[:30], atol=2e-5, rtol=0
    )
    assert not torch.equal(alone(model, row).logits[30:], alone(model, changed).logits[30:])


def test_every_parameter_receives_a_gradient():
    model = tiny_model(2).train()
    ids = torch.tensor(list(random_bytes(200)))
    out = model(ids, cu_seqlens=torch.tensor([0, 90, 200]))
    out.logits.square().mean().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_initial_weights_depend_on_the_seed_alone():
    one, same, other = (HNetForCausalLM(tiny_config(1)).init_weights(s).state_dict() for s in (1, 1, 2))
    assert all(torch.equal(one[n], same[n]) for n in one)
    assert not torch.equal(one["lm_head.weight"], other["lm_head.weight"])


def test_initialisation_is_the_published_one():
    model = HNetForCausalLM(tiny_config(2)).init_weights(0)
    width = model.config.d_model[0]
    assert torch.equal(model.backbone.routing_module.q_proj_layer.weight, torch.eye(width))
    assert (
        not model.backbone.residual_proj.weight.any() and not model.backbone.main_network.pad_dimension.any()
    )
    # 2 encoder + 1 decoder blocks outside; t1m1 and m1 at stage 1; T1m1 inside: 3, then 6, then 9 additions.
    out = model.backbone.main_network.main_network.main_network.layers[0].mixer.out_proj.weight
    assert abs(out.std().item() / (0.02 / 9**0.5) - 1) < 0.1
    assert abs(model.embeddings.weight.std().item() - 1) < 0.05


def test_masks_that_are_not_right_padded_are_refused():
    model = tiny_model(1)
    with pytest.raises(ValueError, match="right-padded"):
        model(torch.zeros(1, 3, dtype=torch.long), mask=torch.tensor([[True, False, True]]))


def test_published_layouts_of_blocks_are_built_in_order():
    config = HNetConfig.from_dict(tiny_config(0).to_dict() | {"arch_layout": ["T1m2M1t1"]})
    stack = HNetForCausalLM(config).backbone.main_network
    kinds = [type(layer.mixer).__name__ + ("+" if layer.has_mlp else "") for layer in stack.layers]
    assert kinds == ["Attention+", "Mamba2", "Mamba2", "Mamba2+", "Attention"]
