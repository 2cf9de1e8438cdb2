"""What the chunks are, how far they hold when one symbol changes, and what they save."""

from collections.abc import Sequence

import pandas as pd

from analysis.boundaries.extract import boundary_marks
from analysis.boundaries.segmentations import Segmentation
from analysis.findings import plots
from analysis.findings.data import Corpus, heads
from analysis.findings.document import (
    Section,
    beyond,
    code,
    decimal,
    folded,
    name_of,
    percent,
    probability,
    span,
    table,
    text,
    whole,
)
from analysis.findings.study import Study
from analysis.genome.motifs import DEFAULT_MOTIFS
from analysis.genome.strands import consistency_row
from analysis.inputs.bases import reverse_complement
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


def section(study: Study) -> Section:
    """Dictionaries, stability, motifs, both strands, and the cost of a byte."""
    out = Section("Chunks: dictionary, stability, cost")
    inputs = [(corpus, study.stages(corpus)) for corpus in study.texts]
    inputs += [(piece, study.piece_stages(piece)) for piece in study.pieces[:1]]
    inputs = [(corpus, stages) for corpus, stages in inputs if stages]
    _dictionaries(out, inputs)
    _stability(out, study, inputs)
    _motifs(out, study)
    _both_strands(out, study)
    _account(out, study, inputs)
    return out


def _dictionary_row(corpus: Corpus, stage: Segmentation, growth: pd.DataFrame) -> dict:
    """The dictionary of one stage over one input, in numbers and in its most frequent chunks."""
    words = dictionary_table(corpus.sequences, stage)
    top = [f"{code(chunk)} {share:.1%}" for chunk, share in words[["chunk", "share"]].head(TOP).values]
    return {
        "input": corpus.title,
        "label": name_of(stage),
        "bytes": corpus.n_bytes,
        "tokens": int(words["count"].sum()),
        "types": len(words),
        "heaps": heaps_exponent(growth),
        "once": (words["count"] == 1).mean(),
        "covered": words["share"].head(100).sum(),
        "top": " ".join(top),
    }


def _dictionaries(out: Section, inputs: Sequence[tuple[Corpus, list[Segmentation]]]) -> None:
    panels, rows, shared = {}, [], []
    for corpus, stages in inputs:
        types = {name_of(stage): chunk_types(corpus.sequences, stage) for stage in stages}
        for stage in stages:
            growth = growth_table(types[name_of(stage)])
            curve = growth["tokens"].to_numpy(), growth["types"].to_numpy()
            panels.setdefault(corpus.title, {})[name_of(stage)] = curve
            rows.append(_dictionary_row(corpus, stage, growth))
        if len(stages) > 1:
            shared.append(overlap_table(types).assign(input=corpus.title))
    if not rows:
        return
    found = pd.DataFrame(rows)
    out.add(
        "### Dictionary", "Every distinct chunk of an input is an entry. Heaps' b: entries grow as chunks^b."
    )
    columns = {
        "input": ("input", text),
        "label": ("model / stage", text),
        "bytes": ("bytes", whole),
        "tokens": ("chunks", whole),
        "types": ("entries", whole),
        "heaps": ("Heaps' b", decimal(2)),
        "once": ("seen once", percent),
        "covered": ("chunks in the 100 most frequent", percent),
    }
    out.add(table(found, columns))
    out.short(
        f"Dictionaries: {span(found['types'].astype(float), 0)} entries, growing as the number of chunks to the "
        f"power {span(found['heaps'])}; the 100 most frequent cover {span(100 * found['covered'], 0)} % of the chunks."
    )
    out.add(
        f"The {TOP} most frequent chunks of each:",
        table(found, {"label": columns["label"], "top": ("chunks", str)}),
    )
    if shared:
        columns = {
            "input": ("input", text),
            "a": ("A", text),
            "b": ("B", text),
            "jaccard": ("Jaccard of entries", decimal(3)),
        }
        columns |= {"tokens_a_in_b": ("A's chunks in B's dictionary", percent)}
        columns |= {"tokens_b_in_a": ("B's in A's", percent)}
        out.add(folded("What dictionaries share", table(pd.concat(shared), columns)))
    svg = plots.lines(panels, "chunks", "entries", logarithmic=True)
    out.plot("dictionary-growth.svg", svg, "Entries of the dictionaries against chunks read")


def _stability(out: Section, study: Study, inputs: Sequence[tuple[Corpus, list[Segmentation]]]) -> None:
    parts = []
    for corpus, _ in inputs:
        data = [each.data for each in heads(corpus.sequences, study.limits.surprisal_bytes)]
        for label, model in study.readers(corpus.domain).items():
            study.say(f"{corpus.title}: stability of {label}")
            rows, _ = stability_table(data, model, edits=study.limits.edits, context=256, reach=256)
            parts.append(
                rows.assign(input=corpus.title, label=[f"{label} / {stage}" for stage in rows["stage"]])
            )
    if not parts:
        return
    found = pd.concat(parts, ignore_index=True)
    columns = {
        "input": ("input", text),
        "label": ("model / stage", text),
        "kind": ("change", text),
        "n_edits": ("edits", whole),
        "n_bytes": ("bytes behind them", whole),
        "jaccard": ("Jaccard", decimal(3)),
        "jaccard_chance": ("chance", decimal(3)),
        "unchanged": ("change nothing", percent),
        "distance_median": ("back after (median)", decimal(0)),
        "distance_90": ("9 of 10", decimal(0)),
    }
    out.add(
        "### Stability",
        "One symbol substituted, inserted or deleted; Jaccard of the boundaries in the 256 bytes behind it with and "
        "without the change (chance: independent boundaries at the same rates), and the bytes after which they "
        "are the same again. Published to set beside: .851 under an insertion or deletion (DNAChunker, arXiv "
        "2601.03019).",
        table(found, columns),
    )
    by_domain = [f"{title} {span(part['jaccard'])}" for title, part in found.groupby("input", sort=False)]
    out.short(
        f"Stability: behind a change of one symbol the boundaries keep a Jaccard index of {', '.join(by_domain)} (by "
        f"chance {span(found['jaccard_chance'])})."
    )


