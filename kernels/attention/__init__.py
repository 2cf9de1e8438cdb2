"""Causal self-attention with rotary positions over packed rows, optionally within a window."""

from torch import Tensor

from kernels import backend
from kernels.arguments import require_limits
from kernels.attention import reference

Angles = tuple[Tensor, Tensor]


def attention(qkv: Tensor, cu_seqlens: Tensor, rotary: Angles | None = None, window: int = -1) -> Tensor:
    """softmax(q k' / sqrt(Dh)) v, where a position sees itself and the earlier ones of its row.

    qkv         (T, 3, H, Dh)
    cu_seqlens  (R + 1,)    int64 limits of the rows; rows may be empty
    rotary      cos and sin of every position's angles, float32, each (T, at most Dh / 2): q and k are rotated first
                (arXiv 2104.09864), first half of the rotated channels against second; None: they are not
    window      how many earlier positions are seen; below 0: all
    returns     (T, H, Dh)
    Raises ValueError if shapes or devices do not fit together.
    """
    if qkv.dim() != 4 or qkv.shape[1] != 3:
        raise ValueError(f"qkv must be (T, 3, H, Dh), got {tuple(qkv.shape)}")
    require_limits(cu_seqlens, qkv.device, len(qkv))
    cos, sin = rotary or (None, None)
    if rotary and (
        cos.shape != sin.shape
        or cos.shape[:1] != qkv.shape[:1]
        or 2 * cos.shape[-1] > qkv.shape[-1]
        or not cos.device == sin.device == qkv.device
    ):
        given = tuple(cos.shape), tuple(sin.shape), cos.device
        raise ValueError(
            f"cos and sin must be ({len(qkv)}, at most {qkv.shape[-1] // 2}) on {qkv.device}, got {given[0]} and "
            f"{given[1]} on {given[2]}"
        )
    if backend.choose("attention", qkv) == "triton":
        from kernels.attention import cuda

        return cuda.attention(qkv, cu_seqlens, rotary, window)
    return reference.attention(qkv, cu_seqlens, rotary, window)
