"""One run: every operator at every size, ours beside its floor and the others, with the machine it ran on."""

import datetime
import importlib.metadata
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import torch

from kernels import backend
from kernels.bench.operators import Op, Sizes, operators
from kernels.bench.peers import PEERS, peer
from kernels.bench.timing import ROUNDS, Clock, Times, clock, copy_rate, matmul_rate, times

DTYPE = {"cpu": torch.float32, "cuda": torch.bfloat16}
"""Of the activations."""
WALKED = 2048
"""On a CPU, positions of a reference that goes through them in Python."""
PACKAGES = ("torch", "triton", "numba", "numpy", "mamba-ssm", "causal-conv1d")
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
    compiled: float | None
    peer: str | None
    peer_time: float | None
    notes: list[str]


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
    compiled = _compiled(op, timed, device, has_backward)
    other = _peer(op, timed, device)
    notes = {"ours": ours, "eager": eager, "torch.compile": compiled, PEERS.get(op.folder, "peer"): other}
    for i, direction in enumerate(DIRECTIONS[: 1 + has_backward]):
        floor = max(op.bytes[i] / limit.copied_bytes, op.flops[i] / limit.matmul_flops)
        time = ours.median(direction)
        yield Result(
            op=op.name,
            direction=direction,
            sizes=sizes.name,
            positions=sizes.positions,
            backend=chosen,
            bytes=op.bytes[i],
            flops=op.flops[i],
            floor=floor,
            ours=time,
            fraction_of_floor=floor / time if time else None,
            eager=eager.median(direction),
            eager_positions=walked,
            compiled=compiled.median(direction),
            peer=PEERS.get(op.folder),
            peer_time=other.median(direction),
            notes=[f"{name}: {value.obstacle}" for name, value in notes.items() if value.obstacle],
        )


def _shortened(op: Op, sizes: Sizes, device: str) -> dict[str, object]:
    """Inputs of the same operator for fewer positions."""
    short = Sizes(**(asdict(sizes) | {"positions": WALKED}))
    return next(o.inputs for o in operators(short, device, DTYPE[device]) if o.name == op.name)


def _compiled(op: Op, timed: Clock, device: str, has_backward: bool) -> Times:
    if device == "cpu":
        return Times()
    if op.walks:
        return Times(obstacle="not compiled: the reference walks from chunk to chunk in Python")
    torch.compiler.reset()
    return times(torch.compile(op.reference()), op.inputs, timed, ROUNDS[device], has_backward)


def _peer(op: Op, timed: Clock, device: str) -> Times:
    if device == "cpu" or op.folder not in PEERS:
        return Times()
    call = peer(op.folder)
    if call is None:
        return Times(obstacle=f"the package {PEERS[op.folder]} is not installed")
    return times(call, op.inputs, timed, ROUNDS[device])
