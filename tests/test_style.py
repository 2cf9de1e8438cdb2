"""Formatter and linter find nothing, and would find something where there is something."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "analysis", "hnet_core", "kernels", "tests")


def ruff(*args: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run ruff with the project's settings and no cache."""
    command = [sys.executable, "-m", "ruff", *args, "--no-cache", "--config", "pyproject.toml"]
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("command", [("format", "--check"), ("check",)], ids=" ".join)
def test_the_tree_is_clean(command):
    done = ruff(*command, *PACKAGES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "source"),
    [
        (("format", "--check"), "x = {  'a':1 }\n"),
        (("check",), "import os\n"),
        (("check",), f"x = '{'long' * 30}'\n"),
        (("check",), "def f(x=[]):\n    return x\n"),
        (("check",), "from typing import List\n\nx: List[int] = []\n"),
    ],
)
def test_a_fault_is_found(command, source):
    done = ruff(*command, "--stdin-filename", "analysis/made_up.py", "-", text=source)
    assert done.returncode == 1, done.stdout + done.stderr
