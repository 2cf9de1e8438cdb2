"""Classes of bases in an annotated sequence (CDS, intergenic, intron, ...) and its sites (start, stop, donor, ...)."""

import numpy as np
import pandas as pd

UPSTREAM = 100
"""Bases before a gene that count as its upstream window, unless the caller says otherwise."""

MIN_INTRON = 10
"""Bases; what is shorter between two parts is a slip of the ribosome."""

# Terms of the Sequence Ontology (GFF3), of INSDC (GenBank) and of Ensembl's GTF -> what tables call them.
_CLASSES = {
    "CDS": "CDS",
    "exon": "exon",
    "noncoding_exon": "exon",
    "intron": "intron",
    "tRNA": "tRNA",
    "tRNA_gene": "tRNA",
    "rRNA": "rRNA",
    "rRNA_gene": "rRNA",
    "five_prime_UTR": "UTR",
    "three_prime_UTR": "UTR",
    "five_prime_utr": "UTR",
    "three_prime_utr": "UTR",
    "5'UTR": "UTR",
    "3'UTR": "UTR",
    "UTR": "UTR",
    "promoter": "promoter",
    "pseudogene": "pseudogene",
    "repeat_region": "repeat",
    "repeat_unit": "repeat",
    "tandem_repeat": "repeat",
    "direct_repeat": "repeat",
    "inverted_repeat": "repeat",
    "dispersed_repeat": "repeat",
    "long_terminal_repeat": "repeat",
    "LTR": "repeat",
    "mobile_element": "repeat",
    "mobile_genetic_element": "repeat",
    "transposable_element": "repeat",
    "LTR_retrotransposon": "repeat",
    "region": "region",
}
_TRANSCRIBED = r"gene|.*_gene|.*pseudogene|.*RNA|.*transcript|CDS|.*exon|.*UTR|.*utr|intron"

Intervals = np.ndarray
"""(K, 2) int64: 0-based half-open, rising, without overlap."""


def merged(start: np.ndarray, end: np.ndarray, length: int) -> Intervals:
    """The union of intervals within [0, length)."""
    return runs(painted(np.column_stack([start, end]), length))


def painted(intervals: np.ndarray, length: int) -> np.ndarray:
    """(length,) bool: which bases lie in any of the intervals (K, 2)."""
    change = np.bincount(intervals[:, 0], minlength=length + 1)
    change -= np.bincount(intervals[:, 1], minlength=length + 1)
    return change.cumsum()[:length] > 0


def runs(mask: np.ndarray) -> Intervals:
    """The stretches of True of a (length,) bool array."""
    edge = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edge.reshape(-1, 2)


def feature_classes(
    features: pd.DataFrame, length: int, upstream: int = UPSTREAM
) -> dict[tuple[str, str], Intervals]:
    """(class, strand) -> its bases, of one sequence. Strand "." holds those of both strands and of none.

    features  of this sequence, schema.FEATURES, none beyond `length`
    Classes overlap: an exon is CDS or UTR too. Besides what the file names there are
    intron      between the exons of one transcript, else between the parts of one CDS, where the file names none
    UTR         what is exon but not CDS in transcripts that have both, where the file names none
    upstream    the last `upstream` bases before a gene as far as they are intergenic
    intergenic  in no gene, transcript or coding feature of either strand
    """
    named = features.assign(label=features["kind"].astype(str).map(_CLASSES))
    # A `region` that spans its whole sequence is the sequence itself (RefSeq's GFF3), no feature of it.
    whole = (named["label"] == "region") & (named["start"] == 0) & (named["end"] == length)
    parts = [named[~whole & named["label"].notna()]]
    if "intron" not in set(parts[0]["label"]):
        parts.append(_introns(features, length))
    genic = features[features["kind"].astype(str).str.fullmatch(_TRANSCRIBED)]
    intergenic = ~painted(genic[["start", "end"]].to_numpy(), length)
    out = {}
    table = pd.concat(parts)
    strands = table["strand"].astype(str)
    for (label, strand), part in table.groupby(["label", strands], sort=True):
        out[label, strand] = merged(part["start"].to_numpy(), part["end"].to_numpy(), length)
    if "UTR" not in set(table["label"]):
        out |= _untranslated(features, length)
    out |= _upstream(features, intergenic, upstream)
    by_label: dict[str, list[Intervals]] = {}
    for (label, _), intervals in out.items():
        by_label.setdefault(label, []).append(intervals)
    for label, each in by_label.items():
        out[label, "."] = runs(painted(np.concatenate(each), length))
    out["intergenic", "."] = runs(intergenic)
    return {key: out[key] for key in sorted(out) if len(out[key])}


