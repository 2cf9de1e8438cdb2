"""Units of text by the rules of Unicode: words and sentences (UAX 29), code points, white space.

Each takes bytes and gives the rising byte offsets at which units start. Bytes that are not UTF-8 are characters of
their own.
"""

import numpy as np
import regex

_PARAGRAPH = r"(?:\r\n|[\r\n\x85\u2028\u2029])"
_TAIL = r"[\p{SB=EX}\p{SB=FO}]*+"  # rule SB5: marks and format characters belong to what they follow
_LETTER = r"[\p{SB=UP}\p{SB=LO}]"
_FULL_STOPS = r"\p{SB=ST}\p{SB=AT}"


def _sentence_end() -> regex.Pattern:
    """What a sentence ends with: rules SB3 to SB11 of UAX 29 in one pattern."""
    closing = rf"(?:\p{{SB=CL}}{_TAIL})*+(?:\p{{SB=SP}}{_TAIL})*+"
    then_lower = rf"[^\p{{SB=LE}}{_LETTER[1:-1]}\r\n\x85\u2028\u2029{_FULL_STOPS}]*+\p{{SB=LO}}"
    after_letter = rf"(?<={_LETTER}[\p{{SB=EX}}\p{{SB=FO}}]*)\p{{SB=AT}}{_TAIL}(?!\p{{SB=UP}})"  # SB7: "U.S"
    elsewhere = rf"(?<!{_LETTER}[\p{{SB=EX}}\p{{SB=FO}}]*)\p{{SB=AT}}{_TAIL}"
    # SB6: "3.4"; SB8: "etc. and".
    dot = rf"(?:{after_letter}|{elsewhere})(?!\p{{SB=NU}})(?!{closing}(?!{_PARAGRAPH}){then_lower})"
    stop = rf"(?:\p{{SB=ST}}{_TAIL}|{dot}){closing}"
    return regex.compile(rf"{_PARAGRAPH}|{stop}(?:{_PARAGRAPH}|(?![\p{{SB=SC}}{_FULL_STOPS}]))")


def words(data: bytes) -> np.ndarray:
    """Every unit between two word boundaries, spaces and signs included."""
    text = _decoded(data)
    at = np.array([match.start() for match in regex.finditer(r"(?w)\b", text)], np.int64)
    return _byte_offsets(text)[at[at < len(text)]]


def sentences(data: bytes) -> np.ndarray:
    """Sentences, each with the white space behind it."""
    text = _decoded(data)
    ends = [match.end() for match in _sentence_end().finditer(text)]
    at = np.array([0, *ends], np.int64)
    return _byte_offsets(text)[at[at < len(text)]]


def characters(data: bytes) -> np.ndarray:
    """Code points."""
    return _byte_offsets(_decoded(data))


def spaces(data: bytes) -> np.ndarray:
    """Runs of white space, each with what follows it up to the next."""
    text = _decoded(data)
    at = np.array([0, *(match.start() for match in regex.finditer(r"\s+", text))], np.int64)
    return _byte_offsets(text)[at[at < len(text)]]


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _byte_offsets(text: str) -> np.ndarray:
    """(characters,) where each starts in bytes."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    escaped = (codes >= 0xDC80) & (codes <= 0xDCFF)
    size = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
    size[escaped] = 1
    return np.concatenate([[0], np.cumsum(size)])[: len(codes)].astype(np.int64)
