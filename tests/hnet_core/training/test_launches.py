"""What a training step asks of a GPU, counted in the interpreter: launches do not grow with its rows or positions."""

from collections import Counter

import numpy as np
import pytest
import torch

from hnet_core.data.packing import PackedRows
from hnet_core.training.distributed import Processes, SpreadModel
from hnet_core.training.options import TrainingOptions
from hnet_core.training.step import StepGradient
from kernels import backend
from tests.kernels.counting import counted_launches
from tests.tiny import random_bytes, tiny_model

LAYOUT = ["m2", ["T2"], "m2"]
MAMBA = {
    "causal_conv1d.forward": 1,
    "causal_conv1d.backward": 1,
    "ssd.decays": 1,
    "ssd.scan": 1,
    "ssd.walk": 2,
    "ssd.gradients": 1,
    "ssd.shared_gradients": 1,
    "rms_norm.gated_forward": 1,
    "rms_norm.gated_backward": 1,
}
ATTENTION = {
    "attention.rotate": 2,
    "attention.attend": 1,
    "attention.query_gradients": 1,
    "attention.key_gradients": 1,
}
ONCE_EACH_WAY = ("rms_norm", "routing", "swiglu", "cross_entropy")


def step(n_rows: int, length: int) -> tuple[Counter[str], Counter[str]]:
    """Launches of forward, loss and backward of one pack: of our kernels, of torch."""
    model = tiny_model(1, arch_layout=LAYOUT)
    options = TrainingOptions(target=(3.0,), alpha=(0.1,), row_bytes=64, matmul_precision="fp32")
    gradient = StepGradient(SpreadModel(model, Processes(), "ddp"), options, Processes())
    ids = np.frombuffer(random_bytes(n_rows * length), dtype=np.uint8).copy()
    pack = PackedRows(ids, np.arange(n_rows + 1) * length)
    with backend.using("triton"), counted_launches() as (ours, of_torch):
        gradient.numbers([pack])
    return ours, of_torch


@pytest.fixture(scope="module")
def small() -> tuple[Counter[str], Counter[str]]:
    return step(2, 10)


def test_every_layer_launches_what_its_operators_need(small):
    norms = {"m": 1, "T": 2}
    n_norms = 4 * norms["m"] + 2 * norms["T"] + 3  # and the norm that ends each stack
    want = Counter({name: 4 * n for name, n in MAMBA.items()})
    want += Counter({name: 2 * n for name, n in ATTENTION.items()})
    for name, n in zip(ONCE_EACH_WAY, (n_norms, 1, 2, 1), strict=True):
        want += Counter({f"{name}.forward": n, f"{name}.backward": n})
    want += Counter({f"chunking.{name}": 1 for name in ("count", "place", "keep", "keep_backward")})
    want += Counter({"smoothing.spread": 1, "smoothing.spread_backward": 1})
    assert small[0] == want


def test_neither_rows_nor_positions_make_launches_more(small):
    many = step(9, 13)
    assert many[0] == small[0]
    assert many[1] == small[1]


def test_torch_launches_little_beside_its_products(small):
    """Sums over what programs share, decays, embeddings and the loss: no gate and no slice's gradient."""
    _, of_torch = small
    assert of_torch["mm"] == 59
    assert sum(of_torch.values()) - of_torch["mm"] <= 156
    assert not {"select_backward", "silu", "_log_softmax"} & set(of_torch)


@pytest.mark.parametrize(("kernels", "width"), [("triton", 160), ("numba", 145), ("reference", 145)])
def test_projected_rows_are_filled_up_for_a_gpu_alone(kernels, width):
    """145 numbers: 64 of z, 64 of x, 8 of B, 8 of C, one step."""
    model, widths = tiny_model(0, arch_layout=["m1"]), []
    projection = model.backbone.main_network.layers[0].mixer.in_proj
    projection.register_forward_hook(lambda module, args, out: widths.append(out.shape[1]))
    with backend.using(kernels), torch.no_grad():
        model(torch.arange(5), cu_seqlens=torch.tensor([0, 5]))
    assert widths == [width]


def test_the_counter_counts():
    with counted_launches() as (ours, of_torch):
        x = torch.ones(4)
        (x + 1).view(2, 2)[0]
    assert not ours and of_torch == {"ones": 1, "add": 1}
