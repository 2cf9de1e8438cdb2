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


def table_of(done: subprocess.CompletedProcess) -> list[list[str]]:
    """Cells of each line: kernel, form, target, registers, shared memory, spilled bytes, 2-byte loads."""
    return [re.split(r" *\| *", line.strip("| ")) for line in done.stdout.splitlines()[2:]]


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
    table = table_of(done)
    assert {row[0] for row in table} == launched(root)
    assert {row[2] for row in table} == {f"sm_{target}"}
    forms = Counter(row[0] for row in table)
    # The walk runs both ways, and each way for the segments' ends alone or for the states of all chunks.
    assert (forms["ssd.walk"], forms["ssd.carry"], forms["ssd.scan"]) == (4, 2, 1)
    assert [row for row in table if row[5] != "0"] == []
    assert done.returncode == 0


@pytest.mark.slow
def test_slices_of_a_projection_are_not_read_two_bytes_at_a_time(root):
    """At widths whose projected row would be no multiple of 16 numbers. A step has one number a head to read."""
    done = run_compiled(root, "--target", "90", "--narrow")
    narrow = {row[0]: int(row[6]) for row in table_of(done) if row[6] != "0"}
    assert set(narrow) == {"ssd.decays", "ssd.gradients"}
    assert max(narrow.values()) <= 8


VARIANTS = """
from kernels.compiled.cuda import Sizes, launches
found = [
    {(each.name, each.variant) for each in launches("bfloat16", 90, Sizes(positions, chunks, rows))}
    for positions, chunks, rows in ((65536, 16384, 16), (65521, 13107, 7), (20001, 1, 1), (1048576, 1000000, 1))
]
print(len(found[0]), *(len(found[0] ^ other) for other in found[1:]))
"""


def test_nothing_is_compiled_after_the_first_step(root):
    """Whatever the number of positions, chunks and rows: one, many, a multiple of 16 or not."""
    environment = {key: value for key, value in os.environ.items() if key != backend.INTERPRETER}
    done = subprocess.run(
        [sys.executable, "-c", VARIANTS],
        cwd=root,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    programs, *others = map(int, done.stdout.split())
    assert programs > 30 and others == [0, 0, 0]


def test_the_interpreter_has_nothing_to_compile(root):
    done = run_compiled(root, **{backend.INTERPRETER: "1"})
    assert (done.returncode, done.stdout) == (2, "")
    assert "unset it" in done.stderr
