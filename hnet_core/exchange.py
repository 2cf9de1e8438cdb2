"""A new folder takes the place of an old one, so that at every moment one of the two is there."""

import ctypes
import os
import shutil
from pathlib import Path

_HERE, _EXCHANGE = -100, 2
"""Of Linux's renameat2: paths as they are given; both change their names in one step."""


def put_in_place(made: Path, folder: Path) -> None:
    """Rename `made` to `folder`; what was there is removed. A process that is killed meanwhile leaves one or the other.

    Where the system cannot exchange two names in one step, the old folder steps aside first, and back where that fails.
    """
    if not folder.exists():
        os.replace(made, folder)
    elif _exchanged(made, folder):
        shutil.rmtree(made, ignore_errors=True)
    else:
        _step_aside(made, folder)


def _exchanged(a: Path, b: Path) -> bool:
    """Whether both have each other's name now."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError):
        return False
    return rename(_HERE, os.fsencode(a), _HERE, os.fsencode(b), _EXCHANGE) == 0


def _step_aside(made: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    shutil.rmtree(old, ignore_errors=True)
    os.replace(folder, old)
    try:
        os.replace(made, folder)
    except BaseException:
        os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
