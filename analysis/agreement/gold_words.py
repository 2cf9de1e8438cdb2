"""Do boundaries fall where the words of a treebank start? The space before a word may count as its start.

Merging bytes into places (white space and the letter behind it) gives any segmentation more chances at a word than
elsewhere, a random one too. So chance is what the boundaries reach when they are shifted among the bytes, before
places are merged.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from analysis import schema
from analysis.boundaries.segmentations import Segmentation
from analysis.chance.nulls import against, beyond_chance, null_of, turns
from analysis.inputs.conllu import GoldText
from analysis.references.gold import gold_segmentation

PLACES = ("gap", "letter", "space")
"""Where a word starts: anywhere from the white space before it to its first byte, which are one place then; at its
first byte; at the white space before it, where byte models like to cut."""

_SPACE = re.compile(rb"(?:\s|\xc2\xa0|\xe3\x80\x80)+")  # ASCII, no-break and ideographic


def word_table(
    cuts: Sequence[Segmentation], texts: Sequence[GoldText], gold: str, *, shifts: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Every stage against the words of a treebank, schema.EVALUATION; q_value is Benjamini-Hochberg over the rows.

    cuts  over the sequences of the texts   gold  what the table calls the treebank
    Rows of syntactic words are there where the treebank has words whose parts can be placed.
    """
    data = [text.sequence.data for text in texts]
    kinds = ("surface", "syntactic") if any(len(text.seams) for text in texts) else ("surface",)
    marks = {units: gold_segmentation(texts, units == "syntactic").marks for units in kinds}
    targets = {(units, place): _target(marks[units], data, place) for units in kinds for place in PLACES}
    rows = []
    for cut in cuts:
        counts = _counts(cut, list(targets.values()), shifts, seed)
        for (units, place), target, found in zip(targets, targets.values(), counts, strict=True):
            head = {"gold": gold, "units": units, "place": place, "model": cut.name, "stage": cut.stage}
            rows.append(head | _row(target, found) | _inside(cut, texts))
    table = pd.DataFrame(rows)
    table["q_value"] = false_discovery_control(table["p_value"], method="bh")
    return schema.check(table[list(schema.EVALUATION)].astype(schema.EVALUATION), schema.EVALUATION)


@dataclass(frozen=True)
class _Target:
    """Gold words by one notion of place.

    place (n,)  number of the place that each slot (analysis.boundaries.segmentations) belongs to
    wanted (m,) bool: a word starts there
    edges (S + 1,)  the places of text i are edges[i] .. edges[i + 1] - 1
    """

    place: np.ndarray
    wanted: np.ndarray
    edges: np.ndarray

    def by_text(self, places: np.ndarray) -> np.ndarray:
        """(S,) how many of these places, rising, lie in each text."""
        return np.diff(np.searchsorted(places, self.edges))


def _target(words: np.ndarray, data: Sequence[bytes], place: str) -> _Target:
    edges = np.cumsum([0, *(max(len(each) - 1, 0) for each in data)])
    if place != "gap":
        return _Target(np.arange(len(words)), _at_spaces(words, data) if place == "space" else words, edges)
    first = np.concatenate([_opens(each)[1:] for each in data])
    number = np.cumsum(first)  # of places up to each slot
    wanted = np.logical_or.reduceat(words, np.flatnonzero(first))
    return _Target(number - 1, wanted, np.concatenate([[0], number])[edges])


@dataclass
class _Found:
    """Places with a boundary.

    n_cut, both (1 + shifts,)  how many, and gold ones of them; the first without shift
    most  how many gold ones could be among those without shift, as many in every text as there are
    """

    n_cut: np.ndarray
    both: np.ndarray
    most: int = 0


