"""What a model reads: bytes, or the tokens of a byte-level BPE whose vocabulary was trained on the same data."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from hnet_core.data.corpus import Corpus
from hnet_core.data.packing import PackedRows
from hnet_core.data.tokenizer_errors import value_errors
from hnet_core.encoding import VOCAB_SIZE
from hnet_core.errors import CheckpointError
from hnet_core.model_info import TOKENIZER

_STRAY = re.compile("([\udc80-\udcff]+)")


class Bytes:
    """Every byte is its own id. Stands where a tokenizer may stand."""

    added_stages = 0
    """Stages of chunks that reading by tokens adds around the model's own."""

    def encode(self, data: bytes) -> np.ndarray:
        """(n,) ids"""
        return np.frombuffer(data, dtype=np.uint8)

    def rows(self, packs: Sequence[PackedRows]) -> tuple[Sequence[PackedRows], float]:
        """Packed rows of bytes as packed rows of ids, and predicted ids over the bytes that they stand for."""
        return packs, 1.0

    def by_byte(self, ids: np.ndarray, boundaries: np.ndarray) -> np.ndarray:
        """Boundaries (stages, ids) of the model as (stages, bytes), the starts of tokens before them."""
        return boundaries

    def save(self, path: Path) -> None:
        """There is nothing to keep."""


BYTES = Bytes()


