"""Byte pairs as reference units: a vocabulary learned from a text, cut as a language model would read it."""

from collections.abc import Callable, Iterable

import numpy as np

from hnet_core.errors import InputError


def byte_pair_units(vocabulary: int, path: str) -> Callable[[bytes], np.ndarray]:
    """A reference segmenter: tokens of a byte-level BPE with `vocabulary` entries, 256 of them the bytes.

    path  what it is learned from: text, JSON lines or FASTA, plain or compressed; the data that the models were
          trained on makes it their peer
    """
    from hnet_core.data.documents import read_documents
    from hnet_core.data.tokens import BpeTokenizer
    from hnet_core.suffixes import FASTA_SUFFIXES, suffix_of

    documents = read_documents([path], "dna" if suffix_of(path) in FASTA_SUFFIXES else "text")
    texts = (document.data.tobytes().decode("utf-8", "ignore") for document in documents)
    tokenizer = BpeTokenizer.train(texts, vocabulary)
    if tokenizer.vocab_size < vocabulary:
        raise InputError(
            f"{path}: holds pairs for {tokenizer.vocab_size} entries, asked for were {vocabulary}; ask for fewer, or "
            "give a longer text"
        )

    return _cut(tokenizer)


def learned_units(texts: Iterable[str], vocabulary: int) -> Callable[[bytes], np.ndarray]:
    """The same, learned from the texts; of fewer entries than `vocabulary` where they hold no more pairs."""
    from hnet_core.data.tokens import BpeTokenizer

    return _cut(BpeTokenizer.train(texts, vocabulary))


def _cut(tokenizer) -> Callable[[bytes], np.ndarray]:
    def cut(data: bytes) -> np.ndarray:
        sizes = tokenizer.lengths[tokenizer.encode(data)]
        return np.cumsum(sizes) - sizes

    return cut
