"""The Triton kernels compile for GPUs that need not be there, all of them, and keep what they hold in registers."""

import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from kernels import backend


def run_compiled(root, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """python -m kernels.compiled in a process of its own: in this one Triton is its interpreter."""
    kept = {key: value for key, value in os.environ.items() if key != backend.INTERPRETER}
    return subprocess.run(
        [sys.executable, "-m", "kernels.compiled", *arguments],
        cwd=root,
        env={**kept, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
    )


def launched(root) -> set[str]:
    """operator.kernel for every kernel that the operators' sources launch."""
    return {
        f"{path.parent.name}.{kernel}"
        for path in root.glob("kernels/*/cuda.py")
        for kernel in re.findall(r"\blaunch\(\s*_(\w+)", path.read_text())
    }


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("target", ["80", "90"])
def test_every_kernel_compiles_and_none_spills(root, target, dtype):
    done = run_compiled(root, "--target", target, "--dtype", dtype)
    assert done.returncode in (0, 1), done.stderr
    table = [re.split(r" *\| *", line.strip("| ")) for line in done.stdout.splitlines()[2:]]
    assert {row[0] for row in table} == launched(root)
    assert {row[2] for row in table} == {f"sm_{target}"}
    forms = Counter(row[0] for row in table)
    # The walk runs both ways, and each way for the segments' ends alone or for the states of all chunks.
    assert (forms["ssd.walk"], forms["ssd.carry"], forms["ssd.scan"]) == (4, 2, 1)
    assert [row for row in table if row[5] != "0"] == []
    assert done.returncode == 0


def test_the_interpreter_has_nothing_to_compile(root):
    done = run_compiled(root, **{backend.INTERPRETER: "1"})
    assert (done.returncode, done.stdout) == (2, "")
    assert "unset it" in done.stderr
