"""Records what every operator launches, forward and backward, on tensors without memory; compiles it for a target."""

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, make_backend
from triton.runtime.jit import JITFunction, create_function_from_signature

from kernels.linear import GPU_ROW


@dataclass(frozen=True)
class Sizes:
    """What operators are given: positions, chunks and rows, which every step has others of, and the widths of a model.

    width  of a stage    heads, head, state  of its Mamba-2 layers; an attention head is as wide
    """

    positions: int = 65_536
    chunks: int = 13_107
    rows: int = 8
    width: int = 1024
    heads: int = 32
    head: int = 64
    state: int = 128


NARROW = Sizes(width=256, heads=8, state=64)
"""The outer stages of a small model, whose projected rows, 1160 numbers, are no multiple of 16."""


@dataclass(frozen=True)
class Launch:
    """One launch: the kernel, its arguments by name, and the options of the compiler.

    variant  (type, what the compiler knows of the value) of every argument: Triton writes a program for each
    """

    kernel: JITFunction
    arguments: dict[str, object]
    options: dict[str, int]
    variant: tuple[tuple[str, object], ...]

    @property
    def name(self) -> str:
        """operator.kernel"""
        return f"{self.kernel.__module__.split('.')[1]}.{self.kernel.__name__.strip('_')}"

    @property
    def form(self) -> tuple[str, ...]:
        """What makes the compiler write another program of the same kernel: switches that are on, tensors left out."""
        on = (name for name, value in self.arguments.items() if value is True)
        return (*on, *(f"no {name}" for name, value in self.arguments.items() if value is None))


@dataclass(frozen=True)
class Compiled:
    """What a compiled kernel takes: registers a thread, shared memory in bytes a program, spilled bytes a thread.

    narrow  instructions that load 2 bytes a thread from memory, where 16 are possible
    """

    name: str
    form: tuple[str, ...]
    target: str
    registers: int
    shared: int
    spilled: int
    narrow: int


class _Address:
    """A tensor without memory, as Triton asks for it: where in its memory it begins says how it is aligned."""

    def __init__(self, tensor: Tensor) -> None:
        self.dtype, self._offset = tensor.dtype, tensor.storage_offset() * tensor.itemsize

    def data_ptr(self) -> int:
        return self._offset


def target_of(capability: int) -> GPUTarget:
    return GPUTarget("cuda", capability, 32)


@contextmanager
def recorded(capability: int) -> Iterator[list[Launch]]:
    """Inside, launches are listed and not run, and every device is said to be of this compute capability."""
    found: list[Launch] = []
    backend = make_backend(target_of(capability))
    binders: dict[JITFunction, Callable] = {}

    def run(kernel, *, grid, warmup, **given):
        if kernel not in binders:
            binders[kernel] = create_function_from_signature(kernel.signature, kernel.params, backend)
        seen = {
            name: _Address(value) if isinstance(value, Tensor) else value for name, value in given.items()
        }
        _, variant, options = binders[kernel](**seen)
        arguments = {name: given[name] for name in kernel.arg_names}
        found.append(Launch(kernel, arguments, options, tuple(variant)))

    with (
        patch.object(JITFunction, "run", run),
        patch.object(torch.cuda, "get_device_capability", lambda device: divmod(capability, 10)),
    ):
        yield found


def launches_of(op: Callable, inputs: dict[str, object], capability: int) -> list[Launch]:
    """What op(**inputs) and its backward, if it has one, launch on sm_<capability>, in order.

    Floating tensors get a gradient.
    """
    given = {name: _leaf(value) for name, value in inputs.items()}
    with recorded(capability) as found:
        outputs = op(**given)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        outputs = [out for out in outputs if out.requires_grad]
        if outputs:
            torch.autograd.backward(outputs, [torch.empty_like(out) for out in outputs])
    return found


def _leaf(value: object) -> object:
    floating = isinstance(value, Tensor) and value.is_floating_point()
    return value.detach().requires_grad_() if floating else value


def launches(dtype: str, capability: int, sizes: Sizes = Sizes()) -> list[Launch]:
    """What all operators launch on sm_<capability>, each program that the compiler writes once."""
    found = []
    for folder, name, inputs in _calls(getattr(torch, dtype), sizes):
        found += launches_of(getattr(import_module(f"kernels.{folder}.cuda"), name), inputs, capability)
    return list({(launch.name, launch.variant): launch for launch in found}.values())