class BpeTokenizer:
    """Byte-level BPE (arXiv 1508.07909; alphabet and word pattern of GPT-2). Every byte string round-trips.

    Ids 0 to 255 are the byte values, so the markers are those of byte models and any byte can be said; merges follow
    in the order in which they were learned. The file is a tokenizer.json as the `tokenizers` library reads it.
    """

    added_stages = 1

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        letters = {letter: byte for byte, letter in enumerate(byte_letters())}
        texts = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        self._bytes = [bytes(letters[c] for c in text) for text, _ in texts]
        if self._bytes[:VOCAB_SIZE] != [bytes([b]) for b in range(VOCAB_SIZE)]:
            raise ValueError("ids 0 to 255 must be the byte values")
        self.lengths = np.array([len(token) for token in self._bytes])

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> "BpeTokenizer":
        """Learn up to vocab_size - 256 merges; fewer where the texts have no more pairs."""
        tokenizer = _byte_level(models.BPE())
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size, initial_alphabet=list(byte_letters()), show_progress=False
        )
        tokenizer.train_from_iterator(texts, trainer)
        merges = [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
        names = [*byte_letters(), *("".join(pair) for pair in merges)]
        # Two merges may spell the same token; it has the id of the first.
        vocabulary = {name: i for i, name in enumerate(dict.fromkeys(names))}
        return cls(_byte_level(models.BPE(vocab=vocabulary, merges=merges)))

    @classmethod
    def load(cls, path: Path) -> "BpeTokenizer":
        """Read a tokenizer.json that `save` wrote. Raises CheckpointError."""
        try:
            with value_errors():
                return cls(Tokenizer.from_str(path.read_text(encoding="utf-8")))
        except ValueError as err:
            raise CheckpointError(f"{path}: cannot be read as a byte-level BPE tokenizer ({err})") from err

    def save(self, path: Path) -> None:
        """Write tokenizer.json by atomic rename, with its folder where there is none."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text(self._tokenizer.to_str(pretty=True) + "\n", encoding="utf-8")
        partial.replace(path)

    @property
    def vocab_size(self) -> int:
        return len(self._bytes)

    def encode(self, data: bytes) -> np.ndarray:
        """(n,) int32 ids. Bytes that are not UTF-8, the markers among them, are tokens of their own."""
        ids: list[int] = []
        for text, strays in _valid_and_stray(data):
            ids += self._tokenizer.encode(text, add_special_tokens=False).ids
            ids += strays
        return np.array(ids, dtype=np.int32)

    def decode(self, ids: np.ndarray) -> bytes:
        """The bytes that ids stand for."""
        return b"".join(self._bytes[i] for i in ids)

    def rows(self, packs: Sequence[PackedRows]) -> tuple[list[PackedRows], float]:
        """As Bytes.rows. A row of 2 kB keeps its limits, so a word at its end may be cut."""
        tokenised = [self._pack(pack) for pack in packs]
        firsts = sum(self.lengths[pack.input_ids[pack.cu_seqlens[:-1]]].sum() for pack in tokenised)
        n_bytes = sum(len(pack.input_ids) for pack in packs) - firsts
        return tokenised, sum(pack.n_predicted for pack in tokenised) / max(n_bytes, 1)

    def by_byte(self, ids: np.ndarray, boundaries: np.ndarray) -> np.ndarray:
        """As Bytes.by_byte, (1 + stages, bytes): a token's boundary is that of its first byte."""
        ends = np.cumsum(self.lengths[ids])
        starts = ends - self.lengths[ids]
        out = np.zeros((1 + len(boundaries), ends[-1] if len(ends) else 0), dtype=bool)
        out[0, starts] = True
        out[1:, starts] = boundaries
        return out

    def _pack(self, pack: PackedRows) -> PackedRows:
        limits = pack.cu_seqlens
        rows = [self.encode(pack.input_ids[a:b].tobytes()) for a, b in pairwise(limits)]
        cu_seqlens = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
        return PackedRows(np.concatenate(rows), cu_seqlens)


def open_tokenizer(kind: str, vocab_size: int, corpus: Corpus, cache: Path) -> Bytes | BpeTokenizer:
    """What a training on `corpus` reads. A vocabulary is learned from it once and kept in `cache`.

    kind  one of recipe.TOKENIZERS
    """
    if kind == "bytes":
        return BYTES
    path = cache / f"bpe-{vocab_size}-{corpus.fingerprint[:16]}.json"
    if not path.exists():
        BpeTokenizer.train(_texts(corpus), vocab_size).save(path)
    return BpeTokenizer.load(path)


def tokenizer_of(folder: Path, info: Mapping[str, Any], vocab_size: int) -> Bytes | BpeTokenizer:
    """What the model in `folder` reads, by its tokenizer.json. Raises CheckpointError."""
    path = folder / TOKENIZER
    if not path.exists() and info.get("tokenizer", "bytes") == "bytes":
        return BYTES
    tokenizer = BpeTokenizer.load(path)
    if tokenizer.vocab_size > vocab_size:
        raise CheckpointError(
            f"{path}: has {tokenizer.vocab_size} tokens, the model {vocab_size}; check that the two belong together"
        )
    return tokenizer


def _texts(corpus: Corpus) -> Iterator[str]:
    """The documents as text, to train a vocabulary on; bytes that are not UTF-8 are left out."""
    for start, end in pairwise(corpus.offsets):
        yield corpus.data[start:end].tobytes().decode("utf-8", "ignore")


def byte_letters() -> list[str]:
    """(256,) the printable character that stands for each byte in byte-level vocabularies, as GPT-2 chose them."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(VOCAB_SIZE) if byte not in shown]
    letters = {byte: chr(byte) for byte in shown}
    letters |= {byte: chr(VOCAB_SIZE + i) for i, byte in enumerate(hidden)}
    return [letters[byte] for byte in range(VOCAB_SIZE)]


def _byte_level(model: models.Model) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _valid_and_stray(data: bytes) -> Iterator[tuple[str, list[int]]]:
    """Runs of valid UTF-8, each with the bytes after it that are not."""
    # Lone surrogates cannot come from valid UTF-8, so they mark the other bytes.
    parts = _STRAY.split(data.decode("utf-8", "surrogateescape"))
    for text, strays in zip_longest(parts[::2], parts[1::2], fillvalue=""):
        yield text, [ord(c) - 0xDC00 for c in strays]
