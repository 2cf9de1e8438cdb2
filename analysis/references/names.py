"""Reference segmenters: rules and other models' units, wherever a model can be named, as "ref:KIND[:ARGUMENT...]"."""

import os
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from analysis.references import python_source
from analysis.references import text as text_segmenters
from analysis.references.units import Cut, Segmenter
from hnet_core.errors import InputError

PREFIX = "ref:"
"""What a name of a reference segmenter starts with, and a name of a model does not."""


def is_reference(name: str) -> bool:
    """Whether this names a reference segmenter and not a model."""
    return name.startswith(PREFIX)


def segmenter(name: str) -> Segmenter:
    """The reference segmenter of that name; InputError that lists the kinds or says how the kind is called."""
    kind, *arguments = name.removeprefix(PREFIX).split(":")
    if kind not in KINDS:
        near = get_close_matches(kind, KINDS, n=1)
        hint = f"did you mean {PREFIX}{near[0]}? " if near else ""
        raise InputError(f"no reference segmenter {name!r}: {hint}there are {', '.join(usages())}")
    usage, title, make = KINDS[kind]
    try:
        cut = make(*arguments)
    except (TypeError, ValueError) as err:
        raise InputError(f"{name!r}: its arguments are wrong; give {PREFIX}{usage}: {title}") from err
    return Segmenter(name, title, cut)


def usages() -> list[str]:
    """How each kind is called."""
    return [PREFIX + usage for usage, _, _ in KINDS.values()]


def _plain(cut: Cut) -> Callable[[], Cut]:
    return lambda: cut


def _fixed(width: str) -> Cut:
    n = _whole(width, 1)
    return lambda data: np.arange(0, len(data), n)


def _codons(frame: str = "0", *files: str) -> Cut:
    if files or not frame.isdigit():
        from analysis.references.codons import annotated_codons

        return annotated_codons(*_two_files([frame, *files]))
    first = _whole(frame, 0, 2)
    return lambda data: np.arange(first, len(data), 3)


def _two_files(parts: list[str]) -> tuple[str, ...]:
    """A:B as files A and B, or one; where names hold colons themselves, as those that are there."""
    whole = ":".join(parts)
    splits = [(":".join(parts[:i]), ":".join(parts[i:])) for i in range(1, len(parts))]
    if not splits or Path(whole).is_file():
        return (whole,)
    return next((two for two in splits if all(map(os.path.exists, two))), splits[-1])


def _kmers(size: str) -> Cut:
    k = _whole(size, 1)

    def cut(data: bytes) -> np.ndarray:
        """Words of k bases from the left; anything but A, C, G, T is a unit by itself, behind which they begin anew."""
        base = np.isin(np.frombuffer(data.upper(), np.uint8), list(b"ACGTU"))
        at = np.arange(len(data))
        run = np.maximum.accumulate(np.where(np.append(True, ~base[:-1])[: len(at)], at, 0))
        return np.flatnonzero(((at - run) % k == 0) | ~base)

    return cut


def _random(rate: str, seed: str = "0") -> Cut:
    share, number = float(rate), _whole(seed, 0)
    if not 0 < share < 1:
        raise ValueError
    return lambda data: np.flatnonzero(np.random.default_rng([number, len(data)]).random(len(data)) < share)


def _bpe(size: str, *path: str) -> Cut:
    from analysis.references.byte_pairs import byte_pair_units

    return byte_pair_units(_whole(size, 257), _named(path))


def _tokenizer(*name: str) -> Cut:
    from analysis.references.tokenizer_files import tokenizer_units

    return tokenizer_units(_named(name))


def _tree_sitter(language: str, kind: str = "tokens") -> Cut:
    from analysis.references.syntax_trees import tree_units

    return tree_units(language, kind)


def _gold(*path: str) -> Cut:
    from analysis.references.gold import gold_units

    return gold_units(_named(path))


def _named(parts: tuple[str, ...]) -> str:
    """The name that was taken apart at its colons."""
    if not any(parts):
        raise ValueError
    return ":".join(parts)


def _spikes(kind: str) -> Callable[..., Cut]:
    def make(*argument: str) -> Cut:
        from analysis.references.spikes import spike_units

        model, last = _named(argument), argument[-1]
        if len(argument) > 1 and not Path(model).is_dir() and _is_number(last):
            return spike_units(_named(argument[:-1]), kind, float(last))
        return spike_units(model, kind, None)

    return make


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _whole(text: str, low: int, high: int = 2**31) -> int:
    number = int(text)
    if not low <= number <= high:
        raise ValueError
    return number


KINDS: dict[str, tuple[str, str, Callable[..., Cut]]] = {
    "words": ("words", "Unicode words, spaces and signs (UAX 29)", _plain(text_segmenters.words)),
    "spaces": ("spaces", "a unit starts at white space", _plain(text_segmenters.spaces)),
    "sentences": ("sentences", "Unicode sentences (UAX 29)", _plain(text_segmenters.sentences)),
    "characters": ("characters", "Unicode code points", _plain(text_segmenters.characters)),
    "gold": ("gold:FILE.conllu", "words of a treebank, over its own texts", _gold),
    "python-tokens": ("python-tokens", "tokens of Python", _plain(python_source.tokens)),
    "python-nodes": ("python-nodes", "starts of Python syntax nodes", _plain(python_source.nodes)),
    "python-statements": (
        "python-statements",
        "starts of Python statements",
        _plain(python_source.statements),
    ),
    "bpe": ("bpe:VOCABULARY:FILE", "byte pairs learned from FILE", _bpe),
    "tokenizer": (
        "tokenizer:tokenizer.json|:FILE.tiktoken[:PATTERN]|:cl100k_base|:o200k_base",
        "tokens of a published tokenizer",
        _tokenizer,
    ),
    "tree-sitter": (
        "tree-sitter:LANGUAGE[:tokens|:nodes]",
        "tokens of source in any language, or starts of its syntax nodes",
        _tree_sitter,
    ),
    "codons": (
        "codons[:FRAME|:FILE.gb|:FILE.gff3:FILE.fa]",
        "codons of each record in frame 0, 1 or 2, or of the genes of an annotation",
        _codons,
    ),
    "fixed": ("fixed:WIDTH", "units of WIDTH bytes", _fixed),
    "kmers": ("kmers:K", "words of K bases, anew behind every other letter", _kmers),
    "random": ("random:RATE[:SEED]", "random places", _random),
    "entropy": ("entropy:MODEL[:RATE]", "where MODEL is least sure of the byte to come", _spikes("entropy")),
    "surprisal": ("surprisal:MODEL[:RATE]", "where a byte surprises MODEL most", _spikes("surprisal")),
}
"""Kind -> how it is called, what it is, and what makes it from its arguments."""
