"""The columns of every table that leaves the analysis, with their types."""

import pandas as pd

BOUNDARIES = {
    "sequence": "category",  # name of the input or FASTA record
    "stage": "int16",  # 0 is the outermost
    "byte": "int64",  # 0-based offset into the sequence: a position this stage sees
    "prob": "float32",  # boundary probability, in [0, 1]
    "is_boundary": "bool",  # a chunk starts here (prob > 0.5; byte 0 always)
}
CHUNKS = {
    "sequence": "category",
    "stage": "int16",
    "start": "int64",  # 0-based, half-open byte offsets into the sequence
    "end": "int64",
    "n_bytes": "int64",
    "prob": "float32",  # of the boundary at `start`
}
SUMMARY = {
    "stage": "int16",
    "n_bytes": "int64",
    "n_positions": "int64",  # positions this stage sees: bytes at stage 0, outer chunks further in
    "n_chunks": "int64",
    "bytes_per_chunk": "float64",
    "rate": "float64",  # n_chunks / n_positions
    "mean_prob": "float64",  # over the positions
}
SEQUENCE_SUMMARY = {"sequence": "category", **SUMMARY}
AGREEMENT = {
    "model_a": "str",
    "stage_a": "int16",
    "model_b": "str",
    "stage_b": "int16",
    "n_positions": "int64",  # bytes that could start a chunk: all but the first of each sequence
    "n_a": "int64",
    "n_b": "int64",
    "n_both": "int64",
    "rate_a": "float64",  # n_a / n_positions
    "rate_b": "float64",
    "f1": "float64",
    "precision": "float64",  # share of a's boundaries that b has
    "recall": "float64",  # share of b's boundaries that a has
    "f1_chance": "float64",
    "f1_max": "float64",
    "f1_star": "float64",  # (f1 - f1_chance) / (f1_max - f1_chance)
    "f1_matched": "float64",  # of the k likeliest positions on either side, k = min(n_a, n_b)
    "jaccard": "float64",
    "kappa": "float64",
    "containment_ab": "float64",  # n_both / n_a
    "containment_ba": "float64",  # n_both / n_b
    "containment_ab_chance": "float64",
    "containment_ba_chance": "float64",
    "tolerance": "int64",  # bytes
    "f1_tolerant": "float64",
    "precision_tolerant": "float64",
    "recall_tolerant": "float64",
    "f1_tolerant_chance": "float64",
    "shifts": "int64",  # circular shifts the p-value rests on
    "z": "float64",
    "p_value": "float64",
    "q_value": "float64",  # Benjamini-Hochberg over the rows of the table
}
DIFFERENCES = {"sequence": "category", "byte": "int64", "in_a": "bool", "in_b": "bool"}
FEATURES = {
    "sequence": "category",
    "kind": "category",  # gene, CDS, ... as the file says
    "name": "str",
    "start": "int64",  # 0-based, half-open
    "end": "int64",
    "strand": "category",  # "+", "-" or "."
}


def check(table: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """The table itself, when it has exactly these columns, in this order, of these types.

    Raises TypeError that names the first column in the wrong.
    """
    if list(table.columns) != list(columns):
        raise TypeError(f"columns {list(table.columns)} should be {list(columns)}")
    for name, dtype in columns.items():
        if str(table[name].dtype) != dtype:
            raise TypeError(f"column {name!r} is {table[name].dtype}, should be {dtype}")
    return table
