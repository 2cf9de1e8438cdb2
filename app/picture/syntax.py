"""Syntax colours of source code, one class a byte, for the text under the ribbons."""

import time
from functools import cache

import numpy as np
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType

from app.kinds.domain import guess_domain, guess_language

LARGEST = 300_000
"""Bytes; longer source is shown in one colour."""
SECONDS = 0.5
"""After which a source is shown in one colour: some lexers take the square of its length on text made for that."""
KEYWORD, STRING, COMMENT, NUMBER, NAME = 1, 2, 3, 4, 5
"""Classes; 0 is everything else. NAME is what a source defines: functions and classes."""
_CLASSES = (
    (Comment.Preproc, 0),  # the lines of C that begin with #
    (Comment, COMMENT),
    (Keyword, KEYWORD),
    (Name.Function, NAME),
    (Name.Class, NAME),
    (String, STRING),
    (Number, NUMBER),
)
_LEXERS = {"C++": "cpp", "C#": "csharp", "CSS": "scss", "shell": "bash"}
"""Languages that Pygments calls something else."""


def syntax(data: bytes, name: str) -> np.ndarray | None:
    """(len(data),) uint8 classes of what looks like source in a language that is known; else None."""
    if len(data) > LARGEST or guess_domain(data, name) != "code":
        return None
    language = guess_language(data, name)
    if not language:
        return None
    try:
        return classes(data.decode("utf-8"), language)
    except UnicodeDecodeError:
        return None


def classes(text: str, language: str, seconds: float = SECONDS) -> np.ndarray | None:
    """(bytes of text,) uint8; None where it takes more than `seconds` of this process."""
    offset = np.cumsum([0, *(len(character.encode()) for character in text)])
    out, end = np.zeros(offset[-1], np.uint8), time.process_time() + seconds
    for start, token, value in _lexer(language).get_tokens_unprocessed(text):
        kind = _class(token)
        if kind:
            out[offset[start] : offset[start + len(value)]] = kind
        if time.process_time() > end:
            return None
    return out


@cache
def _lexer(language: str) -> Lexer:
    return get_lexer_by_name(_LEXERS.get(language, language.lower()))


@cache
def _class(token: _TokenType) -> int:
    return next((kind for parent, kind in _CLASSES if token in parent), 0)
