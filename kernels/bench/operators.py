"""The operators that are measured: random inputs, and the bytes and operations that each needs at least."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import torch
from torch import Tensor

FLOAT, INDEX = 4, 8
"""Bytes of a float32 number and of an int64 index."""
CHUNK_LENGTH = 5
"""Positions of a chunk on average."""


@dataclass(frozen=True)
class Sizes:
    """Positions, rows, and the widths of a stage: d_model, d_inner, the states and the width of a head."""

    name: str
    positions: int
    rows: int
    width: int
    inner: int
    state: int
    head: int = 64


BUNDLED = Sizes("bundled", positions=16_384, rows=8, width=64, inner=128, state=16)
LARGE = Sizes("large", positions=65_536, rows=8, width=1024, inner=2048, state=128)
VOCABULARY = 256


@dataclass
class Op:
    """One operator with its inputs. bytes and flops are those of (forward, backward); no bytes, no backward."""

    folder: str
    function: str
    inputs: dict[str, object]
    bytes: tuple[float, float | None]
    flops: tuple[float, float] = (0.0, 0.0)
    walks: bool = False
    """The reference goes from chunk to chunk in Python."""

    @property
    def name(self) -> str:
        return self.function if self.folder in self.function else f"{self.folder}.{self.function}"

    def ours(self) -> Callable:
        return getattr(import_module(f"kernels.{self.folder}"), self.function)

    def reference(self) -> Callable:
        return getattr(import_module(f"kernels.{self.folder}.reference"), self.function)

    def lead(self) -> Tensor:
        """The tensor that decides which backend runs."""
        return next(value for value in self.inputs.values() if isinstance(value, Tensor))


class _Random:
    """Random tensors of one device: activations in `dtype`, parameters and the residual stream in float32."""

    def __init__(self, device: str, dtype: torch.dtype):
        self.device, self.dtype = device, dtype

    def activation(self, *shape: int) -> Tensor:
        return torch.randn(*shape, device=self.device).to(self.dtype).requires_grad_()

    def wide(self, *shape: int) -> Tensor:
        return torch.randn(*shape, device=self.device).requires_grad_()

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, device=self.device).requires_grad_()


def operators(sizes: Sizes, device: str, dtype: torch.dtype) -> list[Op]:
    """All operators of layers and of a stage. Bytes: every input read once, every output written once."""
    random, T = _Random(device, dtype), sizes.positions
    limits = torch.linspace(0, T, sizes.rows + 1, device=device).long()
    limits[-1] = T
    is_boundary = torch.rand(T, device=device) < 1 / CHUNK_LENGTH
    is_boundary[limits[:-1]] = True
    return [*_layer(sizes, random, limits), *_stage(sizes, random, limits, is_boundary)]


def _layer(sizes: Sizes, random: _Random, limits: Tensor) -> list[Op]:
    """The operators of all kinds of layers, without matrix products on a GPU, which are torch's own."""
    T, D, E, N = sizes.positions, sizes.width, sizes.inner, sizes.state
    heads, channels, size = E // sizes.head, E + 2 * N, random.dtype.itemsize
    projected, scan, wide = E + channels + heads, 5.0 * T * E * N, size != FLOAT
    activation, parameter = random.activation, random.wide
    # With one dtype, the gradient of the sum is that of both its terms: it is written once.
    both = FLOAT + size * wide
    return [
        Op("linear", "linear", {"x": activation(T, D), "weight": activation(projected, D)},
           (size * T * (D + projected), 2 * size * T * (D + projected)),
           (2.0 * T * D * projected, 4.0 * T * D * projected)),
        Op("causal_conv1d", "causal_conv1d",
           {"x": activation(T, channels), "weight": parameter(channels, 4), "bias": parameter(channels),
            "cu_seqlens": limits},
           (2 * size * T * channels, 3 * size * T * channels)),
        Op("ssd", "ssd",
           {"x": activation(T, heads, sizes.head), "dt": activation(T, heads),
            "A": (-random.uniform(heads).detach() - 0.5).requires_grad_(), "B": activation(T, N),
            "C": activation(T, N), "D": parameter(heads), "dt_bias": parameter(heads), "cu_seqlens": limits},
           (size * T * (2 * E + 2 * N + heads), size * T * (3 * E + 4 * N + 2 * heads)), (scan, 3 * scan), walks=True),
        Op("rms_norm", "gated_rms_norm", {"y": activation(T, E), "z": activation(T, E), "weight": parameter(E)},
           (3 * size * T * E, 5 * size * T * E)),
        Op("attention", "attention", {"qkv": activation(T, 3, max(1, D // sizes.head), min(D, sizes.head)),
                                      "cu_seqlens": limits},
           (4 * size * T * D, 8 * size * T * D), (2.0 * T * T / sizes.rows * D, 7.0 * T * T / sizes.rows * D)),
        Op("swiglu", "swiglu", {"x": activation(T, 2 * E)}, (3 * size * T * E, 5 * size * T * E)),
        Op("rms_norm", "rms_norm", {"x": activation(T, D), "weight": parameter(D), "residual": parameter(T, D)},
           (T * D * 2 * (size + FLOAT), T * D * (FLOAT + size + both))),
    ]  # fmt: skip


def _stage(sizes: Sizes, random: _Random, limits: Tensor, is_boundary: Tensor) -> list[Op]:
    """The operators around an inner network, and the loss."""
    T, D, size = sizes.positions, sizes.width, random.dtype.itemsize
    kept = is_boundary.nonzero().squeeze(1)
    M, wide = len(kept), size != FLOAT
    activation = random.activation
    target = torch.randint(0, VOCABULARY, (T,), device=random.device)
    return [
        Op("routing", "routing", {"q": activation(T, D), "k": activation(T, D), "cu_seqlens": limits},
           (2 * size * T * D + FLOAT * T, 4 * size * T * D + FLOAT * T)),
        Op("chunking", "starts", {"is_boundary": is_boundary, "cu_seqlens": limits}, (T + INDEX * M, None)),
        Op("chunking", "keep", {"x": activation(T, D), "starts": kept},
           (2 * size * M * D + INDEX * M, size * (M + T) * D + INDEX * M)),
        Op("smoothing", "smoothing",
           {"chunks": activation(M, D), "prob": random.uniform(T), "is_boundary": is_boundary, "cu_seqlens": limits,
            "confidence": random.uniform(T), "residual": random.wide(T, D)},
           (D * (size * (M + T) + FLOAT * T) + (FLOAT + 1) * T,
            D * (size * (2 * M + T) + FLOAT * T * wide) + (3 * FLOAT + 1) * T),
           walks=True),
        Op("cross_entropy", "cross_entropy", {"logits": activation(T, VOCABULARY), "target": target},
           (size * T * VOCABULARY, 2 * size * T * VOCABULARY)),
    ]  # fmt: skip
