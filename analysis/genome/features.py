"""Classes of bases in an annotated sequence (CDS, intergenic, intron, ...) and its sites (start, stop, donor, ...)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.chance.circular_shifts import borders_of, owners

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
_RNA = r"mRNA|transcript|.*RNA"

Intervals = np.ndarray
"""(K, 2) int64: 0-based half-open, rising, without overlap."""

Lengths = int | Sequence[int]
"""Of one sequence, or of several whose features are laid end to end (analysis.inputs.annotations.laid_end_to_end)."""


def merged(start: np.ndarray, end: np.ndarray, length: int) -> Intervals:
    """The union of intervals within [0, length)."""
    return runs(painted(np.column_stack([start, end]), length))


def painted(intervals: np.ndarray, length: int) -> np.ndarray:
    """(length,) bool: which bases lie in any of the intervals (K, 2)."""
    change = np.bincount(intervals[:, 0], minlength=length + 1)
    change -= np.bincount(intervals[:, 1], minlength=length + 1)
    return change.cumsum()[:length] > 0


def runs(mask: np.ndarray, borders: np.ndarray | None = None) -> Intervals:
    """The stretches of True of a (length,) bool array, none across the border of two sequences."""
    edge = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    if borders is not None:
        inner = borders[1:-1]
        crossed = inner[mask[inner] & mask[inner - 1]]
        edge = np.sort(np.concatenate([edge, crossed, crossed]))
    return edge.reshape(-1, 2)


def feature_classes(
    features: pd.DataFrame, length: Lengths, upstream: int = UPSTREAM
) -> dict[tuple[str, str], Intervals]:
    """(class, strand) -> its bases. Strand "." holds those of both strands and of none.

    features  of these sequences, schema.FEATURES, none beyond its sequence
    Classes overlap: an exon is CDS or UTR too. CDS of a pseudogene is pseudogene. Besides what the file names there are
    intron      between the parts of a transcript: its exons, else its CDS parts, or the parts of an RNA
    UTR         what is exon but not CDS in transcripts that have both and no UTR of their own in the file
    upstream    the last `upstream` bases before a gene as far as they are intergenic
    intergenic  in no gene, transcript or coding feature of either strand
    """
    borders = borders_of(length)
    labels = features["kind"].astype(str).map(_CLASSES)
    labels = labels.mask((labels == "CDS") & features["pseudo"], "pseudogene")
    # A `region` that spans its whole sequence is the sequence itself (RefSeq's GFF3), no feature of it.
    owner = owners(features["start"].to_numpy(), borders)
    spans = (features["start"] == borders[owner]) & (features["end"] == borders[owner + 1])
    named = features.assign(label=labels)[labels.notna() & ~((labels == "region") & spans)]
    genic = features[features["kind"].astype(str).str.fullmatch(_TRANSCRIBED)]
    intergenic = ~painted(genic[["start", "end"]].to_numpy(), borders[-1])
    table = pd.concat([named, introns(features, borders).assign(label="intron")])
    masks = {}
    for (label, strand), part in table.groupby(["label", table["strand"].astype(str)], sort=True):
        masks[label, strand] = painted(part[["start", "end"]].to_numpy(), borders[-1])
    for key, mask in _untranslated(features, borders).items():
        masks[key] = masks[key] | mask if key in masks else mask
    for strand, mask in _upstream(features, intergenic, borders, upstream).items():
        masks["upstream", strand] = mask
    out = {key: runs(mask, borders) for key, mask in masks.items()}
    for label in {label for label, _ in masks}:
        both = np.concatenate([each for key, each in out.items() if key[0] == label])
        out[label, "."] = runs(painted(both, borders[-1]), borders)
    out["intergenic", "."] = runs(intergenic, borders)
    return {key: out[key] for key in sorted(out) if len(out[key])}


def _of_transcripts(features: pd.DataFrame, kind: str, borders: np.ndarray) -> pd.DataFrame:
    """Parts of one kind, once for each transcript that they belong to; column `key` tells transcripts apart."""
    parts = features[(features["kind"] == kind) & (features["parent"] != "")]
    owner = owners(parts["start"].to_numpy(), borders).astype(str)
    parts = parts.assign(key=parts["parent"].str.split(","), owner=owner).explode("key")
    return parts.assign(key=parts["owner"] + " " + parts["key"])


def _ambiguous(parts: pd.DataFrame, borders: np.ndarray) -> np.ndarray:
    """(rows,) bool: parts of features that begin at one end of their sequence and end at the other, by place.

    Such a feature lies around the origin of a ring that the file does not name, or fills a contig; neither is certain.
    parts  with the column `key`, a value for each feature, sorted by key and order of transcription
    """
    owner = owners(parts["start"].to_numpy(), borders)
    left = (parts["start"] == borders[owner]).groupby(parts["key"].to_numpy(), sort=False).transform("any")
    right = (parts["end"] == borders[owner + 1]).groupby(parts["key"].to_numpy(), sort=False).transform("any")
    return (left & right).to_numpy() & parts["key"].duplicated(keep=False).to_numpy()


def gaps(parts: pd.DataFrame) -> pd.DataFrame:
    """start, end, strand and parent of what lies between consecutive parts of one key.

    parts  with the column `key`, sorted by key and order of transcription
    """
    reverse = (parts["strand"] == "-").to_numpy()
    start, end = parts["start"].to_numpy(), parts["end"].to_numpy()
    low = np.where(reverse, end, np.roll(end, 1))
    high = np.where(reverse, np.roll(start, 1), start)
    same = (parts["key"] == parts["key"].shift()) & (parts["strand"] == parts["strand"].shift())
    # A slip of the ribosome by a base or two, or an overlap, is no intron; nor is what trans-splicing joins.
    found = same.to_numpy() & (high - low >= MIN_INTRON)
    about = parts[["strand", "parent"]][found]
    return about.assign(start=low[found], end=high[found])


def introns(features: pd.DataFrame, borders: np.ndarray) -> pd.DataFrame:
    """start, end and strand: those that the file names, and those of every transcript that its parts show."""
    exons = _of_transcripts(features, "exon", borders)
    first = np.where(exons["strand"] == "-", -exons["end"], exons["start"])
    exons = exons.assign(first=first).sort_values(["key", "strand", "first"], kind="stable")
    spliced = features[features["kind"].astype(str).str.fullmatch(_RNA)]
    spliced = spliced.assign(key=spliced["group"]).sort_values(["key", "rank"], kind="stable")
    found = [gaps(exons[~_ambiguous(exons, borders)]), gaps(spliced)]
    coding = gaps(_in_reading_order(features, borders))
    with_exons = set(exons["key"])
    owner = owners(coding["start"].to_numpy(), borders)
    has = [
        any(f"{i} {parent}" in with_exons for parent in parents.split(","))
        for i, parents in zip(owner, coding["parent"], strict=True)
    ]
    found.append(coding[~np.array(has, bool)])
    columns = ["start", "end", "strand"]
    return pd.concat([features[features["kind"] == "intron"], *found])[columns]


def _in_reading_order(features: pd.DataFrame, borders: np.ndarray) -> pd.DataFrame:
    """CDS parts of genes that work, once for each protein (column `key`), in the order of transcription."""
    parts = features[(features["kind"] == "CDS") & ~features["pseudo"]]
    parts = parts.assign(key=parts["group"].str.split(",")).explode("key")
    parts = parts.sort_values(["key", "rank"], kind="stable")
    doubtful = _ambiguous(parts, borders)
    if doubtful.any():
        # Where the order of transcription leads over the border, the file knows of the ring.
        first = np.where(parts["strand"] == "-", -parts["end"], parts["start"])
        falls = pd.Series(np.diff(first, prepend=first[:1]) < 0, index=parts.index) & parts["key"].eq(
            parts["key"].shift()
        )
        doubtful &= ~falls.groupby(parts["key"].to_numpy(), sort=False).transform("any").to_numpy()
    return parts[~doubtful]


def _untranslated(features: pd.DataFrame, borders: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """(UTR, strand) -> (length,) bool, of transcripts of which the file names none."""
    exons, coding = (_of_transcripts(features, kind, borders) for kind in ("exon", "CDS"))
    named = features[features["kind"].astype(str).map(_CLASSES) == "UTR"]
    named = _of_transcripts(named.assign(kind="UTR"), "UTR", borders)
    exons = exons[exons["key"].isin(coding["key"]) & ~exons["key"].isin(named["key"])]
    if exons.empty:
        return {}
    is_coding = painted(coding[["start", "end"]].to_numpy(), borders[-1])
    found = {}
    for strand in ("+", "-"):
        mine = exons[exons["strand"] == strand]
        found["UTR", strand] = painted(mine[["start", "end"]].to_numpy(), borders[-1]) & ~is_coding
    return found


def _upstream(
    features: pd.DataFrame, intergenic: np.ndarray, borders: np.ndarray, n: int
) -> dict[str, np.ndarray]:
    found = {}
    for strand, site in gene_starts(features, borders).items():
        owner = owners(site, borders)
        window = (site - n, site) if strand == "+" else (site + 1, site + 1 + n)
        window = np.column_stack([each.clip(borders[owner], borders[owner + 1]) for each in window])
        found[strand] = painted(window, len(intergenic)) & intergenic
    return found


def gene_starts(features: pd.DataFrame, borders: np.ndarray) -> dict[str, np.ndarray]:
    """Strand -> the first transcribed base of every gene, and of every CDS that lies in no gene of its strand."""
    genes = features[features["kind"] == "gene"]
    first = _first_bases(genes)
    ends = coding_ends(features, borders)
    for strand in ("+", "-"):
        mine = painted(genes[genes["strand"] == strand][["start", "end"]].to_numpy(), borders[-1])
        start = ends["start", strand][:, 0]
        first[strand] = np.union1d(first[strand], start[~mine[start]])
    return first


def _first_bases(features: pd.DataFrame) -> dict[str, np.ndarray]:
    """Strand -> the first transcribed base of every feature, which may have several parts."""
    parts = features.sort_values("rank", kind="stable").drop_duplicates("group")
    return {
        "+": np.unique(parts["start"][parts["strand"] == "+"].to_numpy()),
        "-": np.unique(parts["end"][parts["strand"] == "-"].to_numpy() - 1),
    }


def coding_ends(features: pd.DataFrame, borders: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """("start" or "stop", strand) -> (N, 3) the bases of these codons, in the order of transcription.

    The strand is that of the codon's first base. An intron may part a codon, a gene may be spliced of both strands.
    A CDS that begins inside a codon (phase not 0) or beyond what is annotated has no start codon here, one that ends
    inside a codon or beyond no stop codon.
    """
    parts = _in_reading_order(features, borders)
    size = (parts["end"] - parts["start"]).to_numpy()
    end = np.cumsum(size)  # bases of all coding sequences laid end to end
    begins = np.flatnonzero(parts["key"] != parts["key"].shift())
    ends = np.append(begins[1:], len(parts))[: len(begins)] - 1
    first, last = parts.iloc[begins], parts.iloc[ends]
    n_bases = end[ends] - (end - size)[begins]
    stranded = ~(parts["strand"] == ".").groupby(parts["key"].to_numpy(), sort=True).any().to_numpy(bool)
    has_start = stranded & (first["phase"] == 0).to_numpy() & ~first["open_start"].to_numpy() & (n_bases > 2)
    whole = (n_bases - first["phase"].clip(lower=0).to_numpy()) % 3 == 0
    has_stop = stranded & whole & ~last["open_end"].to_numpy() & (n_bases > 2)
    reverse = (parts["strand"] == "-").to_numpy()
    low, high = parts["start"].to_numpy(), parts["end"].to_numpy()
    found = {}
    for name, number in (("start", (end - size)[begins[has_start]]), ("stop", end[ends[has_stop]] - 3)):
        number = number[:, None] + np.arange(3)
        part = np.searchsorted(end, number, side="right")
        along = number - (end - size)[part]
        place = np.where(reverse[part], high[part] - 1 - along, low[part] + along)
        for strand in ("+", "-"):
            mine = place[reverse[part[:, 0]] == (strand == "-")]
            found[name, strand] = np.unique(mine.reshape(-1, 3), axis=0)
    return found


def sites(features: pd.DataFrame, length: Lengths) -> dict[tuple[str, str], np.ndarray]:
    """(site, strand) -> positions. Offset 0 of a profile is this base; offsets rise in the direction of transcription.

    start, stop  first base of the codon      TSS  first base of a transcript (mRNA or another RNA)
    donor, acceptor  first base of an intron, first base behind it
    """
    borders = borders_of(length)
    between = introns(features, borders)
    kinds = features["kind"].astype(str)
    rna = features[kinds.str.fullmatch(_RNA)].sort_values("rank", kind="stable").drop_duplicates("group")
    transcripts = _first_bases(rna[~rna["open_start"]])
    found = {key: codons[:, 0] for key, codons in coding_ends(features, borders).items()}
    for strand in ("+", "-"):
        mine = between[between["strand"] == strand]
        start, end = mine["start"].to_numpy(), mine["end"].to_numpy()
        donor, acceptor = (start, end) if strand == "+" else (end - 1, start - 1)
        found |= {("donor", strand): np.unique(donor), ("acceptor", strand): np.unique(acceptor)}
        found["TSS", strand] = transcripts[strand]
    return {key: each for key, each in found.items() if len(each)}
