"""Every router decides as its rule says, alone, packed, in windows and step by step."""

import numpy as np
import pytest
import torch

from hnet_core.blocks.projection import WideLinear
from hnet_core.boundaries import BoundaryModel
from hnet_core.encoding import encode
from hnet_core.lab.families import RECIPES
from hnet_core.model import HNetForCausalLM
from hnet_core.routers import ROUTERS, LinearRouter
from hnet_core.routers.ratio_loss import ratio_loss
from hnet_core.routers.space_like import is_space_like
from hnet_core.rows import Rows
from hnet_core.stage_config import ChunkingConfig
from hnet_core.training.recipe import read_recipe
from tests.tiny import random_bytes, tiny_model

CHUNKINGS = {name: {"router": name} for name in ROUTERS}
CHUNKINGS["fixed_stride"]["stride"] = 3
EARLY = {
    f"{router}_early": {"router": router, "early_smoothing": True, "smoothing": False}
    for router in ("linear", "cosine")
}
CHUNKINGS |= EARLY
LEARNED = ("cosine", "linear", "dense_linear")
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
ABLATIONS = {**CHUNKINGS, "no_smoothing": {"smoothing": False}, "no_ste": {"straight_through": False}}


def ids_of(data: bytes) -> torch.Tensor:
    return torch.from_numpy(encode(data).astype(np.int64))


def limits(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *np.cumsum(lengths).tolist()])


def boundaries_of(chunking: dict, text: bytes) -> list[int]:
    """Byte offsets at which stage 0 starts a chunk."""
    track = BoundaryModel(tiny_model(1, chunking=chunking), {}).boundaries(text)[0]
    return track.byte[track.is_boundary].tolist()


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        (b"the cat", [0, 3]),
        (b"a, b;c", [0, 1, 4]),
        (b"x  \n y", [0, 1]),
        (b"R2D2_is 9", [0, 4, 7]),
        ("zwölf Äpfel".encode(), [0, 2, 6]),
        ("中文".encode(), [0, 3]),
        (b"  a", [0]),
        (b"@[`{/:", [0]),
    ],
)
def test_space_like_bytes_start_chunks_unless_they_follow_one(text, starts):
    assert boundaries_of({"router": "space_like"}, text) == starts


def test_space_like_is_what_is_no_letter_no_digit_and_no_continuation():
    plain = {*range(ord("a"), ord("z") + 1), *range(ord("A"), ord("Z") + 1), *range(ord("0"), ord("9") + 1)}
    want = [byte not in plain and not 0x80 <= byte < 0xC0 for byte in range(256)]
    assert is_space_like(torch.arange(256)).tolist() == want


