"""One run: every operator at every size, ours beside its floor, then the others, with the machine it ran on."""

import datetime
import importlib.metadata
import importlib.util
import math
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import Tensor

from kernels import backend
from kernels.bench.operators import Op, Sizes, operators
from kernels.bench.peers import PEERS, Peer
from kernels.bench.timing import ROUNDS, Clock, Times, clock, copy_rate, first_line, matmul_rate, times

DTYPE = {"cpu": torch.float32, "cuda": torch.bfloat16}
"""Of the activations."""
WALKED = 2048
"""On a CPU, positions of a reference that goes through them in Python."""
PACKAGES = ("torch", "triton", "numba", "numpy", "mamba-ssm", "causal-conv1d", "fla-core", "liger-kernel")
COMPILED = "torch.compile"
DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class Rates:
    """What this machine does in a second, measured in this run."""

    copied_bytes: float
    matmul_flops: float


@dataclass(frozen=True)
class Result:
    """One operator, size and direction. Medians in seconds; None: not measured, and `notes` says why."""

    op: str
    direction: str
    sizes: str
    positions: int
    backend: str
    bytes: float
    flops: float
    floor: float
    ours: float | None
    fraction_of_floor: float | None
    eager: float | None
    eager_positions: int
    notes: list[str]


@dataclass(frozen=True)
class Other:
    """One operator by another's code, on the inputs of ours. Medians in seconds; None: `obstacle` says why."""

    op: str
    sizes: str
    other: str
    forward: float | None
    backward: float | None
    obstacle: str | None


def machine(device: str) -> dict[str, object]:
    """Device, driver, versions, threads, date and load: what a figure means nothing without."""
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            installed[package] = None
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else _processor(),
        "driver": _driver() if device == "cuda" else None,
        "cuda": torch.version.cuda if device == "cuda" else None,
        "python": platform.python_version(),
        "versions": installed,
        "dtype": str(DTYPE[device]).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "load_before": os.getloadavg()[0],
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    """The processor's name, as Linux tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _driver() -> str | None:
    """Version of the GPU's driver; None where its own tool is not at hand."""
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.split()[0] if done.returncode == 0 and done.stdout.strip() else None


def rates(device: str) -> Rates:
    timed = clock(device)
    return Rates(copy_rate(timed, device), matmul_rate(timed, device, DTYPE[device]))


def results(sizes: Iterable[Sizes], device: str, limit: Rates) -> Iterator[Result]:
    """Every operator that has a kernel of ours on the device, at every size; two results each, where it has a backward.

    Raises BackendError where the backend that is asked for cannot run there, or there is nothing to measure.
    """
    timed, is_empty = clock(device), True
    for size in sizes:
        for op in operators(size, device, DTYPE[device]):
            chosen = backend.choose(op.folder, op.lead())
            if chosen != "reference":
                is_empty = False
                yield from _results(op, size, chosen, timed, device, limit)
    if is_empty:
        raise backend.BackendError(
            f"no kernel of ours runs on {device} here; ask for auto ({backend.ENVIRONMENT}) and see that "
            f"{'triton' if device == 'cuda' else 'numba'} is installed"
        )


def _results(op: Op, sizes: Sizes, chosen: str, timed: Clock, device: str, limit: Rates) -> Iterator[Result]:
    rounds, has_backward = ROUNDS[device], op.bytes[1] is not None
    ours = times(op.ours(), op.inputs, timed, rounds, has_backward)
    walked, inputs = sizes.positions, op.inputs
    if op.walks and device == "cpu" and walked > WALKED:
        walked = WALKED
        inputs = _shortened(op, sizes, device)
    eager = times(op.reference(), inputs, timed, rounds, has_backward)
    notes = {"ours": ours, "eager": eager}
    for i, direction in enumerate(DIRECTIONS[: 1 + has_backward]):
        floor = max(op.bytes[i] / limit.copied_bytes, op.flops[i] / limit.matmul_flops)
        median = ours.median(direction)
        yield Result(
            op=op.name,
            direction=direction,
            sizes=sizes.name,
            positions=sizes.positions,
            backend=chosen,
            bytes=op.bytes[i],
            flops=op.flops[i],
            floor=floor,
            ours=median,
            fraction_of_floor=floor / median if median else None,
            eager=eager.median(direction),
            eager_positions=walked,
            notes=[f"{name}: {value.obstacle}" for name, value in notes.items() if value.obstacle],
        )


def _shortened(op: Op, sizes: Sizes, device: str) -> dict[str, object]:
    """Inputs of the same operator for fewer positions."""
    short = Sizes(**(asdict(sizes) | {"positions": WALKED}))
    return next(o.inputs for o in operators(short, device, DTYPE[device]) if o.name == op.name)


def others(sizes: Iterable[Sizes], device: str, seconds: float = math.inf) -> Iterator[Other]:
    """Every peer of every operator, then what torch.compile makes of the references on a GPU.

    For when ours are measured: a package that breaks the device, or compiles for minutes, costs nothing of ours then.
    seconds  after which no further one is begun
    """
    timed, until, sizes = clock(device), time.monotonic() + seconds, tuple(sizes)
    for kind in (_peers_of, _compiled_of) if device == "cuda" else (_peers_of,):
        for size in sizes:
            try:
                for op in operators(size, device, DTYPE[device]):
                    for name, measured in kind(op, timed, device):
                        yield _other(op, size, name, _in_time(until, measured))
            # A device that an other has broken refuses even new inputs.
            except RuntimeError as err:
                yield Other("all that follow", size.name, "", None, None, first_line(err))


def _peers_of(op: Op, timed: Clock, device: str) -> Iterator[tuple[str, Callable[[], Times]]]:
    for peer in PEERS.get(op.name, ()):
        yield peer.name, partial(_of_peer, peer, op, timed, device)


def _compiled_of(op: Op, timed: Clock, device: str) -> Iterator[tuple[str, Callable[[], Times]]]:
    yield COMPILED, partial(_compiled, op, timed, device)


def _in_time(until: float, measured: Callable[[], Times]) -> Times:
    over = time.monotonic() >= until
    return Times(obstacle="left out: the time for others is over") if over else measured()


def _other(op: Op, sizes: Sizes, name: str, found: Times) -> Other:
    return Other(op.name, sizes.name, name, found.median("forward"), found.median("backward"), found.obstacle)


def _of_peer(peer: Peer, op: Op, timed: Clock, device: str) -> Times:
    if importlib.util.find_spec(peer.package) is None:
        return Times(obstacle=f"the package {peer.package} is not there")
    lead = op.lead()
    # Of its own, because some write over what they are given.
    own = {
        name: _copy(value, lead.dtype if name in peer.narrow else value.dtype)
        if isinstance(value, Tensor)
        else value
        for name, value in op.inputs.items()
    }
    return times(peer.call, own, timed, ROUNDS[device])


def _copy(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.detach().to(dtype, copy=True).requires_grad_(value.requires_grad)


def _compiled(op: Op, timed: Clock, device: str) -> Times:
    if op.walks:
        return Times(obstacle="not compiled: the reference walks from chunk to chunk in Python")
    torch.compiler.reset()
    has_backward = op.bytes[1] is not None
    return times(torch.compile(op.reference()), op.inputs, timed, ROUNDS[device], has_backward)