def _calls(dtype: torch.dtype, sizes: Sizes) -> list[tuple[str, str, dict[str, object]]]:
    """(folder, function, arguments) of every operator, on tensors without memory."""
    T, M, R, D = sizes.positions, sizes.chunks, sizes.rows, sizes.width
    H, P, N, single = sizes.heads, sizes.head, sizes.state, torch.float32
    E, C = H * P, H * P + 2 * N

    def of(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
        return torch.empty(*shape, dtype=dtype, device="meta")

    limits, flags = of(R + 1, dtype=torch.int64), of(T, dtype=torch.bool)
    heads = {name: of(H, dtype=single) for name in ("A", "D", "dt_bias")}
    angles = of(T, P // 4, dtype=single)
    projected = of(T, -(-(E + C + H) // GPU_ROW) * GPU_ROW)
    return [
        ("rms_norm", "rms_norm", {"x": of(T, D), "weight": of(D), "residual": of(T, D, dtype=single)}),
        ("mamba2", "mamba2",
         {"projected": projected, "conv_weight": of(C, 4, dtype=single), "conv_bias": of(C, dtype=single), **heads,
          "norm_weight": of(E, dtype=single), "cu_seqlens": limits, "conv_state": of(R, C, 3, dtype=single),
          "scan_state": of(R, H, P, N, dtype=single)}),
        ("attention", "attention",
         {"qkv": of(T, 3, D // P, P), "cu_seqlens": limits, "rotary": (angles, angles), "window": 1023}),
        ("attention", "attention", {"qkv": of(T, 3, D // P, P), "cu_seqlens": limits}),
        ("swiglu", "swiglu", {"x": of(T, 4 * D)}),
        ("routing", "routing",
         {"q": of(T, D), "k": of(T, D), "cu_seqlens": limits, "last_q": of(R, D, dtype=single),
          "started": of(R, dtype=torch.bool)}),
        ("chunking", "placed", {"is_boundary": flags}),
        ("chunking", "keep", {"x": of(T, D), "starts": of(M, dtype=torch.int64)}),
        ("smoothing", "smoothing",
         {"chunks": of(M, D), "prob": of(T, dtype=single), "is_boundary": flags, "cu_seqlens": limits,
          "confidence": of(T, dtype=single), "residual": of(T, D, dtype=single), "state": of(R, D, dtype=single)}),
        ("cross_entropy", "cross_entropy", {"logits": of(T, 256), "target": of(T, dtype=torch.int64)}),
    ]  # fmt: skip


def compiled(launch: Launch, capability: int) -> Compiled:
    """Compile one launch for sm_<capability>; raises what the compiler raises."""
    target = target_of(capability)
    backend, names = make_backend(target), launch.kernel.arg_names
    signature = {name: kind for name, (kind, _) in zip(names, launch.variant, strict=True)}
    values = {name: launch.arguments[name] for name, kind in signature.items() if kind == "constexpr"}
    known = {
        (i,): backend.parse_attr(fact) for i, (kind, fact) in enumerate(launch.variant)
        if kind != "constexpr" and isinstance(fact, str)
    }  # fmt: skip
    source = ASTSource(launch.kernel, signature=signature, constexprs=values, attrs=known)
    made = triton.compile(source, target=target, options=launch.options)
    registers, stack = _resources(made.asm["cubin"])
    narrow = len(re.findall(r"ld\.global(?!\S*\.v\d)\S*16\b", made.asm["ptx"]))
    shared, place = made.metadata.shared, f"sm_{capability}"
    return Compiled(launch.name, launch.form, place, registers, shared, stack, narrow)


def _resources(binary: bytes) -> tuple[int, int]:
    """Registers and bytes of stack a thread uses, by the disassembler that comes with Triton."""
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(binary)
        file.flush()
        told = subprocess.run(
            [tool, "-res-usage", file.name], capture_output=True, text=True, check=True
        ).stdout
    return tuple(int(re.search(rf"{key}:(\d+)", told).group(1)) for key in ("REG", "STACK"))
