"""Files that a person brings -> sequences, alike for the commands and the page."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from analysis.inputs.conllu import is_conllu, read_conllu
from analysis.inputs.json_lines import read_json_lines
from analysis.inputs.reading import read_input
from analysis.inputs.sources import MAX_BYTES, Sequence, source_name
from hnet_core.errors import InputError
from hnet_core.suffixes import JSONL_SUFFIXES, suffix_of


def read_file(
    path: str | Path,
    kind: Literal["auto", "text", "dna"] = "auto",
    name: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> list[Sequence]:
    """The documents of a treebank (.conllu), the texts of JSON lines (.jsonl, .ndjson) unless `kind` says otherwise,
    else what read_input takes. The suffixes are those of `name`, where there is one."""
    shown = name or path
    if is_conllu(shown):
        return [text.sequence for text in read_conllu(path, name, max_bytes)]
    if kind == "auto" and suffix_of(shown) in JSONL_SUFFIXES:
        return read_json_lines(path, name, max_bytes)
    return read_input(path, kind, name, max_bytes)


def read_sequences(paths: Iterable[str], kind: str, max_bytes: int) -> list[Sequence]:
    """The sequences of all files. Texts of the same file name are told apart by their paths."""
    read = [(path, sequence) for path in paths for sequence in read_file(path, kind, max_bytes=max_bytes)]
    counts = Counter(sequence.name for _, sequence in read)
    sequences, seen = [], {}
    for path, sequence in read:
        if sequence.kind == "text" and counts[sequence.name] > 1:
            sequence = replace(sequence, name=source_name(path, path, ""))
        if sequence.name in seen:
            raise InputError(
                f"{sequence.name!r} is in {seen[sequence.name]} and in {path}; give every input once"
            )
        seen[sequence.name] = path
        sequences.append(sequence)
    return sequences
