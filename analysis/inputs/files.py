"""Files that a person brings -> sequences, alike for the commands and the page."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from analysis.inputs.conllu import is_conllu, read_conllu
from analysis.inputs.folders import Budget, InputFile, LeftOut, input_files, printable
from analysis.inputs.json_lines import read_json_lines
from analysis.inputs.reading import guess_kind, read_input, unread_format
from analysis.inputs.sources import MAX_BYTES, Sequence, Source, is_packed_otherwise, read_bytes
from hnet_core.errors import InputError
from hnet_core.suffixes import JSONL_SUFFIXES, suffix_of

_CONTROLS = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_SEEN = 65536
"""Bytes of a file that are looked at."""


def read_file(
    source: Source,
    kind: Literal["auto", "text", "dna"] = "auto",
    name: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> list[Sequence]:
    """The documents of a treebank (.conllu), the texts of JSON lines (.jsonl, .ndjson) unless `kind` says otherwise,
    else what read_input takes. The suffixes are those of `name`, where there is one."""
    shown = name or ("" if isinstance(source, bytes) else source)
    if is_conllu(shown):
        return [text.sequence for text in read_conllu(source, name, max_bytes)]
    if kind == "auto" and suffix_of(shown) in JSONL_SUFFIXES:
        return read_json_lines(source, name, max_bytes)
    return read_input(source, kind, name, max_bytes)


def read_sequences(
    paths: Iterable[str], kind: str, max_bytes: int, told: Callable[[str], None] = lambda _: None
) -> list[Sequence]:
    """The sequences of all files that paths stand for (folders and archives: see input_files), each with its file.

    max_bytes  of all files together, decompressed
    told       called with a sentence about what folders and archives hold that is not read
    """
    budget, left_out = Budget(max_bytes), LeftOut()
    sequences = sequences_of(input_files(paths, budget, left_out), kind, budget, left_out)
    if str(left_out):
        told(str(left_out))
    return sequences


def sequences_of(files: Iterable[InputFile], kind: str, budget: Budget, left_out: LeftOut) -> list[Sequence]:
    """The sequences of files, all of different names. What is named by itself has to be readable; of what was found in
    folders and archives, files that hold no text and no DNA are left out."""
    read = []
    for file in files:
        with budget.told(file.label):
            found = (
                _read_found(file, kind, budget, left_out) if file.found else _read_named(file, kind, budget)
            )
        read += [replace(each, file=file.label) for each in found]
    if not read:
        raise InputError(f"there is no input that can be read; {left_out or 'give a file'}")
    return _told_apart(read)


def _read_named(file: InputFile, kind: str, budget: Budget) -> list[Sequence]:
    found = read_file(file.source, kind, max_bytes=budget.left)
    budget.spend(sum(len(each.data) for each in found))
    return found


def _read_found(file: InputFile, kind: str, budget: Budget, left_out: LeftOut) -> list[Sequence]:
    """None where the file is left out."""
    raw = file.source if isinstance(file.source, bytes) else _start(file.source)
    why = "empty" if not raw else _NOT_OPENED if is_packed_otherwise(raw) else ""
    if not why:
        in_memory = len(raw) if isinstance(file.source, bytes) else 0
        data = read_bytes(file.source, file.label, budget.left + in_memory)
        budget.spend(len(data) - in_memory)
        why = why_not_read(data, kind, file.name)
    if why:
        left_out.add(why, file.label)
        return []
    try:
        return read_file(data, kind, file.name, len(data) or 1)
    except InputError as err:
        raise InputError(f"{file.label}: {str(err).removeprefix(f'{file.name}: ')}") from err


_NOT_OPENED = "packed (archives inside others, and other packers, are not opened)"


def why_not_read(data: bytes, kind: str, name: str) -> str:
    """What a file that was found and is left out is; "" for one that is read."""
    form = unread_format(data)
    if (
        is_packed_otherwise(data)
        or data.startswith((b"\x1f\x8b", b"\xfd7zXZ\x00"))
        or form == "a tar archive"
    ):
        return _NOT_OPENED
    if form and kind != "text":
        return f"in formats of sequences that are not read, such as {form}"
    if _is_binary(data[:_SEEN]):
        return "binary"
    if kind == "dna" and guess_kind(data, name) != "dna":
        return "neither FASTA nor GenBank"
    return ""


def _is_binary(start: bytes) -> bool:
    """Zero bytes, or controls in what is not UTF-8. A text in an old encoding has neither."""
    if b"\0" in start:
        return True
    try:
        start[: _SEEN - 4].decode("utf-8")
    except UnicodeDecodeError as err:
        return err.end < len(start) - 4 and bool(_CONTROLS.search(start))
    return False


def _start(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(512)
    except OSError as err:
        raise InputError(f"{printable(str(path))}: cannot be read ({err.strerror}); check the path") from err


def _told_apart(sequences: list[Sequence]) -> list[Sequence]:
    """Names that are in several files get their file before them; a text is then called as its file."""
    counts = Counter(each.name for each in sequences)
    named, seen = [], {}
    for each in sequences:
        if counts[each.name] > 1 and each.file:
            base = each.file.rsplit("/", 1)[-1]
            own = each.name.startswith(base)
            each = replace(
                each, name=each.file + each.name.removeprefix(base) if own else f"{each.file}:{each.name}"
            )
        if each.name in seen:
            raise InputError(
                f"{each.name!r} is in {seen[each.name]} and in {each.file}; give every input once"
            )
        seen[each.name] = each.file
        named.append(each)
    return named
