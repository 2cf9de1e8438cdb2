"""The genome view's tracks: what igv.js draws of some analyses of one record, as files that are read by window."""

import json
import re
import shutil
import uuid
import weakref
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd
from gradio.utils import get_upload_folder

from analysis.boundaries.extract import Analysis
from analysis.files.provenance import Provenance
from analysis.genome.codon_phase import CodonMap, codon_map
from analysis.inputs.annotations import features_of
from analysis.inputs.sources import Sequence as Record
from app.picture.origin import where_from
from app.picture.viewer import encoded
from hnet_core.errors import InputError

STEP = 4
"""Bases of one level of a pyramid that the next one averages."""
NOTHING = 255
"""The byte of a place where a track has no value."""
STRIDE = 4096
"""Bases from one place to the next whose chunk's number is known to be odd or even."""
_TOP = NOTHING - 1
_SMALLEST = 1024
_GENES = r"gene|pseudogene"


class TrackFolder:
    """A folder with an unguessable name that Gradio's file route serves, range by range; it goes with this object.

    Nothing refers to it but one visitor's state, so that it ends with the visit, or with the next analysis.
    """

    def __init__(self) -> None:
        self.path = Path(get_upload_folder()).resolve() / uuid.uuid4().hex
        self.path.mkdir(mode=0o700, parents=True)
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class Records:
    """The DNA that a person brought, what its annotation says of it or None, and where both were read."""

    sequences: tuple[Record, ...]
    features: pd.DataFrame | None
    """Of all records, as analysis.inputs.annotations.fit_features returns them."""
    notes: tuple[str, ...]
    """What of the annotation was left out."""
    problem: str
    """Why there is no annotation although one was given, or ""."""
    origin: tuple[str | None, ...]

    def named(self, name: str | None) -> Record:
        """The record of that name."""
        for sequence in self.sequences:
            if sequence.name == name:
                return sequence
        raise InputError(f"there is no record {name!r} here; pick one from the list or type its name")

    def features_of(self, name: str) -> pd.DataFrame | None:
        """The features of one record; None without an annotation."""
        if self.features is None:
            return None
        return self.features[self.features["sequence"] == name].reset_index(drop=True)


@dataclass(frozen=True)
class Opened:
    """One record as one visitor has it open: the analyses of the models chosen, its genes, the files of its tracks."""

    analyses: tuple[Analysis, ...]
    features: pd.DataFrame | None
    """Those of this record, as analysis.inputs.annotations.fit_features returns them."""
    notes: tuple[str, ...]
    """What was left out of the annotation."""
    folder: TrackFolder
    sample: str = ""
    """The sample that the record is of, which a link can lead to; "" for what a visitor brought."""

    @property
    def record(self) -> Record:
        return self.analyses[0].sequences[0]

    @property
    def length(self) -> int:
        return len(self.record.data)

    @property
    def letters(self) -> list[str]:
        """A letter for each model."""
        return list(ascii_uppercase[: len(self.analyses)])

    @cached_property
    def about(self) -> Provenance:
        """Where files of this record come from; hashing a genome takes a while."""
        return where_from("page: dna", *self.analyses)

    @cached_property
    def codons(self) -> CodonMap | None:
        """Codon positions of the record's coding bases; None without an annotation."""
        return None if self.features is None else codon_map(self.features, self.length)

    def marks(self, model: int, stage: int) -> np.ndarray:
        """(length,) bool: where a model starts chunks, the forced start at 0 among them."""
        marks = np.zeros(self.length, bool)
        marks[self.analyses[model].chunks_of(self.record.name, stage)["start"].to_numpy()] = True
        return marks


def pyramid(value: np.ndarray) -> bytes:
    """Values in [0, 1] (NaN: none) at every base, then means of STEP, STEP^2, ... bases, a byte each.

    Level k has ceil(n / STEP^k) bytes and follows level k - 1; the last has at most _SMALLEST. A mean is over the
    places that have a value. 0 to 254 stand for 0 to 1, NOTHING for a stretch without any.
    """
    known = np.isfinite(value)
    total, count = np.where(known, value, 0).astype(np.float32), known.astype(np.float32)
    levels = []
    while True:
        with np.errstate(invalid="ignore"):
            mean = np.rint(total / count * _TOP)
        levels.append(np.where(count > 0, mean, NOTHING).astype(np.uint8))
        if len(total) <= _SMALLEST:
            return b"".join(level.tobytes() for level in levels)
        pad = -len(total) % STEP
        total, count = (np.pad(each, (0, pad)).reshape(-1, STEP).sum(1) for each in (total, count))