def _motifs(out: Section, study: Study) -> None:
    parts = []
    for genome in study.genomes if study.readers("dna") else []:
        found = study.enrichment(genome)
        found = found[found["analysis"] == "motif"]
        parts.append(
            found.assign(
                genome=genome.corpus.title, label=[f"{r.model} / {r.stage}" for r in found.itertuples()]
            )
        )
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if found.empty:
        return
    found["occurrences"] = [r.n_bases // (len(DEFAULT_MOTIFS[r.feature]) - 1) for r in found.itertuples()]
    columns = {
        "genome": ("genome", text),
        "label": ("model / stage", text),
        "feature": ("motif", text),
        "strand": ("strand", text),
        "occurrences": ("occurrences", whole),
        "value": ("chunks each", decimal(2)),
        "expected": ("chance", decimal(2)),
        "z": ("z", decimal(1)),
        "p_value": ("p", probability),
        "q_value": ("q", probability),
    }
    fewer = found[found["value"] < found["expected"]]
    kept, made = beyond(fewer["q_value"])[0], beyond(found["q_value"])[1]
    out.add("### Motifs", "Chunks that an occurrence of a motif lies in; 1 where it is never cut inside.")
    out.short(
        f"Motifs ({', '.join(DEFAULT_MOTIFS)}): {span(found['value'])} chunks an occurrence, fewer than "
        f"chance (q < 0.05) in {kept} of {made} tests. Published to set beside: 1.22, byte pairs 2.47 (DNAChunker)."
    )
    out.add(folded("Every motif", table(found, columns)))


def _both_strands(out: Section, study: Study) -> None:
    rows = []
    for piece in study.pieces[:1]:
        data = [each.data for each in heads(piece.sequences, study.limits.piece_bases)]
        turned = [reverse_complement(each) for each in data]
        for label, model in study.readers("dna").items():
            study.say(f"{piece.title}: both strands, {label}")
            strands = [boundary_marks(each, model) for each in (data, turned)]
            for stage, (forward, reverse) in enumerate(zip(*strands, strict=True)):
                row = consistency_row(label, stage, forward, reverse, study.limits.shifts, 0)
                rows.append(row | {"label": f"{label} / {stage}", "genome": piece.title})
    if not rows:
        return
    found = pd.DataFrame(rows)
    columns = {
        "genome": ("genome", text),
        "label": ("model / stage", text),
        "n_bases": ("bases", whole),
        "value": ("Jaccard", decimal(3)),
        "expected": ("chance", decimal(3)),
        "z": ("z", decimal(1)),
        "p_value": ("p", probability),
    }
    more = int((found["p_value"] < 0.05).sum())
    out.add(
        "### Both strands",
        "Jaccard of the boundaries on a strand and on its reverse complement, at the same places.",
    )
    out.short(
        f"Both strands: cut alike more often than chance (p < 0.05) by {more} of {len(found)} stages; "
        f"Jaccard {span(found['value'], 3)}, by chance {span(found['expected'], 3)}."
    )
    out.add(table(found, columns))


def _account(out: Section, study: Study, inputs: Sequence[tuple[Corpus, list[Segmentation]]]) -> None:
    rows = []
    for corpus, stages in inputs:
        for label, model in study.readers(corpus.domain).items():
            rates = measured_rates([stage for stage in stages if stage.name == label])
            account = account_table(model.config, rates, model.info.get("row_bytes", LONG_CONTEXT))
            own, dense = account.iloc[0], account.iloc[1]
            drafts = account[account["scheme"] == "draft and verify"]
            cheapest = drafts.loc[drafts["flops_per_byte"].idxmin()]
            row = {
                "input": corpus.title,
                "model": label,
                "steps": own.main_steps_per_byte,
                "flops": own.flops_per_byte,
            }
            row |= {"dense": dense.relative_flops, "draft": cheapest.relative_flops}
            rows.append(row | {"how": f"{cheapest.drafted} drafted, {percent(cheapest.accepted)} accepted"})
    if not rows:
        return
    found = pd.DataFrame(rows)
    columns = {
        "input": ("input", text),
        "model": ("model", text),
        "steps": ("main steps a byte", decimal(3)),
        "flops": ("FLOPs a byte", whole),
        "dense": ("main network at every byte, times", decimal(2)),
        "draft": ("cheapest draft and verify, times", decimal(2)),
        "how": ("with", text),
    }
    out.add(
        "### Cost of a byte",
        "Steps of the main network and operations a byte at the boundaries measured here, beside the main network at "
        "every byte and draft and verify with networks of the same sizes (arXiv 2211.17192).",
        table(found, columns),
    )
    out.short(
        f"Cost: {span(found['steps'])} main-network steps a byte; the main network at every byte would take "
        f"{span(found['dense'])} times the operations."
    )
