"""Work in a process of its own that is killed, or whose disk is full."""

import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path


def killed_after(seconds: float, work: Callable[[int], object]) -> None:
    """Call work(0), work(1), ... in a child, and kill that after some seconds, wherever it is then."""
    child = _fork(lambda: _forever(work))
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"it ended before it was killed: {status}"


def with_files_of(n_bytes: int, work: Callable[[], int | None]) -> int:
    """What `work` returns in a child that can make no file longer than so many bytes: as on a full disk."""

    def limited() -> int | None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
        return work()

    _, status = os.waitpid(_fork(limited), 0)
    assert os.WIFEXITED(status), f"killed by signal {os.WTERMSIG(status)}"
    return os.WEXITSTATUS(status)


def moments(n: int, longest: float, seed: int = 0) -> list[float]:
    """Random times up to `longest` seconds."""
    rng = random.Random(seed)
    return [rng.uniform(0, longest) for _ in range(n)]


def visible(folder: Path) -> set[str]:
    """All that somebody sees who lists the folder and those in it."""
    found = (path.relative_to(folder) for path in folder.rglob("*"))
    return {path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts)}


def _forever(work: Callable[[int], object]) -> None:
    n = 0
    while True:
        work(n)
        n += 1


def _fork(work: Callable[[], int | None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        code = work() or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