def _of_transcripts(features: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Parts of one kind, once for each transcript that they belong to; sorted within the transcript."""
    parts = features[(features["kind"] == kind) & (features["parent"] != "")]
    parts = parts.assign(parent=parts["parent"].str.split(",")).explode("parent")
    return parts.sort_values(["parent", "start"], kind="stable")


def over_origin(parts: pd.DataFrame, length: int) -> set[str]:
    """Parents whose parts (of one kind) end at the sequence's end and go on at its start: on a ring."""
    return set(parts["parent"][parts["start"] == 0]) & set(parts["parent"][parts["end"] == length])


def gaps(features: pd.DataFrame, kind: str, length: int) -> pd.DataFrame:
    """start, end and strand of what lies between consecutive parts of one transcript."""
    parts = _of_transcripts(features, kind)
    parts = parts[~parts["parent"].isin(over_origin(parts, length))]
    follows = (parts["parent"] == parts["parent"].shift()) & (parts["strand"] == parts["strand"].shift())
    before = parts["end"].shift(fill_value=0)
    # A slip of the ribosome by a base or two, or an overlap, is no intron.
    gap = follows & (parts["start"] - before >= MIN_INTRON)
    return pd.DataFrame({"start": before[gap], "end": parts["start"][gap], "strand": parts["strand"][gap]})


def _introns(features: pd.DataFrame, length: int) -> pd.DataFrame:
    found = gaps(features, "exon", length)
    if found.empty:
        found = gaps(features, "CDS", length)
    return found.assign(label="intron")


def _untranslated(features: pd.DataFrame, length: int) -> dict[tuple[str, str], Intervals]:
    exons, coding = _of_transcripts(features, "exon"), _of_transcripts(features, "CDS")
    exons = exons[exons["parent"].isin(coding["parent"])]
    if exons.empty:
        return {}
    is_coding = painted(coding[["start", "end"]].to_numpy(), length)
    found = {}
    for strand in ("+", "-"):
        mine = exons[exons["strand"] == strand]
        found["UTR", strand] = runs(painted(mine[["start", "end"]].to_numpy(), length) & ~is_coding)
    return found


def _upstream(features: pd.DataFrame, intergenic: np.ndarray, n: int) -> dict[tuple[str, str], Intervals]:
    length, found = len(intergenic), {}
    for strand in ("+", "-"):
        site = gene_starts(features, strand, length)
        window = (site - n, site) if strand == "+" else (site + 1, site + 1 + n)
        window = np.column_stack(window).clip(0, length)
        found["upstream", strand] = runs(painted(window, length) & intergenic)
    return found


def gene_starts(features: pd.DataFrame, strand: str, length: int) -> np.ndarray:
    """The first transcribed base of every gene of a strand; of every CDS where the file has no genes."""
    genes = features[(features["kind"] == "gene") & (features["strand"] == strand)]
    if genes.empty:
        return cds_ends(features, strand, length)[0]
    first = genes["start"] if strand == "+" else genes["end"] - 1
    return np.unique(first.to_numpy())


def cds_ends(features: pd.DataFrame, strand: str, length: int) -> tuple[np.ndarray, np.ndarray]:
    """First base of the start codon and first base of the stop codon of every CDS on a strand.

    A CDS that begins inside a codon (phase not 0) has lost its start, and a ring's CDS over the origin is left out.
    """
    parts = features[(features["kind"] == "CDS") & (features["strand"] == strand)]
    keys = parts["parent"].where(parts["parent"] != "", parts["name"] + parts["line"].astype(str))
    parts = parts.assign(parent=keys.str.split(",")).explode("parent")
    groups = parts.groupby("parent")
    first, last = groups["start"].min(), groups["end"].max()
    by_start = parts.sort_values("start", kind="stable").groupby("parent")
    phase = by_start["phase"].first() if strand == "+" else by_start["phase"].last()
    whole = (phase == 0) & ~phase.index.isin(over_origin(parts, length))
    first, last = first[whole].to_numpy(), last[whole].to_numpy()
    return (
        (np.unique(first), np.unique(last - 3))
        if strand == "+"
        else (np.unique(last - 1), np.unique(first + 2))
    )


def sites(features: pd.DataFrame, length: int) -> dict[tuple[str, str], np.ndarray]:
    """(site, strand) -> positions. Offset 0 of a profile is this base; offsets rise in the direction of transcription.

    start, stop  first base of the codon      TSS  first base of a transcript (mRNA or another RNA)
    donor, acceptor  first base of an intron, first base behind it
    """
    found = {}
    introns = features[features["kind"] == "intron"]
    introns = introns if len(introns) else _introns(features, length)
    kinds = features["kind"].astype(str)
    for strand in ("+", "-"):
        found["start", strand], found["stop", strand] = cds_ends(features, strand, length)
        rna = features[kinds.str.fullmatch(r"mRNA|transcript|.*RNA") & (features["strand"] == strand)]
        between = introns[introns["strand"] == strand]
        start, end = between["start"].to_numpy(), between["end"].to_numpy()
        if strand == "+":
            found["TSS", strand] = np.unique(rna["start"].to_numpy())
            found["donor", strand], found["acceptor", strand] = np.unique(start), np.unique(end)
        else:
            found["TSS", strand] = np.unique(rna["end"].to_numpy() - 1)
            found["donor", strand], found["acceptor", strand] = np.unique(end - 1), np.unique(start - 1)
    return {key: each for key, each in found.items() if len(each)}
