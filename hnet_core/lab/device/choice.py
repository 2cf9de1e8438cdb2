"""What the rest of the run computes with: the kernels, but for those that failed their proof."""

import importlib.util
import os
from collections.abc import Sequence

from kernels.bench.peers import FOLDER, reach


def environment_for(failed: Sequence[str], device: str) -> dict[str, str]:
    """Variables of the steps that follow: HNET_KERNELS, and the path to mamba_ssm where it is needed and came along."""
    reach()
    found = {"HNET_KERNELS": kernels_for(failed, device)}
    if "mamba_ssm" in found["HNET_KERNELS"] and (FOLDER / "mamba_ssm").is_dir():
        found["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(FOLDER)]))
    return found


def kernels_for(failed: Sequence[str], device: str) -> str:
    """The value of HNET_KERNELS: a failed SSD falls back to mamba_ssm's kernels where they are, others to torch."""
    if device == "cpu" or not failed:
        return "auto"
    instead = {op: "reference" for op in failed}
    if "ssd" in instead and importlib.util.find_spec("mamba_ssm") is not None:
        instead["ssd"] = "mamba_ssm"
    return ",".join(["triton", *(f"{op}={name}" for op, name in instead.items())])
