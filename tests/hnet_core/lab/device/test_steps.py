"""Steps of a run: each a process that costs only itself."""

import sys
import time

import pytest

from hnet_core.lab.device import steps
from hnet_core.lab.device.steps import Step, read_json, run_step, write_ended

MODULES = {
    "good_step": "import json, sys\njson.dump(sys.argv, open(sys.argv[2], 'w'))",
    "bad_step": "raise SystemExit(3)",
    "slow_step": "import time\ntime.sleep(60)",
    "deaf_step": (
        "import signal, subprocess, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(60)"
    ),
}


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Environment in which MODULES can be run."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for name, source in MODULES.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(steps, "GRACE", 0.3)
    return {"PYTHONPATH": str(folder)}


def test_a_step_gets_its_file_and_what_is_left(tmp_path, modules):
    out = tmp_path / "out"
    ended = run_step(Step("one", "good_step", None, ("--more",)), out, 30, modules)
    assert (ended.state, ended.exit_code) == ("done", 0)
    assert read_json(out / "one.json")[1:] == ["--out", str(out / "one.json"), "--more", "--seconds", "30"]


def test_one_that_fails_is_said_to_have_failed(tmp_path, modules):
    ended = run_step(Step("two", "bad_step", 30), tmp_path, 30, modules)
    assert (ended.state, ended.exit_code) == ("failed", 3)
    assert (tmp_path / ended.log).exists()


def test_one_that_hangs_ends_at_its_limit(tmp_path, modules):
    began = time.monotonic()
    ended = run_step(Step("three", "slow_step", 1), tmp_path, 30, modules)
    assert ended.state == "out of time" and time.monotonic() - began < 15


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_one_that_does_not_listen_ends_with_its_children(tmp_path, modules):
    ended = run_step(Step("four", "deaf_step", 2), tmp_path, 30, modules)
    assert ended.state == "out of time"
    child = (tmp_path / ended.log).read_text().strip()
    for _ in range(50):
        state = _state(child)
        if state in ("", "Z"):
            break
        time.sleep(0.1)
    assert state in ("", "Z")


def _state(pid: str) -> str:
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def test_without_time_a_step_is_left_out(tmp_path):
    assert run_step(Step("five", "good_step", 10), tmp_path, 0, {}).state == "left out"


def test_what_ended_is_written_down(tmp_path, modules):
    write_ended(tmp_path, [run_step(Step("one", "bad_step", 30), tmp_path, 30, modules)])
    assert read_json(tmp_path / "steps.json")[0]["name"] == "one"
    assert read_json(tmp_path / "nothing.json") == {}
