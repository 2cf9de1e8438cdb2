"""Files that a person brings -> sequences, alike for the commands and the page."""

from pathlib import Path
from typing import Literal

from analysis.gold import is_conllu, read_conllu
from analysis.inputs import read_input
from analysis.json_lines import read_json_lines
from analysis.sources import MAX_BYTES, Sequence
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
