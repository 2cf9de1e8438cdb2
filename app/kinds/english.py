"""Whether a text in Latin letters is English, by its most frequent small words."""

import re

_WORD = re.compile(r"[^\W\d_]+")
_OF_ENGLISH = """
the of and to in a is that it was for on with he his be as i you not by at this but had are have from or her she they
we an were which their has been my there would what will if so all no when who said can do more me him them its your
our up out one than into then could
"""
_OF_OTHERS = """
der die das und ist nicht ein eine zu den dem des mit von sich auf für ich sie wir het een van dat niet op zijn och att
det som en är på av ikke og jeg til le la les et est un une dans que qui pour pas il elle nous el los las del por una
con para como más o os da di che non per sono lo gli è não uma em se au du de y este și ad sit dolor ja ei hän oli että
nie na się jest z w že je ve bir bu için çok az egy és nem hogy yang dan itu ini
"""
"""Of German, Dutch, the Scandinavian and Romance languages, Latin, Finnish, Polish, Czech, Turkish, Hungarian,
Indonesian."""
_ENGLISH, _OTHERS = frozenset(_OF_ENGLISH.split()), frozenset(_OF_OTHERS.split())
_FEW = 20
"""Words; of fewer no share can be told."""
_SHARE = 0.12
"""Of the words of English prose about half are among these; of other languages a few by chance."""


def is_english(text: str) -> bool:
    """True unless its small words are those of another language, or, of a longer text, no English ones."""
    words = [word.lower() for word in _WORD.findall(text)]
    english = sum(word in _ENGLISH for word in words)
    if sum(word in _OTHERS for word in words) > english:
        return False
    return len(words) < _FEW or english >= _SHARE * len(words)