def _counts(cut: Segmentation, targets: Sequence[_Target], shifts: int, seed: int) -> list[_Found]:
    """What is found at the places of each target."""
    moved = turns(cut.marks, cut.edges, np.random.default_rng(seed))
    out = [_Found(np.empty(1 + shifts, np.int64), np.empty(1 + shifts, np.int64)) for _ in targets]
    for i, at in enumerate(chain([np.flatnonzero(cut.marks)], islice(moved, shifts))):
        merged: dict[int, np.ndarray] = {}
        for target, found in zip(targets, out, strict=True):
            n_places = len(target.wanted)
            if n_places not in merged:
                hit = np.zeros(n_places, bool)
                hit[target.place[at]] = True
                merged[n_places] = np.flatnonzero(hit) if n_places < len(cut.marks) else at
            places = merged[n_places]
            found.n_cut[i], found.both[i] = len(places), target.wanted[places].sum()
            if i == 0:
                gold = np.flatnonzero(target.wanted)
                found.most = int(np.minimum(target.by_text(places), target.by_text(gold)).sum())
    return out


def _row(target: _Target, found: _Found) -> dict[str, float]:
    """Agreement with the gold, and beside it what the shifts reach."""
    n_cut, both = found.n_cut, found.both
    n, n_gold = np.float64(len(target.wanted)), target.wanted.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(n_cut + n_gold > 0, 2 * both / (n_cut + n_gold), 0.0)
        same = (n - n_cut - n_gold + 2 * both) / n
        null, best = against(f1[0], f1[1:], upper=True), 2 * found.most / (n_cut[0] + n_gold)
        return {
            "n_places": int(n),
            "n_model": int(n_cut[0]),
            "n_gold": int(n_gold),
            "n_both": int(both[0]),
            "rate_model": n_cut[0] / n,
            "rate_gold": n_gold / n,
            "f1": f1[0],
            "f1_chance": null["expected"],
            "f1_max": best,
            "f1_star": beyond_chance(f1[0], null["expected"], best),
            "precision": both[0] / n_cut[0],
            "precision_chance": np.mean(both[1:] / np.maximum(n_cut[1:], 1)),
            "recall": both[0] / n_gold,
            "recall_chance": np.mean(both[1:]) / n_gold,
            "kappa": beyond_chance(same[0], null_of(same[0], same[1:]).mean),
            "shifts": null["shifts"],
            "z": null["z"],
            "p_value": null["p_value"],
        }


def _opens(data: bytes) -> np.ndarray:
    """(n,) bool: a place starts at this byte; white space and the byte behind it are one."""
    opens = np.ones(len(data), bool)
    for match in _SPACE.finditer(data):
        opens[match.start() + 1 : match.end() + 1] = False
    opens[1:2] = True  # the first slot of a text starts a place whatever is before it
    return opens


def _at_spaces(marks: np.ndarray, data: Sequence[bytes]) -> np.ndarray:
    """Marks at the first byte behind white space, moved to where that white space starts."""
    out, low = np.zeros_like(marks), 0
    for each in data:
        back = np.arange(len(each))
        for match in _SPACE.finditer(each):
            back[match.start() : match.end() + 1] = match.start()
        at = back[np.flatnonzero(marks[low : low + len(each) - 1]) + 1]
        out[low + at[at > 0] - 1] = True
        low += len(each) - 1
    return out


def _inside(cut: Segmentation, texts: Sequence[GoldText]) -> dict[str, float]:
    """Inside surface tokens: how many seams between syntactic words have a boundary, how many other bytes."""
    seams = hits = others = found = 0
    for starts, text in zip(cut.starts, texts, strict=True):
        inside = np.ones(len(text.sequence.data), bool)
        inside[text.words] = False
        for match in _SPACE.finditer(text.sequence.data):
            inside[match.start() : match.end()] = False
        marks = np.zeros(len(inside), bool)
        marks[starts] = True
        seams, hits = seams + len(text.seams), hits + int(marks[text.seams].sum())
        inside[text.seams] = False
        others, found = others + int(inside.sum()), found + int((marks & inside).sum())
    return {
        "n_seams": seams,
        "seam_rate": hits / seams if seams else np.nan,
        "inside_rate": found / others if others else np.nan,
    }
