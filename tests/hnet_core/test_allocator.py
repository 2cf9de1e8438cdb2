"""Freed memory stays with the process, or goes back to the system, as asked."""

import resource
import subprocess
import sys

import pytest

CHURN = """
import resource
import numpy as np
from hnet_core.allocator import keep_free_memory, return_free_memory

def faults(n):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n):
        np.ones(2**24, np.float32)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1])

fresh = faults(5)
keep_free_memory()
faults(1)
kept, held = faults(5), resident()
return_free_memory()
print(fresh, kept, held - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is that of Linux")
def test_freed_arrays_are_used_again_and_given_back_when_asked():
    done = subprocess.run([sys.executable, "-c", CHURN], check=True, capture_output=True, text=True)
    fresh, kept, returned = map(int, done.stdout.split())
    assert fresh > 100 and kept < fresh / 10
    assert returned > 0.9 * 2**26 / resource.getpagesize()  # one array, but for a few pages at its ends
