"""The models and the data of the findings, and each model's boundaries, computed once."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.boundaries.extract import BoundaryModel
from analysis.boundaries.segmentations import Segmentation, cut
from analysis.findings.data import (
    AnnotatedGenome,
    Corpus,
    Limits,
    Treebank,
    read_genomes,
    read_texts,
    read_treebanks,
)
from analysis.genome.enrichment import Cuts, Genome, annotate, enrichment_table
from analysis.genome.features import UPSTREAM
from analysis.genome.motifs import DEFAULT_MOTIFS, motif_rows
from analysis.inputs import sources
from analysis.references.models import load_model, load_whole_model, untrained_model
from hnet_core.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from hnet_core.checkpoint import LoadedModel

Cutter = Callable[[Sequence[sources.Sequence], BoundaryModel], list[Segmentation]]


class Study:
    """Bundled models over a data folder.

    models  label -> model, those with boundaries   texts, genomes, treebanks  as analysis.findings.data reads them
    """

    def __init__(
        self, data: Path, limits: Limits, models_dir: str | None = None, say: Callable = print
    ) -> None:
        self.limits, self.models_dir, self.say = limits, models_dir, say
        self.models = _models(models_dir)
        self.texts, self.genomes = read_texts(data, limits), read_genomes(data, limits)
        self.treebanks: list[Treebank] = read_treebanks(data, limits)
        if not (self.texts or self.genomes or self.treebanks):
            raise InputError(
                f"{data}: holds none of the data of the findings; give a folder with text/, code/, dna/ and "
                "segmentation/ (docs/findings.md says what lies in them)"
            )
        self._cuts: dict[tuple[str, str], list[Segmentation]] = {}
        self._tables: dict[str, pd.DataFrame] = {}
        self._annotated: dict[str, Genome] = {}

    def readers(self, domain: str) -> dict[str, BoundaryModel]:
        """The models of one domain."""
        return {label: model for label, model in self.models.items() if model.info.get("domain") == domain}

    def stages(self, corpus: Corpus) -> list[Segmentation]:
        """Every stage of every model of the corpus' domain."""
        return [stage for label in self.readers(corpus.domain) for stage in self.cuts(corpus, label)]

    def cuts(self, corpus: Corpus, label: str) -> list[Segmentation]:
        """Every stage of one model over the corpus."""
        key = (corpus.title, label)
        if key not in self._cuts:
            self.say(f"{corpus.title}: {label}")
            self._cuts[key] = self.cut(corpus.sequences, label)
        return self._cuts[key]

    def cut(self, sequences: Sequence[sources.Sequence], label: str) -> list[Segmentation]:
        """Every stage of one model over any sequences."""
        return [replace(stage, name=label) for stage in cut(sequences, self.models[label])]

    def untrained(self, corpus: Corpus, label: str) -> list[list[Segmentation]]:
        """Every stage over the corpus of models like this one before training, from limits.untrained seeds."""
        config = json.dumps(untrained_model(label, self.models_dir, 0).config.to_dict())
        for seed in range(self.limits.untrained):
            # Models of one architecture start from the same weights, whatever they were trained on.
            if (corpus.title, f"{config}, {seed}") not in self._cuts:
                blank = untrained_model(label, self.models_dir, seed)
                self._cuts[corpus.title, f"{config}, {seed}"] = [
                    replace(stage, name=f"untrained, seed {seed}") for stage in cut(corpus.sequences, blank)
                ]
        return [self._cuts[corpus.title, f"{config}, {seed}"] for seed in range(self.limits.untrained)]

    def before_training(self, corpus: Corpus) -> Iterator[tuple[list[str], int, list[Segmentation]]]:
        """Labels of one architecture, a seed, and every stage of the model that this seed starts a training from."""
        alike: dict[str, list[str]] = {}
        for label in self.readers(corpus.domain):
            config = untrained_model(label, self.models_dir, 0).config
            alike.setdefault(json.dumps(config.to_dict()), []).append(label)
        for labels in alike.values():
            self.say(f"{corpus.title}: {self.limits.blank} models before training, as {', '.join(labels)}")
            for seed in range(self.limits.blank):
                yield labels, seed, cut(corpus.sequences, untrained_model(labels[0], self.models_dir, seed))

    def whole(self, label: str) -> "LoadedModel | None":
        """The model that predicts bytes; None where only its boundary weights are there."""
        try:
            return load_whole_model(label, self.models_dir)
        except CheckpointError:
            return None

    @cached_property
    def pieces(self) -> list[Corpus]:
        """The first bases of the genomes that are long enough to compare models on."""
        size = self.limits.piece_bases
        return [
            replace(g.corpus, sequences=tuple(replace(s, data=s.data[:size]) for s in g.corpus.sequences))
            for g in self.genomes
            if g.corpus.n_bytes >= size
        ][:2]

    def piece_stages(self, piece: Corpus) -> list[Segmentation]:
        """As stages. A model reads from left to right, so a beginning is cut as in the whole."""
        whole = next(g.corpus for g in self.genomes if g.corpus.title == piece.title)
        return [beginning(stage, piece.n_bytes) for stage in self.stages(whole)]

    def annotated(self, genome: AnnotatedGenome) -> Genome:
        """The annotation laid on the genome."""
        title = genome.corpus.title
        if title not in self._annotated:
            (record,) = genome.corpus.sequences
            self._annotated[title] = annotate(genome.features, [record.name], [len(record.data)], UPSTREAM)
        return self._annotated[title]

    def marks(self, genome: AnnotatedGenome) -> list[Cuts]:
        """Every stage of every DNA model over the genome."""
        (record,) = genome.corpus.sequences
        out = []
        for stage in self.stages(genome.corpus):
            is_cut = np.zeros(len(record.data), bool)
            is_cut[stage.starts[0]] = True
            out.append(Cuts(stage.name, stage.stage, (is_cut,)))
        return out

    def enrichment(self, genome: AnnotatedGenome) -> pd.DataFrame:
        """schema.ENRICHMENT: features, codons and motifs; q-values are over all of one genome."""
        title = genome.corpus.title
        if title not in self._tables:
            cuts, data = self.marks(genome), [each.data for each in genome.corpus.sequences]
            self.say(f"{title}: against its annotation")
            draws = self.limits.shifts
            rows = [row for each in cuts for row in motif_rows(each, data, DEFAULT_MOTIFS, draws, 0)]
            self._tables[title] = enrichment_table(cuts, self.annotated(genome), draws=draws, more=rows)
        return self._tables[title]


