"""How many float32 numbers one vector register holds on the processor that Numba compiles for."""

from numba.core.registry import cpu_target

_WIDTHS = {"+avx512f": 16, "+avx": 8}
"""By the feature that the compiler has; without any of them (SSE, NEON) a register holds four."""


def floats_in(features: str) -> int:
    """features  of the target, as LLVM writes them: "+avx,+avx2,-avx512f" """
    known = features.split(",")
    return next((width for feature, width in _WIDTHS.items() if feature in known), 4)


FLOATS = floats_in(cpu_target.target_context.codegen().magic_tuple()[2])
