"""The data folder of the findings: what is read of it, and how much.

A folder with
    text/          english_valid.jsonl.xz, chinese_valid.jsonl.xz: a document a line under "text", of which every second
                   one is read; beside them the training files of the same names with `train`, of which a byte-pair
                   vocabulary is learned
    code/          python_valid.jsonl.xz and python_train.jsonl.xz, likewise
    dna/           NAME.fa.gz and NAME.gff3.gz of the genomes in GENOMES, and phages_10.fa.gz for byte pairs
    segmentation/  test parts of treebanks, *-test.conllu.xz
What is not there is left out of the findings; a folder that has none of it is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from analysis.inputs import sources
from analysis.inputs.annotations import fit_features, read_features
from analysis.inputs.conllu import GoldText, read_conllu
from analysis.inputs.fasta import read_fasta
from analysis.inputs.json_lines import read_json_lines
from hnet_core.errors import InputError

_SIZES = ("_bytes", "_bases")


@dataclass(frozen=True)
class Limits:
    """How much is read and drawn. The defaults take some minutes on two cores."""

    text_bytes: int = 150_000
    """Of each held-out text."""
    piece_bases: int = 150_000
    """Of each genome, where models are compared with each other and with their surprisal."""
    genome_bases: int = 700_000
    """Of each genome, where they are compared with its annotation."""
    gold_bytes: int = 300_000
    """Of each treebank: the test parts of Universal Dependencies in `segmentation/` are whole with that."""
    surprisal_bytes: int = 40_000
    """Of each text and genome, where whole models read it."""
    vocabulary_bytes: int = 1_000_000
    """Of the training text that byte pairs are learned from."""
    untrained: int = 3
    """Models before training, of each architecture, as controls with every measure of agreement."""
    blank: int = 30
    """Models before training, of each architecture, whose agreement beyond pairs of bytes alone is computed."""
    edits: int = 50
    shifts: int = 1000
    word_shifts: int = 200
    """Shifts in each treebank."""

    def scaled(self, share: float, shifts: int) -> "Limits":
        """The same with a share of the data and of the edits, and other shifts."""
        sizes = {
            name: max(1000, round(share * size)) for name, size in vars(self).items() if name.endswith(_SIZES)
        }
        drawn = {
            "edits": max(5, round(share * self.edits)),
            "untrained": max(2, round(share * self.untrained)),
            "blank": max(2, round(share * self.blank)),
        }
        return Limits(**sizes, **drawn, shifts=shifts, word_shifts=min(shifts, self.word_shifts))


@dataclass(frozen=True)
class Corpus:
    """One input that no bundled model was trained on.

    domain      of the models that read it (model.json)   file  in the data folder
    vocabulary  the file that byte pairs are learned from, if any
    """

    title: str
    domain: str
    file: str
    sequences: tuple[sources.Sequence, ...]
    vocabulary: Path | None

    @property
    def n_bytes(self) -> int:
        return sum(len(each.data) for each in self.sequences)


@dataclass(frozen=True)
class AnnotatedGenome:
    """A record and its features (schema.FEATURES), fitted to as much of it as is read."""

    corpus: Corpus
    features: pd.DataFrame


@dataclass(frozen=True)
class Treebank:
    """Gold words. language as its file name begins   whole: nothing of the file is left out"""

    name: str
    language: str
    texts: tuple[GoldText, ...]
    whole: bool

    @property
    def n_bytes(self) -> int:
        return sum(len(each.sequence.data) for each in self.texts)


HEAD = 10_000
"""Bytes that the beginnings of documents have at least: rather fewer documents than mere title pages."""
TEXTS = (
    ("English", "english", "text/english_valid.jsonl.xz", 1),
    ("Chinese", "chinese", "text/chinese_valid.jsonl.xz", 0),
    ("Python", "code", "code/python_valid.jsonl.xz", 1),
)
"""Title, domain, file, and the first of every second document: the test half, by which no recipe is chosen.

Code is read by whole files, so that it parses.
"""
DNA_VOCABULARY = "dna/phages_10.fa.gz"
GENOMES = (
    ("E. coli K-12", "ecoli_k12_mg1655", "NC_000913.3"),
    ("Yeast chromosome XV", "yeast_s288c_r64", "NC_001147.6"),
    ("Mycoplasma mycoides", "mycoplasma_mycoides_gm12", "NZ_CP001668.1"),
    ("Phage lambda", "lambda", "NC_001416.1"),
)
"""Title, file, record. The recipes leave them out of training; Mycoplasma reads TGA as tryptophan (code 4)."""
LANGUAGES = {
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "hi": "Hindi",
    "id": "Indonesian",
    "ja": "Japanese",
    "ko": "Korean",
    "ru": "Russian",
    "th": "Thai",
    "tr": "Turkish",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
"""First two letters of a treebank's file name -> language."""


