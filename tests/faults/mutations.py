"""Damage to files, drawn at random: bytes, lines and columns of any file; values and keys of JSON."""

import json
import random
import re
from collections.abc import Sequence
from typing import Any

NUMBERS = (b"-1", b"0", b"1", b"007", b"1e3", b"nan", b"inf", b"0x10", b"2147483648", b"9223372036854775807")
NUMBERS += (b"9223372036854775808", b"18446744073709551616", b"9" * 400, b"9" * 5000, b"1.5", b"")
NUMBERS += ("²".encode(), "٣".encode(), "½".encode(), "１".encode())
"""What stands in the place of numbers: none, too large for a word, digits that are no numbers."""
PIECES = (
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\r",
    b"\r\n",
    b"\n",
    b"\t",
    b" ",
    b"\x0b",
)
PIECES += (
    b"\x1c",
    "\u2028".encode(),
    b"%",
    b"%00",
    b"%ZZ",
    b";",
    b"=",
    b",",
    b'"',
    b"'",
    b"\\",
    b"\\u",
    b"|",
    b"#",
)
PIECES += (b">", b"/", b"..", b"(", b")", b"<", b"complement(", b"join(", b"order(", b"A" * 3000, b"(" * 2000)
PIECES += (b"[" * 3000, b"{}", b"[]", b"null", b"=1+1", b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK\x03\x04")
ODD = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64,
    10**400,
    1.5,
    1e308,
    float("nan"),
    float("inf"),
    -float("inf"),
)
ODD += (
    "",
    " ",
    "a",
    "\x00",
    "\ud800",
    "a\nb",
    "/",
    "../x",
    "x" * 2000,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"a": 1},
    {"": None},
)
ODD += (
    ["a", "b"],
    [1, 2, 3],
    [1.5],
    [True],
    "nan",
    "1",
    "-1",
    "１",
    [2**70],
    [-1],
    [[1]],
    [["m1"]],
    [[["T1"]]],
)
"""Values of JSON where others are expected."""


def damaged(data: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """The data after one to four changes; pieces of `others` may be put in."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_CHANGES)(data, rng, others)
    return data


def damaged_json(value: Any, rng: random.Random) -> Any:
    """A JSON value after one or two changes: another value, a key lost, renamed or new, a list longer or shorter."""
    for _ in range(rng.choice((1, 1, 2))):
        value = _changed(value, rng)
    return value


def as_json(value: Any) -> bytes:
    """The value as a file; numbers beyond JSON (NaN) are written as Python writes them."""
    return json.dumps(value).encode()


def _place(data: bytes, rng: random.Random, most: int = 40) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randrange(most))


def _flip(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _cut(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _place(data, rng, rng.choice((2, 20, 400)))
    return data[:start] + data[end:]


def _truncate(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _insert(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(PIECES) + data[at:]


def _repeat(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _place(data, rng, 200)
    return data[:start] + data[start:end] * rng.choice((2, 2, 2, 30)) + data[end:]


def _splice(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others) if others else data
    start, end = _place(other, rng, 200)
    at = rng.randrange(len(data) + 1)
    return data[:at] + other[start:end] + data[at:]


def _renumber(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return data + rng.choice(NUMBERS)
    one = rng.choice(found)
    return data[: one.start()] + rng.choice(NUMBERS) + data[one.end() :]


def _line(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """One line elsewhere, twice, or not at all."""
    lines = data.split(b"\n")
    one = lines.pop(rng.randrange(len(lines)))
    for _ in range(rng.randrange(3)):
        lines.insert(rng.randrange(len(lines) + 1), one)
    return b"\n".join(lines)


def _column(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """One column of one line gone, twice, empty or odd."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    columns = re.split(rb"(?<=[\t;=, ])", lines[at])
    place = rng.randrange(len(columns))
    end = columns[place][-1:] if columns[place][-1:] in b"\t;=, " else b""
    odd = rng.choice((b"", columns[place] * 2, rng.choice(NUMBERS) + end, rng.choice(PIECES) + end, end))
    lines[at] = b"".join((*columns[:place], odd, *columns[place + 1 :]))
    return b"\n".join(lines)


_CHANGES = (_flip, _cut, _truncate, _insert, _repeat, _splice, _renumber, _renumber, _line, _column, _column)


def _changed(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.85:
        value, key = dict(value), rng.choice(list(value))
        act = rng.random()
        if act < 0.08:
            del value[key]
        elif act < 0.14:
            value[rng.choice(("", key + "x", "\ud800", "name", "__class__"))] = value.pop(key)
        else:
            value[key] = _changed(value[key], rng)
        return value
    if isinstance(value, list) and value and rng.random() < 0.85:
        value, at = list(value), rng.randrange(len(value))
        act = rng.random()
        if act < 0.15:
            del value[at]
        elif act < 0.3:
            value.insert(at, rng.choice((*ODD, value[at])))
        else:
            value[at] = _changed(value[at], rng)
        return value
    if isinstance(value, int) and rng.random() < 0.3:
        return value + rng.choice((-1, 1, -value, value, 10**6, 10**12))
    return rng.choice(ODD)
