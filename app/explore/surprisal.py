"""Surprisal on the page: bits at every byte, beside p. Only a model with whole weights has a next-byte distribution."""

from typing import Any

import gradio as gr
import numpy as np

from analysis.boundaries.segmentations import positions
from analysis.chance.p_values import shown
from analysis.meaning.surprisal import Surprisal, surprisal_table, surprisals
from app.evidence import plots
from app.picture import value as view
from app.picture.viewer import encoded
from app.server.session import Session
from app.source.reading import PROGRESS
from app.work.job import Job
from app.work.told import told
from hnet_core.errors import InputError

AUTOMATIC = 12_000
"""Bytes of an input whose surprisal comes by itself, after the picture."""
LARGEST = 500_000
"""Bytes that the button takes."""
_STEPS = 1024
"""Bits travel as whole numbers of 1/1024 bit."""


def cannot(session: Session, model: str) -> str:
    """Why a model has no surprisal, in one sentence; empty where it has."""
    whole = session.choices(whole=True)
    if model in [name for _, name in whole]:
        return ""
    others = ", ".join(title for title, _ in whole[:3])
    return (
        "This model has boundary weights alone, which cannot predict the next byte, so there is no surprisal; "
        + (f"models that can: {others}." if others else "none of the models here can.")
    )


@told
def on_automatic(session: Session, job: Job, done: Any) -> tuple[Any, ...]:
    """Surprisal of a short input; of a longer one, or where the model cannot, a sentence and the button's state."""
    reason = cannot(session, done.model.name)
    n = len(done.sequences[0].data)
    if not reason and n > AUTOMATIC:
        reason = f"{n:,} bytes: press the button to compute surprisal (it runs the whole model)."
    if reason:
        can = not cannot(session, done.model.name)
        return None, gr.update(value=None), reason, gr.update(interactive=can)
    return on_surprisal(session, job, done)


@told
def on_surprisal(session: Session, job: Job, done: Any, progress: gr.Progress = PROGRESS) -> tuple[Any, ...]:
    """Bits for the viewer, the figure of p against bits, a line about both, the button."""
    if done is None:
        raise InputError("there is nothing to look at yet; press Analyse first")
    reason, data = cannot(session, done.model.name), done.sequences[0].data
    if reason or len(data) > LARGEST:
        raise InputError(reason or f"{len(data):,} bytes, surprisal is computed for at most {LARGEST:,}")
    loaded = session.whole_model(done.model.name)
    report = job.report(progress, "surprisal")
    with session.turn(report) as shared:
        found = surprisals(loaded, [data], shared)[0]
    bits = np.clip(np.rint(found.bits * _STEPS), 0, 65535).astype("<u2")
    value = {"key": view.key(done), "bits": encoded(bits), "steps": _STEPS}
    return value, plots.surprisal(done, found.bits), line(done, found), gr.update(interactive=True)


def line(done: Any, found: Surprisal) -> str:
    """Bits per byte of the whole input, and how p goes with it at every stage."""
    cuts = [positions(done, stage) for stage in range(done.model.n_stages)]
    table = surprisal_table(cuts, [found], lags=(0,), shifts=200)
    parts = [f"{found.bits.mean():.2f} bits per byte over this input."]
    for row in table.itertuples():
        if np.isnan(row.auroc):
            parts.append(f"Stage {row.stage}: too few cuts to compare.")
            continue
        parts.append(
            f"Stage {row.stage}: a byte that starts a chunk has {row.bits_at_boundary:.2f} bits, another one "
            f"{row.bits_elsewhere:.2f}; Spearman's rank correlation of p and bits {row.spearman:.2f}, "
            f"AUROC {row.auroc:.2f} (0.5 is chance; p {shown(row.p_value)} by circular shifts)."
        )
    return " ".join(parts)
