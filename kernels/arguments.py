"""What operators demand of their arguments: shapes, dtypes and the device that fit together."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

Wanted = dict[str, tuple[Tensor | None, tuple[int, ...]]]


def require(like: Tensor, same: Wanted, wide: Wanted | None = None) -> None:
    """Raises ValueError, with what was given and what is wanted, for the first argument that does not fit `like`.

    same, wide   name -> (tensor or None, its shape)
    same         must have the dtype of `like`, activations most of all
    wide         may be float32 where `like` is narrower: parameters and states, which lose too much in bfloat16
    """
    narrow = like.dtype in (torch.bfloat16, torch.float16)
    for wanted, dtypes in ((same, [like.dtype]), (wide or {}, [like.dtype] + [torch.float32] * narrow)):
        for name, (tensor, shape) in wanted.items():
            if tensor is None:
                continue
            if tensor.shape != shape or tensor.dtype not in dtypes or tensor.device != like.device:
                names = " or ".join(map(str, dtypes))
                raise ValueError(
                    f"{name} must be {tuple(shape)} in {names} on {like.device}, got {tuple(tensor.shape)} in "
                    f"{tensor.dtype} on {tensor.device}"
                )


def require_limits(cu_seqlens: Tensor, device: torch.device, n_positions: int) -> int:
    """The number of rows; raises ValueError unless cu_seqlens is (R + 1,) int64 on `device`.

    It must rise from 0 to n_positions as well. Where the host does not know that yet (see `remember`), a CPU looks; on
    a GPU looking would make the host wait, so the device looks before it runs the kernel, once for each tensor, and
    refuses by an assertion: a CUDA error, after which the process must start anew.
    """
    if (
        cu_seqlens.dim() != 1
        or not len(cu_seqlens)
        or cu_seqlens.dtype != torch.int64
        or cu_seqlens.device != device
    ):
        raise ValueError(
            f"cu_seqlens must be (R + 1,) in torch.int64 on {device}, got {tuple(cu_seqlens.shape)} in "
            f"{cu_seqlens.dtype} on {cu_seqlens.device}"
        )
    if device.type == "cpu":
        check_limits(cu_seqlens.tolist(), n_positions)
    elif not is_remembered(cu_seqlens, n_positions):
        rises = (cu_seqlens[0] == 0) & (cu_seqlens[-1] == n_positions) & (cu_seqlens.diff() >= 0).all()
        demand(rises, f"cu_seqlens must rise from 0 to {n_positions}, the number of positions")
        remember(cu_seqlens, n_positions)
    return len(cu_seqlens) - 1


def check_limits(limits: Sequence[int], n_positions: int) -> None:
    """Raises ValueError unless limits, numbers on the host, rise from 0 to n_positions."""
    limits = list(limits)
    if not limits or limits[0] != 0 or limits[-1] != n_positions or limits != sorted(limits):
        raise ValueError(
            f"cu_seqlens must rise from 0 to {n_positions}, the number of positions, got {_short(limits)}"
        )


def require_flags(name: str, flags: Tensor, shape: tuple[int, ...], device: torch.device) -> None:
    """Raises ValueError unless flags is bool of this shape on this device."""
    if flags.shape != shape or flags.dtype != torch.bool or flags.device != device:
        raise ValueError(
            f"{name} must be {tuple(shape)} bool on {device}, got {tuple(flags.shape)} {flags.dtype} on {flags.device}"
        )


def require_chunks(is_boundary: Tensor, n_chunks: int) -> None:
    """Refuses where is_boundary has not n_chunks boundaries: a CPU by ValueError, a GPU as in `require_limits`."""
    if is_boundary.device.type == "cpu":
        found = int(is_boundary.sum())
        if found != n_chunks:
            raise ValueError(
                f"is_boundary has {found} boundaries for {n_chunks} chunks; give a chunk for each"
            )
    elif not is_remembered(is_boundary, n_chunks):
        demand(
            is_boundary.sum() == n_chunks, f"is_boundary must have a boundary for each of {n_chunks} chunks"
        )
        remember(is_boundary, n_chunks)


def require_starts(starts: Tensor, n_positions: int) -> None:
    """Refuses starts that do not rise within n_positions: a CPU by ValueError, a GPU as in `require_limits`."""
    if not len(starts) or is_remembered(starts, n_positions):
        return
    rises = (starts[0] >= 0) & (starts[-1] < n_positions) & (starts.diff() > 0).all()
    demand(rises, f"starts must rise and lie within the {n_positions} positions of x")
    remember(starts, n_positions)


def demand(fits: Tensor, message: str) -> None:
    """Refuse with `message` unless fits (), a bool: by ValueError on a CPU, by an assertion of the device on a GPU."""
    if fits.is_cuda:
        torch._assert_async(fits, message)
    elif fits.device.type == "cpu" and not bool(fits):
        raise ValueError(message)


def remember(tensor: Tensor, n: int) -> None:
    """Note that tensor fits n (positions or chunks), so that no device is asked for it again until it is written to."""
    tensor._fits = (n, _version(tensor))


def remember_limits(cu_seqlens: Tensor, limits: Sequence[int], n_positions: int) -> None:
    """`remember`, where the host knows the limits as numbers: these, and the longest row, as well."""
    remember(cu_seqlens, n_positions)
    longest = max((end - start for start, end in pairwise(limits)), default=0)
    cu_seqlens._known = (_version(cu_seqlens), list(limits), longest)


def known_limits(cu_seqlens: Tensor) -> list[int] | None:
    """The limits as numbers, where the host knows them. Asks no device."""
    version, limits, _ = getattr(cu_seqlens, "_known", (None, None, None))
    return limits if version == _version(cu_seqlens) else None


def longest_row(cu_seqlens: Tensor, n_positions: int) -> int:
    """Positions of the longest row where the host knows it, or all of them. Asks no device."""
    version, _, longest = getattr(cu_seqlens, "_known", (None, None, None))
    return longest if version == _version(cu_seqlens) else n_positions


def is_remembered(tensor: Tensor, n: int) -> bool:
    """Whether `remember` was told so of this very tensor, and nothing was written to it since."""
    return getattr(tensor, "_fits", None) == (n, _version(tensor))


def _version(tensor: Tensor) -> int:
    """Grows with every write; tensors of inference mode do not count theirs."""
    return 0 if tensor.is_inference() else tensor._version


def _short(limits: list[int]) -> str:
    """The limits as text; of many, the first and the last."""
    return str(limits) if len(limits) <= 8 else f"[{', '.join(map(str, limits[:4]))}, ..., {limits[-1]}]"
