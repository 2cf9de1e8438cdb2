"""Paths that a person names -> the files they stand for: of a folder all in it, of an archive its members."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from analysis.inputs.archives import MAX_MEMBERS, archive_kind, is_hidden, members
from analysis.inputs.sources import TooLarge, size_text
from hnet_core.errors import InputError

_NAMED = 3
"""Names of files that a sentence about several gives."""


@dataclass(frozen=True)
class InputFile:
    """One file to be read.

    label   what tables and messages call it: the path as it was given, with the way inside a folder or an archive
    source  where it is, or its bytes
    found   in a folder or an archive, and not named by itself
    """

    label: str
    source: Path | bytes
    found: bool

    @property
    def name(self) -> str:
        """Its name without the folders it is in."""
        return self.label.rsplit("/", 1)[-1]


class Budget:
    """Bytes that all inputs of a call may take together, decompressed."""

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit

    def spend(self, n_bytes: int) -> None:
        self.left = max(self.left - n_bytes, 0)

    @contextmanager
    def told(self, label: str) -> Iterator[None]:
        """Says of an input that is too large where it is so beside the others alone."""
        try:
            yield
        except TooLarge as err:
            if self.left == self.limit:
                raise
            raise TooLarge(
                f"{label}: with it the inputs are more than the limit of {size_text(self.limit)} in all; give fewer"
            ) from err


class LeftOut:
    """What folders and archives hold that is not read: why -> which."""

    def __init__(self) -> None:
        self._why: dict[str, list[str]] = {}

    def add(self, why: str, label: str) -> None:
        self._why.setdefault(why, []).append(label)

    def __str__(self) -> str:
        """One sentence; "" where there is nothing to say."""
        parts = []
        for why, labels in self._why.items():
            more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
            parts.append(f"{len(labels)} {why} ({', '.join(labels[:_NAMED])}{more})")
        return f"left out: {'; '.join(parts)}" if parts else ""


def input_files(paths: Iterable[str], budget: Budget, left_out: LeftOut) -> list[InputFile]:
    """The files that paths stand for, in the order of the paths; those of a folder or an archive sorted by name.

    Hidden files and folders, links to folders and what is no plain file are left out. Archives in archives stay shut.
    Raises InputError for a path that is given twice, and for archives that cannot be read.
    """
    seen: dict[str, str] = {}
    found: list[InputFile] = []
    for given in paths:
        inside = Path(given).is_dir() if "\0" not in given else False
        for path in _walk(given, left_out) if inside else [given]:
            label, place = printable(path), os.path.realpath(path) if "\0" not in path else path
            if place in seen and inside:
                left_out.add("given already", label)
                continue
            if place in seen:
                other = "" if seen[place] == label else f", as {seen[place]} too"
                raise InputError(f"{label}: is given twice{other}; give every input once")
            seen[place] = label
            found += _opened(path, label, inside, budget, left_out)
            if len(found) > MAX_MEMBERS:
                raise InputError(
                    f"{printable(given)}: holds more than {MAX_MEMBERS} files; give a part of it"
                )
    return found


def printable(text: str) -> str:
    """A name as one line of valid Unicode, whatever the file is called."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _walk(folder: str, left_out: LeftOut) -> list[str]:
    """Paths of the plain files in a folder and the folders in it, sorted by their parts."""
    found = []
    for top, folders, files in os.walk(folder, onerror=_raised):
        here = Path(top)
        for name in [*folders, *files]:
            path, is_folder = str(here / name), name in folders
            if is_hidden(name):
                left_out.add("hidden", printable(path))
            elif is_folder and os.path.islink(path):
                left_out.add("links to folders", printable(path))
            elif not is_folder and not _is_plain(path):
                left_out.add("no plain files", printable(path))
            elif not is_folder:
                found.append(path)
        folders[:] = [name for name in folders if not is_hidden(name)]
    return sorted(found, key=lambda path: path.split("/"))


def _raised(err: OSError) -> None:
    raise InputError(
        f"{printable(str(err.filename))}: cannot be read ({err.strerror}); check the folder"
    ) from err


def _is_plain(path: str) -> bool:
    """A pipe would be waited for, a device never ends, a link may lead nowhere."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _opened(path: str, label: str, inside: bool, budget: Budget, left_out: LeftOut) -> list[InputFile]:
    kind = archive_kind(Path(path)) if _is_plain(path) else ""
    if not kind:
        return [InputFile(label, Path(path), inside)]
    found: dict[str, InputFile] = {}
    with budget.told(label):
        for member in members(Path(path), kind, label, budget.left):
            name = f"{label}/{printable(member.name).removeprefix('./')}"
            if member.data is None:
                left_out.add("hidden" if is_hidden(member.name) else "no plain files", name)
                continue
            if name in found:
                raise InputError(f"{name}: is in the archive twice; keep one of them")
            found[name] = InputFile(name, member.data, True)
    budget.spend(sum(len(each.source) for each in found.values()))
    return [found[name] for name in sorted(found, key=lambda name: name.split("/"))]
