"""Formatters and linter find nothing, and would find something where there is something."""

import os
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


def prettier(*args: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run prettier with the project's settings, where `make web` has brought it."""
    program = ROOT / "tests" / "web" / "node_modules" / ".bin" / "prettier"
    if not program.exists() and os.environ.get("HNET_REQUIRE_BROWSER") != "1":
        pytest.skip("prettier is not there: make web")
    command = [str(program), "--config", "tests/web/package.json", *args]
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, timeout=120)


def test_what_the_browser_runs_is_clean():
    done = prettier("--check", "app/static", "tests/web/package.json")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "source"), [("x.js", "let a = {b:1}\n"), ("x.css", "a{top:0}\n")])
def test_a_fault_of_the_browser_s_files_is_found(name, source):
    done = prettier("--check", "--stdin-filepath", f"app/static/{name}", text=source)
    assert done.returncode == 1, done.stdout + done.stderr
