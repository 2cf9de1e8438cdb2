"""How far boundaries change when one symbol does: substituted, inserted or deleted at many random places."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import schema
from analysis.boundaries.extract import BoundaryModel
from hnet_core.errors import InputError

KINDS = ("substitute", "insert", "delete")


@dataclass(frozen=True)
class Edit:
    """A piece of an input, before and after one symbol of it was changed.

    before, after  the pieces   behind  the first byte of `before` behind the edit
    """

    kind: str
    before: bytes
    after: bytes
    behind: int

    @property
    def moved(self) -> int:
        """Bytes by which `after` is longer."""
        return len(self.after) - len(self.before)


def stability_table(
    data: Sequence[bytes],
    model: BoundaryModel,
    *,
    edits: int = 200,
    context: int = 512,
    reach: int = 512,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Boundaries behind the edit, of the piece as it was and as it is: schema.STABILITY, schema.STABILITY_CURVE.

    edits           of each kind, at random symbols (characters of UTF-8; bytes where it is none), the new one drawn
                    from the symbols of the same input
    context, reach  bytes before and behind the edit that the model is given; what comes before an edit cannot change
    """
    made = [
        edit
        for kind, rng in zip(KINDS, np.random.default_rng(seed).spawn(len(KINDS)), strict=True)
        for edit in _edits(data, kind, edits, context, reach, rng)
    ]
    pieces = [piece for edit in made for piece in (edit.before, edit.after)]
    tracks = model.boundaries_many(pieces, progress=progress)
    rows, curves = [], []
    for kind in KINDS:
        mine = [i for i, edit in enumerate(made) if edit.kind == kind]
        for stage in range(model.n_stages):
            pairs = [_behind(made[i], tracks[2 * i][stage], tracks[2 * i + 1][stage]) for i in mine]
            head = {"model": model.name, "kind": kind, "stage": stage}
            rows.append(head | _summary(pairs))
            curves += [head | row for row in _curve(pairs, reach)]
    table = pd.DataFrame(rows).astype(schema.STABILITY)
    curve = pd.DataFrame(curves).astype(schema.STABILITY_CURVE)
    return schema.check(table, schema.STABILITY), schema.check(curve, schema.STABILITY_CURVE)


def _edits(
    data: Sequence[bytes], kind: str, n: int, context: int, reach: int, rng: np.random.Generator
) -> list[Edit]:
    usable = [each for each in data if len(each) > 1]
    if not usable:
        raise InputError("a change shows in an input of two bytes or more; give a longer one")
    sizes = np.array([len(each) for each in usable], np.float64)
    return [
        _edit(usable[i], kind, context, reach, rng) for i in rng.choice(len(usable), n, p=sizes / sizes.sum())
    ]


def _edit(data: bytes, kind: str, context: int, reach: int, rng: np.random.Generator) -> Edit:
    at, end = _symbol(data, int(rng.integers(len(data))))
    old, new = data[at:end], b""
    for _ in range(100):  # a symbol that differs; an input of one symbol has none
        low, high = _symbol(data, int(rng.integers(len(data))))
        new = data[low:high]
        if new != old:
            break
    low = max(0, at - context)
    head = data[low:at]
    if kind == "insert":
        rest = data[at : at + reach]
        return Edit(kind, head + rest, head + new + rest, len(head))
    rest = data[end : end + reach]
    changed = new if kind == "substitute" else b""
    return Edit(kind, head + old + rest, head + changed + rest, len(head) + len(old))


def _symbol(data: bytes, at: int) -> tuple[int, int]:
    """The character of UTF-8 that byte `at` belongs to, or the byte alone."""
    low, high = at, at + 1
    while low > max(0, at - 3) and data[low] & 0xC0 == 0x80:
        low -= 1
    while high < min(len(data), low + 4) and data[high] & 0xC0 == 0x80:
        high += 1
    try:
        return (low, high) if len(data[low:high].decode()) == 1 else (at, at + 1)
    except UnicodeDecodeError:
        return at, at + 1


def _behind(edit: Edit, before, after) -> tuple[np.ndarray, np.ndarray]:
    """(n,) bool twice: boundaries at the same bytes, from the first behind the edit, as it was and as it is."""
    marks = []
    for track, size, first in (
        (before, len(edit.before), edit.behind),
        (after, len(edit.after), edit.behind + edit.moved),
    ):
        flags = np.zeros(size, bool)
        flags[track.byte[track.is_boundary]] = True
        flags[:1] = False  # the forced start of a piece is nobody's choice
        marks.append(flags[first:])
    return marks[0], marks[1]


def _summary(pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    both = sum(int((a & b).sum()) for a, b in pairs)
    either = sum(int((a | b).sum()) for a, b in pairs)
    n, cut = sum(len(a) for a, _ in pairs), sum(int(a.sum()) for a, _ in pairs)
    by_chance = sum(int(a.sum()) * int(b.sum()) / len(a) for a, b in pairs if len(a))
    distance = np.array([int(np.flatnonzero(a != b)[-1]) + 1 if (a != b).any() else 0 for a, b in pairs])
    return {
        "n_edits": len(pairs),
        "n_bytes": n,
        "rate": cut / max(n, 1),
        "jaccard": both / either if either else np.nan,
        "jaccard_chance": by_chance / (both + either - by_chance) if either else np.nan,
        "unchanged": float((distance == 0).mean()),
        "distance_median": float(np.median(distance)),
        "distance_90": float(np.quantile(distance, 0.9)),
        "distance_max": int(distance.max()),
    }


def _curve(pairs: list[tuple[np.ndarray, np.ndarray]], reach: int) -> list[dict[str, float]]:
    """Share of bytes whose boundary changed, by distance: 0, 1, 2-3, 4-7, ..."""
    rows, low = [], 0
    while low < reach:
        high = max(2 * low, 1)
        n = sum(len(a[low:high]) for a, _ in pairs)
        changed = sum(int((a[low:high] != b[low:high]).sum()) for a, b in pairs)
        if n:
            rows.append({"distance": low, "n_bytes": n, "changed": changed / n})
        low = high
    return rows
