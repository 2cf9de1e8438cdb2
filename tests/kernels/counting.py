"""What a GPU would be asked to do, counted without one: launches of our kernels in the interpreter, and of torch."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from torch.utils._python_dispatch import TorchDispatchMode
from triton.runtime.interpreter import GridExecutor

FREE = frozenset(
    (
        "alias", "as_strided", "detach", "expand", "permute", "reshape", "_reshape_alias", "select", "slice", "split",
        "split_with_sizes", "squeeze", "t", "transpose", "unbind", "unfold", "unsqueeze", "view", "_unsafe_view",
        "empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "lift_fresh", "_local_scalar_dense",
        "promote_types",
    )
)  # fmt: skip
"""Operators of torch that launch nothing: views, allocations, and reading a number."""


class _OfTorch(TorchDispatchMode):
    """Counts the operators that launch kernels of torch's own."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name.removeprefix("aten::")
        if name not in FREE:
            self.found[name] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def counted_launches() -> Iterator[tuple[Counter[str], Counter[str]]]:
    """Launches inside the block: of our kernels, by operator.kernel, and of torch's operators, by name.

    Our kernels must run in the interpreter.
    """
    ours: Counter[str] = Counter()
    run = GridExecutor.__call__

    def noted(executor, *arguments, **named):
        function = executor.fn
        ours[f"{function.__module__.split('.')[1]}.{function.__name__.strip('_')}"] += 1
        # What the interpreter itself does with tensors is no launch.
        with torch_is_not_counted(of_torch):
            return run(executor, *arguments, **named)

    of_torch = _OfTorch()
    with patch.object(GridExecutor, "__call__", noted), of_torch:
        yield ours, of_torch.found


@contextmanager
def torch_is_not_counted(mode: _OfTorch) -> Iterator[None]:
    before = mode.found.copy()
    try:
        yield
    finally:
        mode.found.clear()
        mode.found.update(before)
