"""Three ways in, one answer: alone, in a padded batch, packed, in windows, step by step."""

import pytest
import torch

from hnet_core.config import HNetConfig
from hnet_core.losses import next_byte_nll, next_bytes
from hnet_core.model import HNetForCausalLM
from hnet_core.state import StateError
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


def continued(model, state, n: int = 5, seed: int = 7) -> torch.Tensor:
    """Logits of n further bytes from `state`."""
    ids = torch.tensor(list(random_bytes(n, seed=seed)))
    return model(ids, cu_seqlens=torch.tensor([0, n]), state=state).logits


def prefilled(model, n: int = 30):
    ids = torch.tensor(list(random_bytes(n, seed=n)))
    return model(ids, cu_seqlens=torch.tensor([0, n]), state=model.new_state(1)).state


@pytest.mark.parametrize("n_stages", [0, 1, 2])
def test_a_state_cannot_be_continued_twice(n_stages):
    model = tiny_model(n_stages)
    state = prefilled(model)
    kept = state.clone()
    want = continued(model, state)
    for again in (lambda: continued(model, state), state.clone):
        with pytest.raises(StateError, match=r"was given to the model before.*state\.clone\(\)"):
            again()
    assert torch.equal(continued(model, kept), want)


@pytest.mark.parametrize(
    "chunking",
    [
        {"router": "cosine"},
        {"router": "linear"},
        {"router": "space_like"},
        {"early_smoothing": True, "smoothing": False},
    ],
    ids=str,
)
def test_copies_of_a_state_go_their_own_ways(chunking):
    model = tiny_model(2, chunking=chunking)
    state = prefilled(model)
    one, two = state.clone(), state.clone()
    first = continued(model, one, seed=1)
    assert not torch.equal(continued(model, two, seed=2), first)
    assert torch.equal(continued(model, state, seed=1), first)


def test_a_state_whose_call_failed_half_way_is_consumed():
    model = tiny_model(2)
    state = prefilled(model)

    def fail(*_):
        raise MemoryError("half way")

    hook = model.backbone.decoder.register_forward_pre_hook(fail)
    with pytest.raises(MemoryError):
        continued(model, state)
    hook.remove()
    with pytest.raises(StateError, match="given to the model before"):
        continued(model, state)


def test_a_call_that_is_refused_leaves_the_state_as_it_is():
    model = tiny_model(1)
    state = prefilled(model)
    want = continued(model, state.clone())
    with pytest.raises(ValueError, match="cu_seqlens must rise"):
        model(torch.zeros(5, dtype=torch.int64), cu_seqlens=torch.tensor([0, 4]), state=state)
    with pytest.raises(StateError, match="state is of 1 rows and 2 are given"):
        model(torch.zeros(5, dtype=torch.int64), cu_seqlens=torch.tensor([0, 4, 5]), state=state)
    assert torch.equal(continued(model, state), want)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32], ids=str)
@pytest.mark.parametrize("router", ["cosine", "space_like"])
def test_bytes_may_come_in_any_whole_number(dtype, router):
    model, row = tiny_model(1, chunking={"router": router}), torch.tensor(list(random_bytes(40)))
    want = alone(model, row)
    assert torch.equal(alone(model, row.to(dtype)).logits, want.logits)
    with torch.no_grad():
        masked = model(row.to(dtype)[None])
        ahead = model.decide(row.to(dtype), torch.tensor([0, 40]))
    assert torch.equal(masked.logits[0], want.logits)
    assert torch.equal(ahead[0].prob, want.stages[0].prob)
    assert torch.equal(
        next_byte_nll(want.logits, row.to(dtype), torch.tensor([0, 40])),
        next_byte_nll(want.logits, row, torch.tensor([0, 40])),
    )


@pytest.mark.parametrize("ids", [torch.zeros(3), torch.zeros(3, dtype=torch.bool), torch.zeros(1, 3).long()])
def test_other_ids_are_refused(ids):
    for call in (tiny_model(1), tiny_model(1).decide):
        with pytest.raises(ValueError, match=r"input_ids must be .* whole numbers"):
            call(ids, cu_seqlens=torch.tensor([0, 3]))


@pytest.mark.parametrize(
    ("limits", "bounds"),
    [([0, 4], None), ([1, 5], None), ([0, 3, 2, 5], None), ([], None), ([0, 5], [0, 4]), ([0, 5], [0, 2, 5])],
)
def test_limits_that_the_host_knows_are_checked_there(limits, bounds):
    model, ids = tiny_model(1), torch.zeros(5, dtype=torch.int64)
    for call in (model, model.decide):
        with pytest.raises(ValueError, match=r"cu_seqlens must rise from 0 to 5|bounds must be the"):
            call(ids, cu_seqlens=torch.tensor(limits, dtype=torch.int64), bounds=bounds)


def test_an_empty_stream_predicts_nothing():
    model, nothing = tiny_model(2), torch.zeros(0, dtype=torch.int64)
    for limits in ([0], [0, 0, 0]):
        cu_seqlens = torch.tensor(limits)
        assert next_bytes(nothing, cu_seqlens).shape == (0,)
        assert next_byte_nll(model(nothing, cu_seqlens=cu_seqlens).logits, nothing, cu_seqlens).shape == (0,)


def test_thousands_of_rows_equal_each_row_alone():
    """Rows of 0 to 4 bytes: most have one chunk, many none."""
    model, lengths = tiny_model(2), [n % 5 for n in range(2000)]
    cu = torch.tensor([0, *lengths]).cumsum(0)
    ids = torch.tensor(list(random_bytes(int(cu[-1]), seed=5)))
    with torch.no_grad():
        out = model(ids, cu_seqlens=cu)
    assert torch.equal(model.decide(ids, cu)[1].cu_seqlens, out.stages[1].cu_seqlens)
    for r in (1, 4, 1234, 1999):
        one = alone(model, ids[cu[r] : cu[r + 1]])
        torch.testing.assert_close(out.logits[cu[r] : cu[r + 1]], one.logits, atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    "chunking", [{"router": "space_like"}, {"router": "fixed_stride", "stride": 3}], ids=str
)
def test_generation_in_bfloat16_follows_the_full_forward(chunking):
    """Prefill and single steps of a model in bfloat16, where rounding moves no boundary, against float32."""
    model = tiny_model(2, chunking=chunking).set_dtype(torch.bfloat16)
    row = torch.tensor(list(random_bytes(60)))
    exact = alone(tiny_model(2, chunking=chunking).set_dtype(torch.bfloat16).set_dtype(torch.float32), row)
    with torch.no_grad():
        whole = model(row, cu_seqlens=torch.tensor([0, 60]))
        out = model(row[:40], cu_seqlens=torch.tensor([0, 40]), state=model.new_state(1))
        steps = [out.logits]
        for byte in row[40:].split(1):
            out = model(byte, cu_seqlens=torch.tensor([0, 1]), state=out.state)
            steps.append(out.logits)
    assert whole.logits.dtype == torch.bfloat16 and whole.stages[0].prob.dtype == torch.float32
    size = exact.logits.norm()
    for logits in (whole.logits, torch.cat(steps)):
        assert (logits.float() - exact.logits).norm() < 0.02 * size