def test_early_smoothing_is_a_running_average_of_what_the_encoder_gives():
    """In float64, by a loop: x[t] = p h[t] + (1 - p) x[t-1], p of the row's first position 1 (less 1e-4)."""
    stage = tiny_model(1, chunking=EARLY["linear_early"]).double().backbone
    x, rows = torch.randn(9, 32, dtype=torch.float64), Rows(limits(5, 4))
    with torch.no_grad():
        h, _ = stage.encoder(x, rows)
        decision, _ = stage.routing_module(h, rows)
        got, _ = stage.gather(h, decision, rows)
    average = torch.zeros(32, dtype=torch.float64)
    for t in range(9):
        average = torch.zeros_like(average) if t in (0, 5) else average
        p = min(max(decision.prob[t].item(), 1e-4), 1 - 1e-4)
        average = p * h[t] + (1 - p) * average
        torch.testing.assert_close(got[t], average, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(got, h, atol=1e-2)


def test_early_smoothing_teaches_the_router_and_the_encoder():
    model = tiny_model(1, chunking=EARLY["linear_early"] | {"straight_through": True})
    text = ids_of(random_bytes(60))
    model(text, cu_seqlens=limits(len(text))).logits.square().sum().backward()
    assert model.backbone.routing_module.head.weight.grad.abs().sum() > 0
    assert model.backbone.encoder.layers[0].norm1.weight.grad.abs().sum() > 0


def test_fixed_stride_counts_from_the_start_marker():
    assert boundaries_of({"router": "fixed_stride", "stride": 4}, b"x" * 14) == [0, 3, 7, 11]


def test_linear_router_is_a_sigmoid_of_each_position():
    router, x = LinearRouter(6, ChunkingConfig(router="linear")), torch.randn(7, 6)
    decision, state = router(x, Rows(limits(4, 0, 3)))
    want = 1 / (1 + np.exp(-(x @ router.head.weight[0] + router.head.bias).detach().numpy()))
    want[[0, 4]] = 1
    np.testing.assert_allclose(decision.prob.detach(), want, rtol=1e-5)
    assert state is None


@pytest.mark.parametrize(
    ("router", "prob", "low", "high"),
    [("cosine_random", 0.5, 0.3, 0.7), ("linear", 0.5, 0.1, 0.9), ("dense_linear", 0.88, 0.99, 1)],
)
def test_what_share_of_positions_a_router_keeps_at_first(router, prob, low, high):
    recipe = read_recipe(RECIPES / "english_1stage.json", [f"model.chunking.router={router}"])
    model = HNetForCausalLM(recipe.model).init_weights(seed=0)
    text = (b"It is a truth universally acknowledged, " * 8)[:300]
    with torch.no_grad():
        stage = model(ids_of(text), cu_seqlens=limits(301)).stages[0]
    assert low <= stage.is_boundary.float().mean() <= high
    assert abs(stage.prob[1:].mean() - prob) < 0.05


@pytest.mark.parametrize("chunking", ABLATIONS.values(), ids=ABLATIONS)
def test_rows_alone_packed_and_step_by_step_agree(chunking):
    model = tiny_model(2, chunking=chunking)
    texts = [ids_of(random_bytes(n, seed=n)) for n in (30, 1, 17)]
    packed = model(torch.cat(texts), cu_seqlens=limits(*map(len, texts)))
    alone = [model(text, cu_seqlens=limits(len(text))).logits for text in texts]
    torch.testing.assert_close(packed.logits, torch.cat(alone), atol=2e-5, rtol=1e-4)
    state, steps = model.new_state(3), [[] for _ in texts]
    # Rows bring a prefill of different lengths first, then a byte or nothing at a time.
    for low, high in [(0, 9), (9, 10), (10, 11), (11, 18), (18, 31)]:
        parts = [text[low:high] for text in texts]
        out = model(torch.cat(parts), cu_seqlens=limits(*map(len, parts)), state=state)
        state = out.state
        for row, logits in zip(steps, out.logits.split([len(p) for p in parts]), strict=True):
            row.append(logits)
    torch.testing.assert_close(
        torch.cat([torch.cat(row) for row in steps]), packed.logits, atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize("window", [1, 7, 64])
@pytest.mark.parametrize("chunking", CHUNKINGS.values(), ids=CHUNKINGS)
def test_boundary_path_equals_the_full_forward_in_windows(chunking, window):
    model, data = tiny_model(2, chunking=chunking), random_bytes(200, seed=3)
    if (
        chunking["router"] == "dense_linear"
    ):  # untrained, it would cut everywhere, which says nothing about windows
        for stage in BoundaryModel(model, {}).stages:
            torch.nn.init.zeros_(stage.routing_module.head.bias)
    tracks = BoundaryModel(model, {}).boundaries(data, window=window)
    with torch.no_grad():
        out = model(ids_of(data), cu_seqlens=limits(len(data) + 1))
    at = np.arange(-1, len(data))
    for track, stage in zip(tracks, out.stages, strict=True):
        at = at[stage.is_boundary.numpy()]
        assert track.byte[track.is_boundary].tolist() == sorted({max(0, b) for b in at.tolist()})
    assert 0 < tracks[0].is_boundary.mean() < 1


@pytest.mark.parametrize("chunking", ABLATIONS.values(), ids=ABLATIONS)
def test_all_that_is_used_gets_a_gradient(chunking):
    model = tiny_model(1, chunking=chunking)
    out = model(ids_of(random_bytes(60)), cu_seqlens=limits(61))
    (out.logits.square().mean() + out.stages[0].prob.sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def routed(name: str, x: torch.Tensor, device: str, narrow: bool) -> tuple[torch.nn.Module, torch.Tensor]:
    """The router, and p of x (T, D) as one row; narrow: inside autocast to bfloat16."""
    torch.manual_seed(0)
    router = ROUTERS[name](x.shape[1], ChunkingConfig(**CHUNKINGS[name])).to(device)
    ids = torch.arange(len(x), device=device) % 256
    with torch.autocast(device, torch.bfloat16, enabled=narrow):
        decision, _ = router(x.to(device), Rows(limits(len(x)).to(device), ids=ids))
    return router, decision.prob


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ROUTERS)
def test_p_is_float32_under_autocast(name, dtype, device):
    x = torch.randn(4096, 64, generator=torch.Generator().manual_seed(1))
    _, prob = routed(name, x.to(dtype), device, narrow=True)
    assert prob.dtype == torch.float32
    assert len(prob.unique()) >= (1000 if name in LEARNED else 2)
    loss = ratio_loss(prob, prob > 0.5, 5.0)
    assert loss.dtype == torch.float32


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["linear", "dense_linear"])
def test_a_head_that_is_nearly_sure_still_learns_under_autocast(name, device):
    """sigmoid(6.5) is 0.9985, which bfloat16 rounds to 1, where the slope is 0."""
    router, x = ROUTERS[name](8, ChunkingConfig(router=name)).to(device), torch.zeros(64, 8, device=device)
    torch.nn.init.constant_(router.head.bias, 6.5)
    with torch.autocast(device, torch.bfloat16):
        decision, _ = router(x, Rows(limits(64).to(device)))
        ratio_loss(decision.prob, decision.is_boundary, 5.0).backward()
    # dL/dp = N / (N - 1) (N F - 1) / T with N = 5 and F = 1, times p (1 - p), over the 63 that are not forced.
    slope = torch.tensor(6.5).sigmoid().item()
    want = 5 / 4 * (5 - 1) * slope * (1 - slope) * 63 / 64
    assert router.head.bias.grad.item() == pytest.approx(want, rel=1e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_a_linear_map_that_stays_wide_is_that_of_float32(device):
    torch.manual_seed(0)
    layer, x = WideLinear(64, 32).to(device), torch.randn(100, 64, device=device)
    want = layer(x)
    with torch.autocast(device, torch.bfloat16):
        got = layer(x)
        narrow = layer(x.bfloat16())
    assert torch.equal(got, want) and narrow.dtype == torch.float32
    assert 0 < (narrow - want).abs().max() < 0.1, "only the rounding of its input"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("chunking", ABLATIONS.values(), ids=ABLATIONS)
def test_a_model_under_autocast_decides_and_adds_its_residual_in_float32(chunking, device):
    model, seen = tiny_model(2, chunking=chunking).to(device), []
    for module in model.modules():
        if isinstance(module, WideLinear):
            module.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    ids, cu_seqlens = ids_of(random_bytes(60)).to(device), limits(20, 41).to(device)
    with torch.autocast(device, torch.bfloat16):
        out = model(ids, cu_seqlens=cu_seqlens)
        ahead = model.decide(ids, cu_seqlens)
    assert {stage.prob.dtype for stage in (*out.stages, *ahead)} == {torch.float32}
    assert {stage.selected_prob.dtype for stage in out.stages} == {torch.float32}
    assert len(seen) >= 2 and set(seen) == {torch.float32}
    assert out.logits.dtype == torch.bfloat16, "autocast did nothing"
