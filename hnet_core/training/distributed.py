"""Many processes that train one model: who they are, what they tell each other, and how the model is laid over them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from hnet_core.blocks.block import Block
from hnet_core.errors import HNetError, InputError
from hnet_core.model import HNetForCausalLM
from kernels import backend

T = TypeVar("T")
LONGEST_WORK = timedelta(hours=24)
"""How long the others wait for the first, while it decodes a corpus or writes a checkpoint. The usual limit, minutes,
holds where all compute: there a process that does not come is lost."""


class ElsewhereError(HNetError):
    """Another process failed; its own message says why."""


@dataclass(frozen=True)
class Processes:
    """The processes of one training, seen from one of them. With `count` 1 nothing is ever sent.

    index  0 is the one that writes files and speaks      device  where this one computes
    calm   through which they wait for what one of them does alone, which may take hours; None: as for everything else
    """

    index: int = 0
    count: int = 1
    device: str = "cpu"
    calm: dist.ProcessGroup | None = None

    @property
    def first(self) -> bool:
        return self.index == 0

    def sum(self, values: Tensor) -> Tensor:
        """Element-wise sum over all processes."""
        if self.count > 1:
            values = values.to(self.device, copy=True)
            dist.all_reduce(values)
        return values

    def largest(self, value: int) -> int:
        """The largest of the processes' values (one host synchronisation)."""
        if self.count == 1:
            return value
        tensor = torch.tensor(value, device=self.device)
        dist.all_reduce(tensor, dist.ReduceOp.MAX)
        return int(tensor)

    def sum_calmly(self, value: int) -> int:
        """The sum of the processes' values, for which a process may wait as long as LONGEST_WORK."""
        if self.count == 1:
            return value
        tensor = torch.tensor(value, device=self.device if self.calm is None else "cpu")
        dist.all_reduce(tensor, group=self.calm)
        return int(tensor)

    def by_first(self, work: Callable[[], T]) -> T | None:
        """Let the first process alone do `work`; the others wait (None). If it fails, it fails in all of them."""
        result, error = None, None
        if self.first:
            try:
                result = work()
            except (HNetError, OSError) as err:
                error = err
        failed = self.sum_calmly(int(error is not None))
        if error is not None:
            raise error
        if failed:
            raise ElsewhereError("the first process failed")
        return result


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """The processes that torchrun started (one, without it), connected while the context lasts.

    device  "auto", "cpu", "cuda" or "cuda:N"; under torchrun each process takes the CUDA device of its local rank
    """
    count, index = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if count == 1:
        yield Processes(device=_device(device))
        return
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda"):
        device = _device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Processes(index, count, device, dist.new_group(backend="gloo", timeout=LONGEST_WORK))
    finally:
        dist.destroy_process_group()


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind, number = torch.device(name).type, torch.device(name).index or 0
    except RuntimeError as err:
        raise InputError(f"--device {name}: is no device; give auto, cpu, cuda or cuda:N") from err
    if kind not in ("cpu", "cuda"):
        raise InputError(f"--device {name}: is no device for training; give auto, cpu, cuda or cuda:N")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(f"--device {name}: no CUDA device is there; use --device cpu")
    if kind == "cuda" and number >= torch.cuda.device_count():
        raise InputError(
            f"--device {name}: there are {torch.cuda.device_count()} CUDA devices; let torchrun start no more"
        )
    return name


class SpreadModel:
    """A model laid over the processes: every one holds it whole (ddp), or a part of each tensor (fsdp).

    Gradients come out averaged over the processes; scale losses by `processes.count` for their sum.
    """

    def __init__(self, model: HNetForCausalLM, group: Processes, how: str) -> None:
        self.model, self.sharded = model, group.count > 1 and how == "fsdp"
        self._call: nn.Module = model
        if self.sharded:
            # Numba's view of a weight pins its memory, which sharding must be able to free.
            if "numba" in {backend.choose(op, model.lm_head.weight) for op in backend.OPERATORS}:
                raise InputError(
                    "--parallel fsdp: the CPU kernels cannot run on a sharded model; use --parallel ddp, or set "
                    f"{backend.ENVIRONMENT}=reference"
                )
            mesh = init_device_mesh(torch.device(group.device).type, (group.count,))
            for module in model.modules():
                if isinstance(module, Block):
                    fully_shard(module, mesh=mesh)
            # Resharded at once: after a forward without backward, parameters would else be others than the optimizer's.
            fully_shard(model, mesh=mesh, reshard_after_forward=True)
            # `decide` reads weights as forward does, so they must be gathered for it as well.
            register_fsdp_forward_method(model, "decide")
        elif group.count > 1:
            devices = [group.device] if group.device.startswith("cuda") else None
            self._call = DistributedDataParallel(model, device_ids=devices, gradient_as_bucket_view=True)

    def __call__(self, *args: Any, **kwargs: Any):
        return self._call(*args, **kwargs)

    def gradients_stay(self, stay: bool):
        """Context of a forward and backward whose gradients wait for a later one before they are exchanged."""
        return (
            self._call.no_sync()
            if stay and isinstance(self._call, DistributedDataParallel)
            else nullcontext()
        )


def whole(tensor: Tensor) -> Tensor:
    """A tensor of a sharded model, gathered from all processes; any other as it is."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def laid_as(tensor: Tensor, parameter: Tensor) -> Tensor:
    """`tensor` on the device, and in the parts, of `parameter`; every process must hold it whole."""
    tensor = tensor.to(parameter.device)
    if isinstance(parameter, DTensor) and tensor.shape == parameter.shape:
        return distribute_tensor(tensor, parameter.device_mesh, parameter.placements)
    return tensor
