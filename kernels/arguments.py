"""What operators demand of their arguments: shapes, dtypes and the device that fit together."""

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

    On a CPU it must rise from 0 to n_positions as well; on a GPU looking would make the host wait.
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
        limits = cu_seqlens.tolist()
        if limits[0] != 0 or limits[-1] != n_positions or limits != sorted(limits):
            raise ValueError(
                f"cu_seqlens must rise from 0 to {n_positions}, the number of positions, got {limits}"
            )
    return len(cu_seqlens) - 1
