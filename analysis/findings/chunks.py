"""Do boundaries hold when one symbol changes? And what the chunks are, and what they save."""

from collections.abc import Iterator, Sequence

import pandas as pd

from analysis.boundaries.segmentations import Segmentation
from analysis.findings import plots
from analysis.findings.data import Corpus, heads
from analysis.findings.document import Answer, Tables, decimal, listed, name_of, percent, span, table, text
from analysis.findings.study import Study
from analysis.meaning.account import account_table, measured_rates
from analysis.meaning.dictionary import (
    chunk_types,
    dictionary_table,
    growth_table,
    heaps_exponent,
    overlap_table,
)
from analysis.meaning.stability import stability_table

TOP = 12
"""Chunks shown of each dictionary."""
LONG_CONTEXT = 8192
"""Bytes that attention looks back on where model.json does not say."""
HOLDS = 0.9
"""Jaccard from which on boundaries are said to hold."""

Inputs = Sequence[tuple[Corpus, list[Segmentation]]]


def tables(study: Study) -> Tables:
    """stability, dictionary and overlap of every stage; account: operations a byte."""
    inputs = [(corpus, study.stages(corpus)) for corpus in study.texts]
    inputs += [(piece, study.piece_stages(piece)) for piece in study.pieces[:1]]
    inputs = [(corpus, stages) for corpus, stages in inputs if stages]
    parts = {"stability": _stability(study, inputs), "overlap": _overlap(inputs)}
    rows = {"dictionary": _dictionaries(inputs), "account": _account(study, inputs)}
    found = {
        name: pd.concat(each, ignore_index=True) if (each := list(part)) else pd.DataFrame()
        for name, part in parts.items()
    }
    return found | {name: pd.DataFrame(list(each)) for name, each in rows.items()}


def _stability(study: Study, inputs: Inputs) -> Iterator[pd.DataFrame]:
    for corpus, _ in inputs:
        data = [each.data for each in heads(corpus.sequences, study.limits.surprisal_bytes)]
        for label, model in study.readers(corpus.domain).items():
            study.say(f"{corpus.title}: stability of {label}")
            rows, _ = stability_table(data, model, edits=study.limits.edits, context=256, reach=256)
            yield rows.assign(input=corpus.title, model=label)[["input", *rows.columns]]


def _dictionaries(inputs: Inputs) -> Iterator[dict]:
    """The dictionary of every stage: distinct chunks, how they grow, and the most frequent."""
    for corpus, stages in inputs:
        for stage in stages:
            words = dictionary_table(corpus.sequences, stage)
            growth = growth_table(chunk_types(corpus.sequences, stage))
            yield {
                "input": corpus.title,
                "model": stage.name,
                "stage": stage.stage,
                "n_bytes": corpus.n_bytes,
                "n_chunks": int(words["count"].sum()),
                "n_types": len(words),
                "heaps_exponent": heaps_exponent(growth),
                "seen_once": float((words["count"] == 1).mean()),
                "share_of_100": float(words["share"].head(100).sum()),
                "most_frequent": " | ".join(words["chunk"].head(TOP)),
            }


def _overlap(inputs: Inputs) -> Iterator[pd.DataFrame]:
    for corpus, stages in inputs:
        if len(stages) > 1:
            types = {name_of(stage): chunk_types(corpus.sequences, stage) for stage in stages}
            found = overlap_table(types)
            yield found.assign(input=corpus.title)[["input", *found.columns]]


def _account(study: Study, inputs: Inputs) -> Iterator[dict]:
    """Operations a byte at the rates measured here, beside the main network at every byte and draft and verify."""
    for corpus, stages in inputs:
        for label, model in study.readers(corpus.domain).items():
            rates = measured_rates([stage for stage in stages if stage.name == label])
            account = account_table(model.config, rates, model.info.get("row_bytes", LONG_CONTEXT))
            own, dense = account.iloc[0], account.iloc[1]
            drafts = account[account["scheme"] == "draft and verify"]
            cheapest = drafts.loc[drafts["flops_per_byte"].idxmin()]
            yield {
                "input": corpus.title,
                "model": label,
                "main_steps_per_byte": own.main_steps_per_byte,
                "flops_per_byte": own.flops_per_byte,
                "dense_relative_flops": dense.relative_flops,
                "draft_relative_flops": cheapest.relative_flops,
                "drafted": int(cheapest.drafted),
                "accepted": cheapest.accepted,
            }


def answer(found: Tables) -> Answer | None:
    """Jaccard of the boundaries behind one changed symbol, beside chance; dictionary and cost in a sentence each."""
    rows = found["stability"]
    if rows.empty:
        return None
    shown = rows.groupby("input", sort=False).agg(
        jaccard=("jaccard", "median"), chance=("jaccard_chance", "median"), unchanged=("unchanged", "median")
    )
    columns = {
        "input": ("input", text),
        "jaccard": ("Jaccard, median", decimal(2)),
        "chance": ("by chance", decimal(2)),
        "unchanged": ("edits that change no boundary, median", percent),
    }
    return Answer(
        "Do boundaries hold when one symbol changes, and what do chunks save?",
        verdict(rows),
        _more(found),
        table(shown.reset_index(), columns),
        ("stability.svg", "Jaccard of the boundaries behind one changed symbol", _plot(rows)),
        "Longer edits, or changes that a reader would notice; models whose main network feeds back into the encoder. "
        "Published of another model: 0.851 behind an insertion or deletion (DNAChunker, arXiv 2601.03019).",
        ("stability", "dictionary", "overlap", "account"),
    )


def verdict(rows: pd.DataFrame) -> list[str]:
    """Inputs by whether boundaries hold, keep some, or are no more alike than by chance."""
    kinds: dict[str, list[str]] = {}
    for title, part in rows.groupby("input", sort=False):
        median, chance = part["jaccard"].median(), part["jaccard_chance"].median()
        kind = "no" if median <= chance else "yes" if median >= HOLDS else "part"
        kinds.setdefault(kind, []).append(title)
    words = {
        "no": "**No in {}**: they are no more alike than independent boundaries.",
        "part": f"**In part in {{}}**: above chance, below {HOLDS:g}.",
        "yes": f"**Yes in {{}}**: a Jaccard index of {HOLDS:g} or more in the median.",
    }
    said = [sentence.format(listed(kinds[kind])) for kind, sentence in words.items() if kind in kinds]
    return [*said, "Compared are the boundaries in the 256 bytes behind the change with those without it."]


def _more(found: Tables) -> list[str]:
    """Dictionaries and cost."""
    words, cost = found["dictionary"], found["account"]
    said = []
    if len(words):
        said.append(
            f"Distinct chunks grow as the number of chunks to the power {span(words['heaps_exponent'])} (Heaps); the "
            f"100 most frequent are {span(100 * words['share_of_100'], 0)} % of all chunks."
        )
    if len(cost):
        said.append(
            f"The main network takes {span(cost['main_steps_per_byte'])} steps a byte; with one at every byte, a model "
            f"would need {span(cost['dense_relative_flops'], 1)} times the operations."
        )
    return said


def _plot(rows: pd.DataFrame) -> bytes:
    panels = {}
    for title, part in rows.groupby("input", sort=False):
        series = {kind: own["jaccard"].tolist() for kind, own in part.groupby("kind", sort=False)}
        panels[title] = series | {"by chance": part["jaccard_chance"].tolist()}
    return plots.strips(panels, "Jaccard of boundaries with and without the change")
