"""What a .pt file would cost to read, from its opcodes alone: nothing is built.

A few bytes of a pickle can stand for billions of objects (a pair of pairs of pairs ..., each the same one twice), and a
few kilobytes of a zip archive for gigabytes. Both are found before anything is read.
"""

import pickletools
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from hnet_core.errors import CheckpointError

MOST_OBJECTS = 20_000_000
"""Objects of a pickle, those that stand in several places counted in each."""
DEEPEST = 1000
"""Objects inside each other: the interpreter goes down through all of them on the processor's stack."""
_LEGACY_PICKLES = 5
_MARK = pickletools.markobject
_PUT = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
_GET = ("GET", "BINGET", "LONG_BINGET")

Cost = tuple[int, int]
"""Objects, and how deep they lie in each other."""


def check_bounds(path: Path) -> None:
    """CheckpointError for a .pt file that stands for more than any checkpoint holds. ValueError, or what else the
    standard library raises, for one that is damaged."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive.infolist())
            for name in archive.namelist():
                if name.endswith("/data.pkl"):
                    with archive.open(name) as stream:
                        _check_pickle(path, stream)
        return
    with path.open("rb") as stream:
        for _ in range(_LEGACY_PICKLES):
            _check_pickle(path, stream)


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [each.filename for each in members]
    packed = any(each.compress_type != zipfile.ZIP_STORED for each in members)
    if (
        packed
        or len(set(names)) < len(names)
        or sum(each.file_size for each in members) > path.stat().st_size
    ):
        raise CheckpointError(
            f"{path}: is no archive as torch.save writes it (packed, or a name in it twice); save its state dict anew"
        )


def _check_pickle(path: Path, stream: BinaryIO) -> None:
    stack: list[Any] = []
    memo: dict[int, Cost] = {}
    for opcode, argument, _ in pickletools.genops(stream):
        popped = _popped(opcode, stack)
        if opcode.name in _PUT:
            memo[len(memo) if opcode.name == "MEMOIZE" else argument] = stack[-1]
            continue
        if opcode.name in _GET:
            stack.append(memo[argument])
            continue
        cost = 1 + sum(n for n, _ in popped), 1 + max((deep for _, deep in popped), default=0)
        if cost[0] > MOST_OBJECTS or cost[1] > DEEPEST:
            raise CheckpointError(
                f"{path}: refused, nothing was run: its pickle stands for more than {MOST_OBJECTS:,} objects, or for "
                f"more than {DEEPEST:,} inside each other, which no checkpoint holds; save its state dict alone"
            )
        stack += [_MARK if each is _MARK else cost for each in opcode.stack_after]


def _popped(opcode: pickletools.OpcodeInfo, stack: list[Any]) -> list[Cost]:
    """Take from the stack what the opcode takes."""
    before, popped = opcode.stack_before, []
    if opcode.name in _PUT:
        return popped
    n = len(before)
    if _MARK in before or (opcode.name == "POP" and stack and stack[-1] is _MARK):
        while (top := stack.pop()) is not _MARK:
            popped.append(top)
        n = before.index(_MARK) if _MARK in before else 0
    if n > len(stack):
        raise ValueError("the pickle takes what is not there")
    popped += [each for each in stack[len(stack) - n :] if each is not _MARK]
    del stack[len(stack) - n :]
    return popped