def write_tracks(opened: Opened) -> dict[str, Any]:
    """Write the record's tracks into its folder; the genome view's value.

    returns  folder, length, models [title], tracks [{kind, name, file, ...}] in the order of the screen: kind genes
             and features (a JSON list), p and consensus (a pyramid), chunks (`file`: a bit a base, `prob`: a pyramid,
             `odd`: odd_chunks in base64)
    """
    folder, n = opened.folder.path, opened.length
    (folder / "bases.fa").write_bytes(b">record\n" + opened.record.data + b"\n")
    (folder / "bases.fa.fai").write_text(f"record\t{n}\t8\t{n}\t{n + 1}\n", encoding="ascii")
    tracks = _annotation_tracks(opened)
    if len(opened.analyses) > 1:
        (folder / "consensus").write_bytes(pyramid(_consensus(opened)))
        tracks.append({"kind": "consensus", "name": "share of models that cut", "file": "consensus"})
    for i, (letter, analysis) in enumerate(zip(opened.letters, opened.analyses, strict=True)):
        for stage in range(analysis.model.n_stages):
            label = f"{letter} stage {stage}" if len(opened.analyses) > 1 else f"stage {stage}"
            table = analysis.boundaries_of(opened.record.name, stage)
            prob = np.full(n, np.nan, np.float32)
            prob[table["byte"].to_numpy()] = table["prob"].to_numpy()
            names = {"prob": f"p-{letter}{stage}", "cuts": f"cuts-{letter}{stage}"}
            (folder / names["prob"]).write_bytes(pyramid(prob))
            marks = opened.marks(i, stage)
            (folder / names["cuts"]).write_bytes(np.packbits(marks).tobytes())
            tracks.append({"kind": "p", "name": f"p, {label}", "file": names["prob"]})
            about = {"file": names["cuts"], "prob": names["prob"], "odd": encoded(odd_chunks(marks))}
            tracks.append({"kind": "chunks", "name": f"chunks, {label}", **about})
    titles = [analysis.model.title for analysis in opened.analyses]
    return {"folder": str(folder), "length": n, "models": titles, "tracks": tracks}


def odd_chunks(marks: np.ndarray) -> np.ndarray:
    """A bit every STRIDE bases, packed: whether the chunk that holds this base has an odd number, from 0.

    marks: (n,) bool, where chunks start, base 0 among them
    """
    return np.packbits((np.cumsum(marks)[::STRIDE] - 1) % 2)


def _consensus(opened: Opened) -> np.ndarray:
    """Where any model's outermost stage cuts, the share of the models that do; NaN elsewhere."""
    votes = sum(opened.marks(i, 0).astype(np.float32) for i in range(len(opened.analyses)))
    return np.where(votes > 0, votes / len(opened.analyses), np.nan)


def _annotation_tracks(opened: Opened) -> list[dict[str, Any]]:
    if opened.features is None:
        return []
    kinds = opened.features["kind"].astype(str)
    is_gene = kinds.str.fullmatch(_GENES)
    whole = (opened.features["start"] == 0) & (opened.features["end"] == opened.length)
    others = opened.features[~is_gene & ~whole]  # what spans the record is the record itself
    parts = [("genes", "genes", opened.features[is_gene]), ("features", "CDS, RNA and others", others)]
    tracks = []
    for kind, name, table in parts:
        if len(table):
            (opened.folder.path / f"{kind}.json").write_text(json.dumps(_rows(table)), encoding="utf-8")
            tracks.append({"kind": kind, "name": name, "file": f"{kind}.json"})
    return tracks


def _rows(table: pd.DataFrame) -> list[tuple[int, int, str, str, str]]:
    """(start, end, strand, name, kind) of each feature; the first of a name's parts comes first."""
    columns = (table[name].tolist() for name in ("start", "end", "strand", "name", "kind"))
    return list(zip(*columns, strict=True))


def genes_of(opened: Opened, start: int, end: int) -> pd.DataFrame:
    """The genes that overlap [start, end); the coding sequences where the annotation names no genes."""
    if opened.features is None:
        return pd.DataFrame(columns=["start", "end", "strand", "name", "kind"])
    genes = features_of(opened.features, opened.record.name, start, end, ("gene", "pseudogene"))
    return genes if len(genes) else features_of(opened.features, opened.record.name, start, end, ("CDS",))


def named_features(features: pd.DataFrame | None, text: str, exactly: bool = False) -> pd.DataFrame:
    """Features whose name or tag is `text`, else is it in another case, else starts with it, else holds it.

    Genes come first, then coding sequences and RNA, then all others. exactly: a part of a name does not count.
    """
    if features is None:
        return pd.DataFrame(columns=["start", "end"])
    own = [features[name].astype(str) for name in ("name", "tag")]
    lower, wanted = [each.str.lower() for each in own], text.lower()
    tests = [
        own[0].eq(text) | own[1].eq(text),
        lower[0].eq(wanted) | lower[1].eq(wanted),
    ]
    if not exactly:
        tests += [
            lower[0].str.startswith(wanted) | lower[1].str.startswith(wanted),
            lower[0].str.contains(wanted, regex=False) | lower[1].str.contains(wanted, regex=False),
        ]
    for test in tests:
        if test.any():
            return features[test].sort_values(
                "kind", key=lambda kind: kind.astype(str).map(_rank), kind="stable"
            )
    return features.iloc[:0]


def _rank(kind: str) -> int:
    """Which features of a name come first."""
    if re.fullmatch(_GENES, str(kind)):
        return 0
    return 1 if str(kind) == "CDS" or str(kind).endswith("RNA") else 2