def read_texts(folder: Path, limits: Limits) -> list[Corpus]:
    """The held-out texts that are there."""
    found = []
    for title, domain, file, first in TEXTS:
        documents = read_json_lines(folder / file)[first::2] if (folder / file).exists() else []
        if documents:
            take = whole_files if domain == "code" else heads
            if domain != "code":
                documents = documents[:: max(1, len(documents) * HEAD // limits.text_bytes)]
            documents = take(documents, limits.text_bytes)
            train = folder / file.replace("valid", "train")
            found.append(Corpus(title, domain, file, documents, train if train.exists() else None))
    return found


def read_genomes(folder: Path, limits: Limits) -> list[AnnotatedGenome]:
    """The annotated genomes that are there, each from its first base."""
    found = []
    for title, name, record in GENOMES:
        fasta, gff = (folder / "dna" / f"{name}.{suffix}.gz" for suffix in ("fa", "gff3"))
        if not (fasta.exists() and gff.exists()):
            continue
        whole = next((each for each in read_fasta(fasta) if each.name == record), None)
        if whole is None:
            raise InputError(f"{fasta}: has no record {record}; give the genome that the findings name")
        part = replace(whole, data=whole.data[: limits.genome_bases])
        train = folder / DNA_VOCABULARY
        corpus = Corpus(title, "dna", f"dna/{fasta.name}", (part,), train if train.exists() else None)
        found.append(AnnotatedGenome(corpus, fit_features(read_features(gff), [part], gff.name)[0]))
    return found


def read_treebanks(folder: Path, limits: Limits) -> list[Treebank]:
    """The test part of every treebank that is there."""
    found = []
    for path in sorted((folder / "segmentation").glob("*-test.conllu.xz")):
        language = LANGUAGES.get(path.name[:2], path.name[:2])
        texts = read_conllu(path)
        whole = sum(len(text.sequence.data) for text in texts) <= limits.gold_bytes
        texts = tuple(first_words(texts, limits.gold_bytes))
        found.append(Treebank(path.name.split(".conllu")[0], language, texts, whole))
    return found


def heads(documents: Sequence[sources.Sequence], n_bytes: int) -> tuple[sources.Sequence, ...]:
    """The beginnings of all documents, equally long as far as they reach, about n_bytes together, whole characters."""
    sizes, left, cap = sorted(len(each.data) for each in documents), n_bytes, 0
    for i, size in enumerate(sizes):
        cap = left // (len(sizes) - i)
        if size > cap:
            break
        left, cap = left - size, size
    cut = (replace(each, data=_whole_characters(each.data[:cap])) for each in documents)
    return tuple(each for each in cut if len(each.data) > 1)


def whole_files(documents: Sequence[sources.Sequence], n_bytes: int) -> tuple[sources.Sequence, ...]:
    """Whole documents in their order, as far as they fit; the shortest where none does."""
    taken, left = [], n_bytes
    for each in documents:
        if len(each.data) <= left:
            taken.append(each)
            left -= len(each.data)
    return tuple(taken) or (min(documents, key=lambda each: len(each.data)),)


def first_words(texts: Sequence[GoldText], n_bytes: int) -> list[GoldText]:
    """The texts up to n_bytes, the last one cut where a word starts."""
    taken, left = [], n_bytes
    for text in texts:
        data = text.sequence.data
        if len(data) > left:
            ends = text.words[(text.words <= left) & (text.words > 1)]
            if not len(ends):
                break
            end = int(ends[-1])
            words, seams = text.words[text.words < end], text.seams[text.seams < end]
            text = replace(
                text, sequence=replace(text.sequence, data=data[:end]), words=words, seams=seams, unplaced=0
            )
        if len(text.sequence.data) > 1:
            taken.append(text)
            left -= len(text.sequence.data)
        if len(text.sequence.data) < len(data):
            break
    return taken


def _whole_characters(data: bytes) -> bytes:
    """Without a character of UTF-8 that is cut at the end."""
    return data.decode("utf-8", "ignore").encode() if data else data
