"""What the rest of the run computes with: the kernels, but for those that failed their proof."""

import importlib.util
from collections.abc import Sequence


def kernels_for(failed: Sequence[str], device: str) -> str:
    """The value of HNET_KERNELS: a failed SSD falls back to mamba_ssm's kernels where they are, others to torch."""
    if device == "cpu" or not failed:
        return "auto"
    instead = {op: "reference" for op in failed}
    if "ssd" in instead and importlib.util.find_spec("mamba_ssm") is not None:
        instead["ssd"] = "mamba_ssm"
    return ",".join(["triton", *(f"{op}={name}" for op, name in instead.items())])
