"""Where the time of whole work goes, operator by operator, beside what the machine needs for it at least."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from unittest.mock import patch

from torch import Tensor
from torch.profiler import ProfilerActivity, profile, record_function

from kernels.bench.measure import Rates
from kernels.cross_entropy.cpu import CrossEntropy
from kernels.linear.cpu import Linear, LinearBF16
from kernels.mamba2 import cpu as mamba2
from kernels.rms_norm.cpu import RMSNorm
from kernels.routing.cpu import Routing
from kernels.smoothing.cpu import Smoothing
from kernels.swiglu.cpu import SwiGLU

PARTS = {
    "convolution": ((mamba2.conv, "convolved"), (mamba2.conv, "gradients")),
    "scan": ((mamba2.scan, "scanned"), (mamba2.scan, "gradients")),
    "gated norm": ((mamba2.norm, "gated"), (mamba2.norm, "gated_gradients")),
}
"""What `kernels.mamba2` is made of: (forward, backward)."""
FUNCTIONS = {
    "matrix products": (Linear, LinearBF16),
    "norms": (RMSNorm,),
    "gate of the MLP": (SwiGLU,),
    "routing": (Routing,),
    "smoothing": (Smoothing,),
    "cross entropy": (CrossEntropy,),
}
OTHERS = {
    "matrix products": ("aten::linear",),
    "attention": ("aten::scaled_dot_product_attention", "ScaledDotProductFlashAttentionForCpuBackward0"),
    "optimizer": ("Optimizer.step",),
}
"""Beginnings of the profiler's names."""


class Needed:
    """Bytes that the calls of an operator touch, and operations of its matrix products, counted from shapes."""

    def __init__(self) -> None:
        self.bytes: Counter[str] = Counter()
        self.flops: Counter[str] = Counter()

    def add(self, op: str, given: object, made: object, backward: bool) -> None:
        """One call. A backward pass reads what came in and the gradient of what came out, and writes as much again."""
        inputs, outputs = _tensors(given), _tensors(made)
        passes = 1 + 2 * backward
        self.bytes[op] += passes * sum(value.nbytes for value in inputs + outputs)
        if op == "matrix products":
            x, weight = inputs[:2]
            self.flops[op] += passes * 2 * len(x) * weight.numel()

    def seconds(self, op: str, limit: Rates) -> float:
        return max(self.bytes[op] / limit.copied_bytes, self.flops[op] / limit.matmul_flops)


def _tensors(values: object) -> list[Tensor]:
    values = values if isinstance(values, (tuple, list)) else (values,)
    return [value for value in values if isinstance(value, Tensor)]


@contextlib.contextmanager
def watched(needed: Needed, backward: bool) -> Iterator[None]:
    """Inside, operators count what they need, and the parts of the Mamba-2 layer show in a profile."""

    def counting(op: str, call: Callable, label: str | None, passes_back: bool) -> Callable:
        def counted(*args):
            with record_function(label) if label else contextlib.nullcontext():
                made = call(*args)
            needed.add(op, args, made, passes_back)
            return made

        return counted

    with contextlib.ExitStack() as stack:
        for op, places in PARTS.items():
            for module, name in places:
                call = counting(op, getattr(module, name), f"part: {op}", False)
                stack.enter_context(patch.object(module, name, call))
        for op, classes in FUNCTIONS.items():
            for function in classes:
                call = counting(op, function.apply, None, backward)
                stack.enter_context(patch.object(function, "apply", staticmethod(call)))
        yield


def shares(work: Callable[[], object], limit: Rates, backward: bool) -> list[list[object]]:
    """A line for each operator: milliseconds, share, floor in milliseconds; the last is the rest.

    work      called once to warm up and once under the profiler, on one thread
    backward  whether it differentiates
    """
    work()
    needed = Needed()
    with watched(needed, backward), profile(activities=[ProfilerActivity.CPU]) as profiled:
        start = time.perf_counter()
        work()
        whole = time.perf_counter() - start
    spent: Counter[str] = Counter()
    names = {f"part: {op}": op for op in PARTS} | {b: op for op, begins in OTHERS.items() for b in begins}
    for op, classes in FUNCTIONS.items():
        names |= {f"{c.__name__}{end}": op for c in classes for end in ("", "Backward")}
    for event in profiled.key_averages():
        op = names.get(event.key) or next(
            (op for name, op in names.items() if name in OTHERS["optimizer"] and event.key.startswith(name)),
            None,
        )
        if op:
            spent[op] += event.cpu_time_total * 1e-6
    lines = [
        [
            op,
            f"{t * 1e3:.1f}",
            f"{t / whole:.0%}",
            f"{needed.seconds(op, limit) * 1e3:.1f}" if needed.bytes[op] else "",
        ]
        for op, t in spent.most_common()
    ]
    rest = whole - spent.total()
    return [*lines, ["all else", f"{rest * 1e3:.1f}", f"{rest / whole:.0%}", ""]]
