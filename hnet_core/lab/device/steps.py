"""The steps of a run, each a process of its own with a time limit: one that fails or hangs costs only itself."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

DONE, FAILED, OUT_OF_TIME, LEFT_OUT = "done", "failed", "out of time", "left out"
GRACE = 10.0
"""Seconds between asking a step to end (SIGTERM) and ending it."""
POLL = 0.1


@dataclass(frozen=True)
class Step:
    """One process. It writes its findings to OUT/NAME.json as they come, whole files by rename.

    module   run as `python -m module --out OUT/NAME.json ARGUMENTS`
    seconds  its limit; None: all that is left of the run
    """

    name: str
    module: str
    seconds: float | None
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How a step ended; log: where all it printed is."""

    name: str
    state: str
    seconds: float
    exit_code: int | None
    log: str


def run_step(step: Step, out: Path, left: float, environment: Mapping[str, str]) -> Ended:
    """Run a step for its limit or for the `left` seconds of the run, whichever is less, and say how it ended."""
    log = out / "logs" / f"{step.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    limit = left if step.seconds is None else min(step.seconds, left)
    if limit <= 0:
        return Ended(step.name, LEFT_OUT, 0.0, None, "")
    call = [sys.executable, "-m", step.module, "--out", str(out / f"{step.name}.json"), *step.arguments]
    if step.seconds is None:
        call += ["--seconds", f"{limit:.0f}"]
    began = time.monotonic()
    with log.open("w") as file:
        process = subprocess.Popen(
            call, env={**os.environ, **environment}, stdout=file, stderr=file, start_new_session=True
        )
        state = _wait(process, began + limit)
    if state == DONE and process.returncode:
        state = FAILED
    return Ended(
        step.name,
        state,
        round(time.monotonic() - began, 1),
        process.returncode,
        log.relative_to(out).as_posix(),
    )


def _wait(process: subprocess.Popen, until: float) -> str:
    """DONE where it ended by itself; else its whole group is asked to end, and after GRACE ended."""
    while time.monotonic() < until:
        if process.poll() is not None:
            return DONE
        time.sleep(POLL)
    for how, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        try:
            os.killpg(process.pid, how)
            process.wait(patience)
            break
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    return OUT_OF_TIME


def write_json(path: Path, content: object) -> None:
    """The whole file or none."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def read_json(path: Path) -> dict:
    """What a step has written; {} where it has written nothing."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write_ended(out: Path, ended: Sequence[Ended]) -> None:
    """OUT/steps.json: how every step so far ended."""
    write_json(out / "steps.json", [asdict(each) for each in ended])
