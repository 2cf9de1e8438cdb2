"""A training step waits for the device once a stage, for the limits of its rows, and once for what it has to tell."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hnet_core.training.distributed import Processes, SpreadModel
from hnet_core.training.options import TrainingOptions
from hnet_core.training.step import StepGradient
from tests.hnet_core.training.test_loop import make, stop_after
from tests.hnet_core.training.test_step import gradient_of, rows
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


@contextmanager
def asked_of_the_device(monkeypatch) -> Iterator[list[str]]:
    """Reads of tensors by hnet_core and chunking; those of the other kernels for a GPU are tested there."""
    asked = []

    def noted(name, method):
        def call(tensor, *args, **kwargs):
            caller = sys._getframe(1).f_code.co_filename
            if "hnet_core" in caller or "kernels/chunking" in caller:
                asked.append(name)
            return method(tensor, *args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in TO_HOST:
            patch.setattr(torch.Tensor, name, noted(name, getattr(torch.Tensor, name)))
        yield asked


@pytest.mark.parametrize("n_stages", [1, 2])
def test_one_synchronisation_a_stage(n_stages, monkeypatch):
    model = tiny_model(n_stages)
    ids, cu_seqlens = inputs()
    with asked_of_the_device(monkeypatch) as asked, SizedByValues() as dispatched:
        model(ids, cu_seqlens=cu_seqlens)
    assert dispatched.found == []
    assert set(asked) == {"tolist"} and n_stages <= len(asked) <= n_stages + 1


@pytest.mark.parametrize("chunking", [{}, {"router": "linear"}, {"router": "space_like"}], ids=str)
def test_a_training_step_waits_once_beside_its_stages(chunking, tmp_path, monkeypatch):
    """Saving at the end of a run reads as well: so many reads more are those of three steps more."""
    counts = []
    for steps in (2, 5):
        training = make(tmp_path, chunking=chunking, log_steps=1000)
        with asked_of_the_device(monkeypatch) as asked:
            training.run(stop_after(training, steps))
        counts.append(len(asked))
    assert counts[1] - counts[0] == 3 * (training.recipe.model.n_stages + 1)


def test_a_pack_is_copied_to_the_device_once(monkeypatch):
    copied, from_numpy = [], torch.from_numpy
    monkeypatch.setattr(torch, "from_numpy", lambda array: copied.append(len(array)) or from_numpy(array))
    pack = rows()
    gradient_of([pack])
    assert copied == [len(pack.input_ids), len(pack.cu_seqlens)]


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


@pytest.mark.gpu
@pytest.mark.parametrize("n_stages", [1, 2])
def test_cuda_waits_in_a_step_for_its_stages_alone(n_stages):
    """Until the losses are read, which the loop does together with the norm."""
    group = Processes(device="cuda")
    options = TrainingOptions(target=(3.0, 2.0)[:n_stages], alpha=(0.1,) * n_stages, row_bytes=128)
    gradient = StepGradient(SpreadModel(tiny_model(n_stages).cuda(), group, "ddp"), options, group)
    gradient.numbers([rows()])  # compiles the kernels
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            gradient.numbers([rows()])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [str(w.message) for w in caught if "synchroniz" in str(w.message)]
    assert len(waits) <= n_stages, waits
