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
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

_TYPES = {
    torch.float32: "fp32",
    torch.bfloat16: "bf16",
    torch.int64: "i64",
    torch.int32: "i32",
    torch.bool: "i1",
}
_LARGEST_INT32 = 2**31 - 1
_ALIGNED = [["tt.divisibility", 16]]


@dataclass(frozen=True)
class Launch:
    """One launch: the kernel, its arguments by name, and the options of the compiler."""

    kernel: JITFunction
    arguments: dict[str, object]
    options: dict[str, int]

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
    """What a compiled kernel takes: registers a thread, shared memory in bytes a program, spilled bytes a thread."""

    name: str
    form: tuple[str, ...]
    target: str
    registers: int
    shared: int
    spilled: int


@contextmanager
def recorded(capability: int) -> Iterator[list[Launch]]:
    """Inside, launches are listed and not run, and every device is said to be of this compute capability."""
    launches: list[Launch] = []

    def run(kernel, *arguments, grid, warmup, **constants):
        options = {key: constants.pop(key) for key in ("num_warps", "num_stages") if key in constants}
        launches.append(
            Launch(kernel, dict(zip(kernel.arg_names, arguments, strict=False)) | constants, options)
        )

    with (
        patch.object(JITFunction, "run", run),
        patch.object(torch.cuda, "get_device_capability", lambda device: divmod(capability, 10)),
    ):
        yield launches


def launches_of(op: Callable, inputs: dict[str, object], capability: int) -> list[Launch]:
    """What op(**inputs) and its backward, if it has one, launch on sm_<capability>, each form of each kernel once.

    Floating tensors get a gradient.
    """
    given = {
        name: value.requires_grad_() if isinstance(value, Tensor) and value.is_floating_point() else value
        for name, value in inputs.items()
    }
    with recorded(capability) as launches:
        outputs = op(**given)
        outputs = [
            out for out in (outputs if isinstance(outputs, tuple) else (outputs,)) if out.requires_grad
        ]
        if outputs:
            torch.autograd.backward(outputs, [torch.empty_like(out) for out in outputs])
    return list({(launch.name, launch.form): launch for launch in launches}.values())


def launches(dtype: str, capability: int) -> list[Launch]:
    """What all operators launch on sm_<capability> at the size they are made for.

    That is 8 rows of 8192 bytes, width 1024, state width 128.
    """
    T, D, M, R, H, P, N = 65536, 1024, 13107, 8, 32, 64, 128
    C, single, activations = H * P + 2 * N, torch.float32, getattr(torch, dtype)

    def of(*shape: int, dtype: torch.dtype = activations) -> Tensor:
        return torch.empty(*shape, dtype=dtype, device="meta")

    limits, flags = of(R + 1, dtype=torch.int64), of(T, dtype=torch.bool)
    heads = {name: of(H, dtype=single) for name in ("A", "D", "dt_bias")}
    calls = [
        ("rms_norm", "rms_norm", {"x": of(T, D), "weight": of(D), "residual": of(T, D, dtype=single)}),
        ("rms_norm", "gated_rms_norm", {"y": of(T, H * P), "z": of(T, H * P), "weight": of(H * P)}),
        ("causal_conv1d", "causal_conv1d",
         {"x": of(T, C), "weight": of(C, 4), "bias": of(C), "cu_seqlens": limits, "state": of(R, C, 3, dtype=single)}),
        ("ssd", "ssd",
         {"x": of(T, H, P), "dt": of(T, H), "B": of(T, N), "C": of(T, N), **heads, "cu_seqlens": limits,
          "state": of(R, H, P, N, dtype=single)}),
        ("routing", "routing",
         {"q": of(T, D), "k": of(T, D), "cu_seqlens": limits, "last_q": of(R, D, dtype=single),
          "started": of(R, dtype=torch.bool)}),
        ("chunking", "placed", {"is_boundary": flags}),
        ("chunking", "keep", {"x": of(T, D), "starts": of(M, dtype=torch.int64)}),
        ("smoothing", "smoothing",
         {"chunks": of(M, D), "prob": of(T, dtype=single), "is_boundary": flags, "cu_seqlens": limits,
          "confidence": of(T, dtype=single), "residual": of(T, D, dtype=single), "state": of(R, D, dtype=single)}),
    ]  # fmt: skip
    found = []
    for op, name, inputs in calls:
        found += launches_of(getattr(import_module(f"kernels.{op}.cuda"), name), inputs, capability)
    return found


def compiled(launch: Launch, capability: int) -> Compiled:
    """Compile one launch for sm_<capability>; raises what the compiler raises."""
    constants = {p.name for p in launch.kernel.params if p.is_constexpr}
    signature, values, attributes = {}, {}, {}
    for i, (name, value) in enumerate(launch.arguments.items()):
        kind = "constexpr" if name in constants or value is None else _type(value)
        signature[name] = kind
        if kind == "constexpr":
            values[name] = value
        elif isinstance(value, Tensor) or (isinstance(value, int) and value % 16 == 0):
            attributes[(i,)] = _ALIGNED
    source = ASTSource(launch.kernel, signature=signature, constexprs=values, attrs=attributes)
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=launch.options)
    registers, stack = _resources(made.asm["cubin"])
    return Compiled(launch.name, launch.form, f"sm_{capability}", registers, made.metadata.shared, stack)


def _type(value: object) -> str:
    if isinstance(value, Tensor):
        return "*" + _TYPES[value.dtype]
    if isinstance(value, float):
        return "fp32"
    return "i32" if abs(value) <= _LARGEST_INT32 else "i64"


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
