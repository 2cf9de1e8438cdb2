"""Controls: segmentations that are independent of the input, so that they agree with any model about 0.

A model before its training is no such control: its router compares a byte with the one before, so over few letters it
cuts by the last two of them alone (R2 0.78 to 1.00 on DNA), and agrees or disagrees as a whole with any model that does
so in part. Of such a model, `beyond_pairs` must be about 0.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.boundaries.segmentations import Segmentation, segmentation_of
from analysis.chance.nulls import ROUNDING
from analysis.inputs import sources
from hnet_core.errors import InputError

MAX_WORD = 8


def random_like(cuts: Segmentation, seed: int = 0) -> Segmentation:
    """As many boundaries in every sequence, at random places."""
    rng = np.random.default_rng(seed)
    starts = tuple(
        np.sort(rng.choice(n - 1, len(at), replace=False)) + 1 if len(at) else at
        for at, n in zip(cuts.starts, cuts.lengths, strict=True)
    )
    return segmentation_of(f"random like {cuts.name}", starts, cuts.lengths, cuts.stage)


def periodic_like(cuts: Segmentation) -> Segmentation:
    """As many boundaries in every sequence, evenly spaced."""
    starts = tuple(
        (np.arange(len(at)) + 0.5) * (n - 1) // max(len(at), 1) + 1
        for at, n in zip(cuts.starts, cuts.lengths, strict=True)
    )
    starts = tuple(at.astype(np.int64) for at in starts)
    return segmentation_of(f"periodic like {cuts.name}", starts, cuts.lengths, cuts.stage)


def beyond_pairs(a: Segmentation, b: Segmentation, sequences: Sequence[sources.Sequence]) -> float:
    """F1* less what the two bytes at each place make, the last one before it and the first one behind it.

    Chance is that a's boundaries are rearranged at random among the places of the same sequence with the same two
    bytes: of n such places, a cutting x and b cutting y, x y / n are shared on average, whatever their number. F1* is
    the sum of this and of what those pairs of bytes make; NaN where F1* is.
    """
    both, by_chance = int((a.marks & b.marks).sum()), 0.0
    best = chance = 0.0
    for each, low, high in zip(sequences, a.edges[:-1], a.edges[1:], strict=True):
        values = np.frombuffer(each.data, np.uint8).astype(np.int64)
        pairs, in_a, in_b = values[:-1] << 8 | values[1:], a.marks[low:high], b.marks[low:high]
        n, of_a, of_b = (np.bincount(pairs[marks], minlength=2**16) for marks in (slice(None), in_a, in_b))
        by_chance += float((of_a * of_b / np.maximum(n, 1)).sum())
        n_a, n_b = int(of_a.sum()), int(of_b.sum())
        best, chance = best + min(n_a, n_b), chance + n_a * n_b / max(high - low, 1)
    room = best - chance
    return float((both - by_chance) / room) if room > ROUNDING * best else float("nan")


def shuffled(sequences: Sequence[sources.Sequence], word: int = 2, seed: int = 0) -> list[sources.Sequence]:
    """The sequences shuffled, each with the counts of all its words of `word` bytes kept."""
    rng = np.random.default_rng(seed)
    return [replace(s, data=shuffle(s.data, word, rng)) for s in sequences]


def shuffle(data: bytes, word: int, rng: np.random.Generator) -> bytes:
    """A random rearrangement that keeps the count of every word of `word` bytes, and the first and last word - 1.

    Every such rearrangement is equally likely: a random Eulerian path through the graph whose vertices are the words
    one shorter (Altschul and Erickson 1985), its last exits a random spanning tree (Wilson 1996).
    """
    if not 1 <= word <= MAX_WORD:
        raise InputError(f"words of {word} bytes cannot be kept by a shuffle; give 1 to {MAX_WORD}")
    values = np.frombuffer(data, np.uint8)
    if word == 1 or len(data) <= word:
        return rng.permutation(values.copy()).tobytes() if word == 1 else data
    n = len(data) - word + 2
    codes = np.zeros(n, np.uint64)
    for i in range(word - 1):
        codes = codes << np.uint64(8) | values[i : i + n].astype(np.uint64)
    vertices, path = np.unique(codes, return_inverse=True)
    source, target = path[:-1], path[1:]
    by_source = np.argsort(source, kind="stable")
    first = np.searchsorted(source[by_source], np.arange(len(vertices) + 1))
    key = rng.random(n - 1)
    key[by_source[_last_exits(target[by_source], first, int(path[-1]), rng)]] = 2  # behind all others
    leaving = target[np.lexsort((key, source))].tolist()
    at, here, walk = first.tolist(), int(path[0]), []
    for _ in range(n - 1):
        i = at[here]
        at[here] = i + 1
        here = leaving[i]
        walk.append(here)
    last_bytes = (vertices & np.uint64(255)).astype(np.uint8)
    return data[: word - 1] + last_bytes[walk].tobytes()


def _last_exits(target: np.ndarray, first: np.ndarray, root: int, rng: np.random.Generator) -> np.ndarray:
    """An edge out of every vertex but the root, together a tree towards it, each tree equally likely.

    target  of the edges, by source: those of vertex v are first[v] .. first[v + 1] - 1
    returns indices into target
    """
    degree = np.diff(first).tolist()
    begin, to = first.tolist(), target.tolist()
    chosen, in_tree = [-1] * len(degree), [False] * len(degree)
    in_tree[root] = True
    draws = iter(())
    for vertex in range(len(degree)):
        here = vertex
        while not in_tree[here]:
            draw = next(draws, None)
            if draw is None:
                draws = iter(rng.random(4 * len(degree)).tolist())
                draw = next(draws)
            chosen[here] = begin[here] + int(draw * degree[here])
            here = to[chosen[here]]
        here = vertex  # what the walk chose last is without loops
        while not in_tree[here]:
            in_tree[here] = True
            here = to[chosen[here]]
    return np.array([edge for edge in chosen if edge >= 0], np.int64)
