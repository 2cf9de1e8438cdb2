"""Times of one operator's variants, and the rates of the machine that set the floor."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

WARM_UP, ROUNDS = 2, {"cpu": 7, "cuda": 25}
PATIENCE = 20.0
"""Seconds after which a variant is measured no further than once."""
CACHE = 256 * 2**20
"""Bytes that are overwritten before each measurement on a GPU: more than its cache holds."""
Clock = Callable[[Callable[[], object]], tuple[object, float]]


@dataclass
class Times:
    """Seconds of every round; why there are none, if there are none."""

    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)
    obstacle: str | None = None

    def median(self, direction: str) -> float | None:
        times = getattr(self, direction)
        return statistics.median(times) if times else None


def clock(device: str) -> Clock:
    """A function that calls what it is given and returns (result, seconds): of the device, not of the host."""
    if device == "cpu":
        return _timed_on_cpu
    cache = torch.empty(CACHE // 4, dtype=torch.int32, device=device)

    def timed(call: Callable[[], object]) -> tuple[object, float]:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        cache.zero_()
        start.record()
        result = call()
        end.record()
        end.synchronize()
        return result, start.elapsed_time(end) * 1e-3

    return timed


def _timed_on_cpu(call: Callable[[], object]) -> tuple[object, float]:
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def times(
    call: Callable, inputs: dict[str, object], timed: Clock, rounds: int, has_backward: bool = True
) -> Times:
    """Forward and backward of call(**inputs), `rounds` times after the warm-up.

    The backward is of the first result alone. A call that fails has no times, but the first line of its error.
    """
    found, begun = Times(), time.perf_counter()
    wanted = [value for value in inputs.values() if isinstance(value, Tensor) and value.requires_grad]
    try:
        for i in range(WARM_UP + rounds):
            out, forward = timed(lambda: call(**inputs))
            backward = None
            if has_backward:
                out = out if isinstance(out, Tensor) else out[0]
                grad = torch.ones_like(out)
                _, backward = timed(lambda: torch.autograd.grad(out, wanted, grad, allow_unused=True))  # noqa: B023
            if i >= WARM_UP:
                found.forward.append(forward)
                found.backward += [] if backward is None else [backward]
                if time.perf_counter() - begun > PATIENCE:
                    break
    # A compiler, a launch, an allocation, a package of another version than is called: anything may be raised.
    except Exception as err:
        return Times(obstacle=first_line(err))
    return found


def first_line(err: Exception) -> str:
    """Kind of an error and the first line of what it says."""
    lines = str(err).strip().splitlines()
    return f"{type(err).__name__}: {lines[0] if lines else 'no message'}"


def copy_rate(timed: Clock, device: str) -> float:
    """Bytes a second that a copy reads and writes, of a tensor that no cache holds."""
    source = torch.ones(2**24 if device == "cpu" else 2**28, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _median(lambda: target.copy_(source), timed)


def matmul_rate(timed: Clock, device: str, dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product in `dtype`."""
    n = 1024 if device == "cpu" else 8192
    square = torch.randn(n, n, device=device).to(dtype)
    return 2 * n**3 / _median(lambda: square @ square, timed)


def _median(call: Callable[[], object], timed: Clock) -> float:
    return statistics.median([timed(call)[1] for _ in range(WARM_UP + 5)][WARM_UP:])
