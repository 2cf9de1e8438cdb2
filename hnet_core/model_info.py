"""model.json, what is known of a model: its keys, their types, and how it is read."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hnet_core.errors import CheckpointError
from hnet_core.json_text import parsed

INFO = "model.json"
TOKENIZER = "tokenizer.json"
"""Beside it in the folder of a model that reads tokens, not bytes."""


def read_info(folder: Path) -> dict[str, Any]:
    """The content of model.json; a folder without one gives just its name.

    Raises CheckpointError with the key for a value of another type than KEYS says; other keys are passed on.
    """
    path = folder / INFO
    if not path.exists():
        return {"name": folder.name}
    try:
        # From bytes, which may begin with a byte order mark.
        info = parsed(path.read_bytes())
    except (OSError, ValueError) as err:
        raise CheckpointError(f"{path}: cannot be read as JSON ({err}); mend or remove it") from err
    if not isinstance(info, dict):
        raise CheckpointError(f"{path}: holds a {type(info).__name__}, must hold an object")
    for key, value in info.items():
        wanted, fits = KEYS.get(key, ("", None))
        if fits and not fits(value) and (value is not None or key in REQUIRED):
            raise CheckpointError(f"{path}: {key} is {_shown(value)}, must be {wanted}; mend or remove it")
    return {"name": folder.name, **info}


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:60] + "..."


def _text(value: Any) -> bool:
    """Text that can be written: half of a surrogate pair cannot."""
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _words(value: Any) -> bool:
    return _text(value) and bool(value.strip())


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not _flag(value) and 0 <= value < 2**63


def _positive(value: Any) -> bool:
    return _whole(value) and value > 0


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not _flag(value)


def _list_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _shares(value: Any) -> bool:
    return isinstance(value, dict) and all(_text(name) and _number(share) for name, share in value.items())


def _goal(value: Any) -> bool:
    return isinstance(value, dict) and _has(value, {"goal": _text, "reached": _text, "met": _flag})


def _tests(value: Any) -> bool:
    kinds = {
        "name": _text,
        "data": _text,
        "n_bytes": _whole,
        "bits_per_byte": _number,
        "bytes_per_chunk": _list_of(_number),
        "boundary_shares": _shares,
    }
    return _list_of(lambda test: isinstance(test, dict) and _has(test, kinds))(value)


def _has(value: Mapping[str, Any], kinds: Mapping[str, Callable[[Any], bool]]) -> bool:
    """Whether those of the keys that are there have their kind."""
    return all(value[key] is None or fits(value[key]) for key, fits in kinds.items() if key in value)


_NUMBERS = ("a list of numbers", _list_of(_number))

KEYS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "name": ("text that is not empty", _words),
    **dict.fromkeys(("title", "domain", "note", "date", "licence", "learned", "weights"), ("text", _text)),
    **dict.fromkeys(("data_fingerprint", "code_version", "tokenizer"), ("text", _text)),
    **dict.fromkeys(("n_stages", "n_parameters", "bytes_seen"), ("a whole number from 0", _whole)),
    **dict.fromkeys(("seed", "data_seed"), ("a whole number from 0", _whole)),
    "row_bytes": ("a whole number from 1", _positive),
    "bos": ("true or false", _flag),
    "bits_per_byte": ("a number", _number),
    "bytes_per_chunk": _NUMBERS,
    "target": _NUMBERS,
    "data": ("a list of texts", _list_of(_text)),
    "boundary_shares": ("an object of numbers", _shares),
    "goal": ('an object of the texts "goal" and "reached" and the flag "met"', _goal),
    "tests": ('a list of objects, each with the text "name" and the number "bits_per_byte"', _tests),
}
"""Key -> what its value is in words, and whether a value is so. All may be missing; all but REQUIRED may be null."""
REQUIRED = ("name", "bos", "row_bytes")
