"""The forward waits for the device once a stage at most: for the limits of its rows."""

import sys
import warnings

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.hnet_core.training.test_step import rows
from tests.tiny import tiny_model

TO_HOST = ("item", "tolist", "__int__", "__float__", "__bool__", "__index__", "cpu")
SIZED_BY_VALUES = ("aten::nonzero", "aten::masked_select", "aten::_unique2")


class SizedByValues(TorchDispatchMode):
    """Notes operators whose output size depends on values: on a GPU the host waits for each."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name
        masked = name == "aten::index" and any(i is not None and i.dtype == torch.bool for i in args[1])
        counted = name == "aten::repeat_interleave" and not (kwargs or {}).get("output_size")
        if name in SIZED_BY_VALUES or masked or counted:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def inputs(device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
    pack = rows()
    return torch.from_numpy(pack.input_ids).to(device).long(), torch.from_numpy(pack.cu_seqlens).to(device)


@pytest.mark.parametrize("n_stages", [1, 2])
def test_one_synchronisation_a_stage(n_stages, monkeypatch):
    """Counted in hnet_core and in chunking; those of the other kernels for a GPU are tested there."""
    model, asked = tiny_model(n_stages), []

    def noted(name, method):
        def call(tensor, *args, **kwargs):
            caller = sys._getframe(1).f_code.co_filename
            if "hnet_core" in caller or "kernels/chunking" in caller:
                asked.append(name)
            return method(tensor, *args, **kwargs)

        return call

    for name in TO_HOST:
        monkeypatch.setattr(torch.Tensor, name, noted(name, getattr(torch.Tensor, name)))
    ids, cu_seqlens = inputs()
    with SizedByValues() as dispatched:
        model(ids, cu_seqlens=cu_seqlens)
    assert dispatched.found == []
    assert set(asked) == {"tolist"} and n_stages <= len(asked) <= n_stages + 1


def test_the_counters_count():
    with SizedByValues() as dispatched:
        x = torch.tensor([1.0, 0.0])
        (
            x.nonzero(),
            x[x > 0],
            x[0].item(),
            torch.masked_select(x, x > 0),
            x.repeat_interleave(torch.tensor([2, 1])),
        )
    assert set(dispatched.found) >= {
        "aten::nonzero",
        "aten::index",
        "aten::masked_select",
        "aten::repeat_interleave",
    }


@pytest.mark.gpu
@pytest.mark.parametrize("n_stages", [1, 2])
def test_cuda_waits_once_a_stage(n_stages):
    model, (ids, cu_seqlens) = tiny_model(n_stages).cuda(), inputs("cuda")
    model(ids, cu_seqlens=cu_seqlens)  # compiles the kernels
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model(ids, cu_seqlens=cu_seqlens)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [str(w.message) for w in caught if "synchroniz" in str(w.message)]
    assert len(waits) <= n_stages + 1, waits
