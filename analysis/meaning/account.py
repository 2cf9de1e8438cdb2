"""What a byte costs a model when it generates, beside draft and verify with networks of the same sizes.

Assumed of draft and verify (speculative decoding, arXiv 2211.17192): the draft is a network that costs a byte what the
outer stages of the H-Net cost (encoders, routers, decoders, output), the target one that costs a byte what the main
network costs a position, at every byte, and the output. A round drafts `drafted` bytes one by one and verifies them in
one step of the target, which yields one byte more; each drafted byte is accepted with probability `accepted`,
independently of the others. Rejected bytes are thrown away. Memory traffic is not counted, nor batching.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from analysis import schema
from analysis.boundaries.segmentations import Segmentation
from hnet_core.config import HNetConfig
from hnet_core.errors import InputError

DRAFTED = (1, 2, 4, 8, 16)
ACCEPTED = (0.6, 0.7, 0.8, 0.9, 0.95)


def measured_rates(stages: Sequence[Segmentation]) -> list[float]:
    """The share of its positions at which each stage starts a chunk, forced starts included."""
    n_sequences = len(stages[0].lengths)
    positions, rates = sum(stages[0].lengths), []
    for stage in stages:
        chunks = int(stage.marks.sum()) + n_sequences
        rates.append(chunks / positions)
        positions = chunks
    return rates


def account_table(
    config: HNetConfig,
    rates: Sequence[float],
    context: float,
    *,
    drafted: Sequence[int] = DRAFTED,
    accepted: Sequence[float] = ACCEPTED,
) -> pd.DataFrame:
    """Steps and operations per byte of the H-Net, of its main network at every byte, and of draft and verify.

    rates    share of its positions that each stage keeps   context  bytes that attention can look back on
    returns  schema.ACCOUNT. Rows of draft and verify for every number drafted and every share accepted; and for every
             number drafted the share with which its target steps as seldom as the main network of the H-Net (none where
             even all accepted do not get there)
    """
    from hnet_core.flops import flops_per_byte

    if not config.n_stages:
        raise InputError(
            "an isotropic model has no outer stages to account for; give a model with boundaries"
        )
    own, dense = (flops_per_byte(config, r, context).by_part for r in (rates, [1.0] * config.n_stages))
    steps = float(np.prod(rates))
    total = sum(own.values())
    draft = total - own["main_network"]
    target = dense["main_network"] + dense["head"]
    rows = [
        ("H-Net", 0, np.nan, steps, 1.0, total),
        ("main network at every byte", 0, np.nan, 1.0, 0.0, target),
    ]
    for n in drafted:
        needed = acceptance_needed(n, steps)
        for share in [*accepted, *([needed] if needed is not None else [])]:
            yielded = bytes_per_round(n, share)
            cost = (n * draft + (n + 1) * target) / yielded
            rows.append(("draft and verify", n, share, 1 / yielded, n / yielded, cost))
    table = pd.DataFrame(rows, columns=list(schema.ACCOUNT)[:-1])
    table["relative_flops"] = table["flops_per_byte"] / total
    return schema.check(table.astype(schema.ACCOUNT), schema.ACCOUNT)


def bytes_per_round(drafted: int, accepted: float) -> float:
    """Expected bytes that one round of draft and verify yields (arXiv 2211.17192, equation 1)."""
    return float(drafted + 1) if accepted == 1 else (1 - accepted ** (drafted + 1)) / (1 - accepted)


def acceptance_needed(drafted: int, steps_per_byte: float) -> float | None:
    """The share accepted at which the target makes that many steps a byte; None where it cannot make so few."""
    wanted = 1 / steps_per_byte
    if wanted > drafted + 1:
        return None
    if wanted == drafted + 1:
        return 1.0
    return float(brentq(lambda share: bytes_per_round(drafted, share) - wanted, 0, 1 - 1e-12))
