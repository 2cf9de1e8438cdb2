"""Some models over the same input, drawn one under another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from analysis.boundaries.extract import Analysis
from analysis.files.provenance import Provenance
from app.picture import value as view
from app.picture.origin import where_from
from app.picture.viewer import Group, viewer_value
from app.server import references
from app.wording.sentences import counted


@dataclass(frozen=True)
class Comparison:
    """Some models over the same sequences. stage: 0 compares the outermost stages, -1 the innermost ones."""

    analyses: tuple[Analysis, ...]
    record: str
    stage: int = 0
    pair: tuple[int, int, int, int] | None = None
    """(model, its stage, other model, its stage) when only these two are shown."""
    link: Mapping[str, str] = field(default_factory=dict)
    """What an address must say to lead here again, but for the stage."""

    @property
    def shown(self) -> list[tuple[int, int]]:
        """(model, stage compared) of what the viewer holds."""
        if self.pair:
            return [self.pair[:2], self.pair[2:]]
        return [(i, self.stage % each.model.n_stages) for i, each in enumerate(self.analyses)]

    @property
    def sides(self) -> list[tuple[int, int]]:
        """(model, stage) of everything that can be compared."""
        return [(i, s) for i, each in enumerate(self.analyses) for s in range(each.model.n_stages)]

    @property
    def length(self) -> int:
        """Bytes of the record shown."""
        return next(len(each.data) for each in self.analyses[0].sequences if each.name == self.record)


def about(comparison: Comparison, **options: Any) -> Provenance:
    """Where the files come from. Options that say how: by which stage, measure and groups."""
    shown = [f"{comparison.analyses[i].model.name}, stage {s}" for i, s in comparison.shown]
    return where_from("page: compare", *comparison.analyses, compared=shown, **options)


def value_of(comparison: Comparison) -> dict[str, Any]:
    """The viewer over one record with the tracks of the models shown; the stages compared are marked."""
    shown, all_of = comparison.shown, comparison.analyses
    sequence = next(each for each in all_of[0].sequences if each.name == comparison.record)
    unit, n, groups = "base" if sequence.kind == "dna" else "byte", len(sequence.data), []
    facts, notes, alerts = [("input", sequence.name), (f"{unit}s", f"{n:,}")], {}, {}
    for i, stage in shown:
        one, letter = all_of[i], ascii_uppercase[i]
        groups.append(Group(letter, one.model.title, view.tracks(one, sequence.name, 0, n)))
        chunks = len(one.chunks_of(sequence.name, stage))
        words = f"{counted(chunks, 'chunk')}, {n / chunks:.2f} {unit}s a chunk"
        facts.append((f"{letter}, stage {stage}", words))
        notes[letter] = view.learned(one) if len(shown) <= 3 else []
        misplaced = references.misplaced(one.model.name, sequence)
        alerts[letter] = [*view.alerts(one), *([misplaced] if misplaced else [])]
    options = {
        "compared": [stage for _, stage in shown],
        "link": {**comparison.link, **({"stage": str(comparison.stage)} if comparison.stage else {})},
        "notes": view.lettered(notes),
        "alerts": view.lettered(alerts),
        "about": about(comparison),
    }
    return viewer_value(sequence.data, groups, facts=facts, **options, **view.rows(sequence.kind))
