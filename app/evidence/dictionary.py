"""The chunk dictionary: which chunks a model cuts again and again, and how sure it is of them."""

from collections import defaultdict

import pandas as pd

from analysis.boundaries.extract import Analysis
from app.wording import readable
from app.wording.sentences import counted

SHOWN = 200
"""Rows on the page; the file holds all."""


def dictionary(analysis: Analysis, stage: int) -> pd.DataFrame:
    """The different chunks of one stage of the first sequence, most frequent first, then by their bytes.

    returns  text (readable.cell), hex, n_bytes, count, share of all chunks, mean_prob of the boundaries that start them
    """
    sequence = analysis.sequences[0]
    table = analysis.chunks_of(sequence.name, stage)
    counts: dict[bytes, int] = defaultdict(int)
    sums: dict[bytes, float] = defaultdict(float)
    rows = zip(table["start"].tolist(), table["end"].tolist(), table["prob"].tolist(), strict=True)
    for start, end, prob in rows:
        chunk = sequence.data[start:end]
        counts[chunk] += 1
        sums[chunk] += prob
    chunks = sorted(counts, key=lambda chunk: (-counts[chunk], chunk))
    return pd.DataFrame(
        {
            "text": [readable.cell(chunk) for chunk in chunks],
            "hex": [chunk.hex(" ").upper() for chunk in chunks],
            "n_bytes": [len(chunk) for chunk in chunks],
            "count": [counts[chunk] for chunk in chunks],
            "share": [counts[chunk] / max(1, len(table)) for chunk in chunks],
            "mean_prob": [sums[chunk] / counts[chunk] for chunk in chunks],
        }
    )


def shown(table: pd.DataFrame, analysis: Analysis) -> pd.DataFrame:
    """The first rows as the page shows them: numbers rounded, long chunks cut, every byte leaves a trace."""
    top = table.head(SHOWN).copy()
    top["text"] = [readable.visible(bytes.fromhex(each)) for each in top["hex"]]
    for column in ("text", "hex"):
        top[column] = top[column].str.slice(0, 300)
    top["share"] = top["share"].map("{:.2%}".format)
    unit = "bases" if analysis.sequences[0].kind == "dna" else "bytes"
    names = {"n_bytes": unit, "mean_prob": "mean p"}
    return top.assign(mean_prob=top["mean_prob"].round(4)).rename(columns=names)


def line(table: pd.DataFrame) -> str:
    """What the dictionary amounts to, in one sentence."""
    once = int((table["count"] == 1).sum())
    top = table.head(10)["count"].sum() / max(1, table["count"].sum())
    return (
        f"{counted(len(table), 'different chunk')} among {int(table['count'].sum()):,}; "
        f"{once:,} {'occurs' if once == 1 else 'occur'} once; "
        f"the ten most frequent make up {top:.1%}. Click one to find its bytes in the text."
    )
