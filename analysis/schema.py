"""The columns of every table that leaves the analysis, with their types.

Commands, and analysis.compare and enrich, put `file` before them (boundaries.by_file). Tables that count over an input
have their rows for each file, or for all together.
"""

import pandas as pd

BOUNDARIES = {
    "sequence": "category",  # name of the input or FASTA record
    "stage": "int16",  # 0 is the outermost
    "byte": "int64",  # 0-based offset into the sequence: a position this stage sees
    "prob": "float32",  # boundary probability, in [0, 1]
    "is_boundary": "bool",  # a chunk starts here (prob > 0.5, or another threshold; byte 0 always)
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
    "rates_differ": "bool",  # by more than agreement.DENSITY_RATIO: read containment and VI, not F1
    "f1": "float64",
    "precision": "float64",  # share of a's boundaries that b has
    "recall": "float64",  # share of b's boundaries that a has
    "f1_chance": "float64",
    "f1_max": "float64",
    "f1_star": "float64",  # (f1 - f1_chance) / (f1_max - f1_chance)
    "f1_matched": "float64",  # of the k likeliest positions on either side, k = min(n_a, n_b)
    "f1_matched_chance": "float64",
    "spearman": "float64",  # of the probabilities, over the positions both stages see, inside each sequence
    "jaccard": "float64",
    "kappa": "float64",  # 0 at chance, which is that of each sequence, as everywhere in this table
    "containment_ab": "float64",  # n_both / n_a
    "containment_ba": "float64",  # n_both / n_b
    "containment_ab_chance": "float64",
    "containment_ba_chance": "float64",
    "tolerance": "int64",  # bytes
    "f1_tolerant": "float64",
    "precision_tolerant": "float64",
    "recall_tolerant": "float64",
    "f1_tolerant_chance": "float64",
    "vi_split": "float64",  # H(a|b), bits a byte: how far a splits the chunks of b
    "vi_split_chance": "float64",  # this and every *_chance below: mean over random circular shifts
    "vi_merge": "float64",  # H(b|a): how far a merges them
    "vi_merge_chance": "float64",
    "ari": "float64",  # adjusted Rand index of the chunks, in each sequence; contiguous chunks put chance far above 0
    "ari_chance": "float64",
    "pk": "float64",  # b is the reference; an error rate, 0 is best
    "pk_chance": "float64",
    "window_diff": "float64",
    "window_diff_chance": "float64",
    "window": "int64",  # of pk and window_diff, in bytes
    "boundary_similarity": "float64",  # B; pairs up to `tolerance` apart count as near misses
    "boundary_similarity_chance": "float64",
    "shifts": "int64",  # circular shifts the p-value rests on
    "z": "float64",
    "p_value": "float64",
    "q_value": "float64",  # Benjamini-Hochberg over the rows of one `file`
}
SURPRISAL = {
    "model": "str",
    "stage": "int16",
    "lag": "int64",  # bytes from the position to the one whose surprisal is taken
    "n_positions": "int64",  # that the stage sees
    "n_boundaries": "int64",
    "bits_at_boundary": "float64",  # mean surprisal there
    "bits_elsewhere": "float64",
    "spearman": "float64",  # of boundary probability and surprisal
    "auroc": "float64",  # chance that a boundary surprises more than another position; 0.5 is chance
    "z": "float64",  # of the AUROC, over all circular shifts
    "p_value": "float64",  # two-sided
}
DICTIONARY = {
    "chunk": "str",  # as text, with escapes for what cannot be shown
    "hex": "str",  # its bytes
    "n_bytes": "int64",
    "count": "int64",
    "share": "float64",  # of all chunks
    "mean_prob": "float64",  # of the boundary at its start
    "before": "int64",  # distinct chunks that stand before it
    "after": "int64",
    "sequence": "str",  # where it occurs first
    "start": "int64",
    "example": "str",  # that occurrence in its surroundings
}
OVERLAP = {
    "a": "str",
    "b": "str",
    "types_a": "int64",  # distinct chunks
    "types_b": "int64",
    "types_shared": "int64",
    "jaccard": "float64",
    "tokens_a_in_b": "float64",  # share of a's chunks whose content is in b's dictionary
    "tokens_b_in_a": "float64",
}
GROWTH = {"tokens": "int64", "types": "int64"}
STABILITY = {
    "model": "str",
    "kind": "str",  # of the change: substitute, insert, delete
    "stage": "int16",
    "n_edits": "int64",
    "n_bytes": "int64",  # behind the edits, over which boundaries are compared
    "rate": "float64",  # of boundaries before the edit
    "jaccard": "float64",  # of the boundaries with and without the edit
    "jaccard_chance": "float64",  # of boundaries that are independent behind each edit, at their rates there
    "unchanged": "float64",  # share of edits that change no boundary
    "distance_median": "float64",  # bytes from the edit to behind the last boundary that differs; 0 when none does
    "distance_90": "float64",
    "distance_max": "int64",
}
STABILITY_CURVE = {
    "model": "str",
    "kind": "str",
    "stage": "int16",
    "distance": "int64",  # bytes behind the edit, from this up to twice this (0 and 1 alone)
    "n_bytes": "int64",
    "changed": "float64",  # share of them whose boundary differs
}
ACCOUNT = {
    "scheme": "str",
    "drafted": "int64",  # bytes a round
    "accepted": "float64",  # probability that a drafted byte is
    "main_steps_per_byte": "float64",  # of the main network, or of the target
    "outer_steps_per_byte": "float64",  # of the outer stages, or of the draft
    "flops_per_byte": "float64",
    "relative_flops": "float64",  # to the H-Net's
}
EVALUATION = {
    "gold": "str",  # the treebank
    "units": "str",  # surface tokens; or syntactic words, the seams inside tokens too
    "place": "str",  # where a word starts: word_agreement.PLACES
    "model": "str",
    "stage": "int16",
    "n_places": "int64",  # that could start a chunk; of "gap" there are fewer than bytes
    "n_model": "int64",
    "n_gold": "int64",
    "n_both": "int64",
    "rate_model": "float64",  # n_model / n_places
    "rate_gold": "float64",
    "f1": "float64",
    "f1_chance": "float64",  # this and the other *_chance: mean over circular shifts of the boundaries
    "f1_max": "float64",  # at these numbers of boundaries
    "f1_star": "float64",  # (f1 - f1_chance) / (f1_max - f1_chance)
    "precision": "float64",  # share of the model's boundaries that are at a word
    "precision_chance": "float64",
    "recall": "float64",  # share of the words that have a boundary
    "recall_chance": "float64",
    "kappa": "float64",  # its chance from the shifts as well
    "shifts": "int64",
    "z": "float64",  # of f1
    "p_value": "float64",
    "q_value": "float64",  # Benjamini-Hochberg over the rows of the treebank
    "n_seams": "int64",  # inside surface tokens, between syntactic words that spell them out
    "seam_rate": "float64",  # share of them with a boundary
    "inside_rate": "float64",  # the same of all other bytes inside tokens: what the seams compare with
}
GROUPS = {
    "group_a": "str",
    "stage_a": "int16",
    "group_b": "str",
    "stage_b": "int16",
    "n_runs_a": "int64",
    "n_runs_b": "int64",
    "n_pairs": "int64",  # of different runs
    "measure": "str",  # a column of AGREEMENT, or fleiss_kappa
    "mean": "float64",
    "low": "float64",  # 95 % interval over resampled runs
    "high": "float64",
}
CONSENSUS = {
    "sequence": "category",
    "byte": "int64",
    "n_models": "int64",  # that start a chunk here
    "share": "float64",  # of all the models
}
DENSITY = {
    "k": "int64",  # positions taken on either side
    "rate": "float64",  # k / n_positions
    "f1": "float64",  # share of them in common
    "f1_chance": "float64",  # of rankings that are independent inside each sequence
    "f1_max": "float64",  # at so many of them in each sequence
    "f1_star": "float64",  # (f1 - f1_chance) / (f1_max - f1_chance)
}
DIFFERENCES = {"sequence": "category", "byte": "int64", "in_a": "bool", "in_b": "bool"}
FEATURES = {
    "sequence": "category",
    "kind": "category",  # gene, CDS, ... as the file says
    "name": "str",
    "start": "int64",  # 0-based, half-open
    "end": "int64",
    "strand": "category",  # "+", "-" or "."
    "phase": "int8",  # of a CDS part: bases to skip before its first whole codon; -1 where there is none
    "parent": "str",  # its transcript or gene; several between commas
    "group": "str",  # what the parts of one feature share, all CDS parts of a protein; several between commas
    "rank": "int64",  # rises through the parts of a group in the order of transcription
    "open_start": "bool",  # its first base, as transcribed, is not the feature's own: that is missing or unknown
    "open_end": "bool",  # the same of its last base
    "pseudo": "bool",  # of a pseudogene
    "line": "int64",  # of the file, from 1; 0 in GenBank records
    "tag": "str",  # locus tag, gene_id or ID: a second name; "" where the file gives none
}
ENRICHMENT = {
    "model": "str",
    "stage": "int16",
    "analysis": "str",  # feature, codon_phase, codon_at, motif, reverse_complement
    "feature": "str",  # CDS, intergenic, ...; start, stop; name of a motif
    "strand": "str",  # of the feature: "+", "-", or "." for both
    "frame": "int8",  # reading frame 1 to 3 on that strand; 0: all
    "measure": "str",  # what `value` is
    "n_bases": "int64",  # positions that the measure counts over
    "n_boundaries": "int64",
    "value": "float64",
    "expected": "float64",  # mean of the null
    "sd": "float64",  # of the null
    "z": "float64",
    "shifts": "int64",  # draws of the null
    "p_value": "float64",  # two-sided; one-sided for rayleigh_r, chi_square and jaccard
    "q_value": "float64",  # Benjamini-Hochberg over the rows of one `file` that have a p-value
    "p_asymptotic": "float64",  # Rayleigh and chi-square: of the test that takes boundaries for independent
}
PROFILES = {
    "model": "str",
    "stage": "int16",
    "site": "str",  # start, stop, TSS, donor, acceptor
    "strand": "str",
    "offset": "int16",  # bases from the site, in the direction of transcription
    "n_sites": "int64",
    "n_boundaries": "int64",
    "rate": "float64",
    "expected": "float64",
    "sd": "float64",
    "z": "float64",
    "p_value": "float64",
    "q_value": "float64",
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