def by_pairs(data: bytes, is_cut: np.ndarray) -> np.ndarray:
    """(length,) the boundary rate that each place would have by its two bytes alone, the one before and its own.

    The rate of a pair is that of all places of `data` with the same two bytes. Place 0 has no byte before it: 0.
    """
    values = np.frombuffer(data, np.uint8).astype(np.int64)
    pair = values[:-1] << 8 | values[1:]
    n, cuts = (np.bincount(each, minlength=2**16) for each in (pair, pair[is_cut[1:]]))
    return np.concatenate([[0.0], (cuts / np.maximum(n, 1))[pair]])


def beginning(stage: Segmentation, n_bytes: int) -> Segmentation:
    """A segmentation of one sequence, as far as the first n_bytes."""
    (starts,), (seen,), (prob,) = stage.starts, stage.seen, stage.prob
    inside = seen < n_bytes
    length = min(n_bytes, stage.lengths[0])
    return replace(
        stage,
        lengths=(length,),
        starts=(starts[starts < n_bytes],),
        seen=(seen[inside],),
        prob=(prob[inside],),
    )


def _models(models_dir: str | None) -> dict[str, BoundaryModel]:
    """Those that have boundaries and read bytes; InputError where there is none."""
    from hnet_core.checkpoint import CONFIG, TOKENIZER, model_folder, model_names
    from hnet_core.config import HNetConfig

    folders = {name: model_folder(name, models_dir) for name in model_names(models_dir)}
    models = {
        name: load_model(name, models_dir)
        for name, folder in folders.items()
        if HNetConfig.from_file(folder / CONFIG).n_stages and not (folder / TOKENIZER).exists()
    }
    if not models:
        raise InputError("no model there has boundaries; give --models DIR with models that have")
    return models
