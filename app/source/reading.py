"""What the page calls: values of components in, values of components out. What a person can cause is one sentence."""

from pathlib import Path

import gradio as gr

from analysis.inputs.files import read_file
from analysis.inputs.reading import Sequence, read_input
from app.kinds.bare_bases import as_fasta
from app.server import session as limits
from app.server.session import Session
from hnet_core.errors import InputError

PROGRESS = gr.Progress()
AUTO = "auto"


def read_source(
    session: Session,
    source: str,
    text: str,
    upload: str | None,
    sample: str,
    kind: str = AUTO,
    max_bytes: int = limits.MAX_TEXT_BYTES,
) -> list[Sequence]:
    """The sequences of a pasted text, an uploaded file or a sample, whichever `source` names.

    Pasted bases need no header line.
    """
    if source == "paste":
        if not text:
            raise InputError(
                "the text field is empty; paste something into it, upload a file or pick a sample"
            )
        if len(text) > limits.MAX_PASTE:
            raise InputError(
                f"pasted text: {len(text):,} characters, at most {limits.MAX_PASTE:,} can be pasted; upload a file"
            )
        data = text.encode("utf-8", "surrogatepass")
        data = data if kind == "text" else as_fasta(data, asked=kind == "dna")
        return read_input(data, kind, "pasted text", max_bytes)
    if source == "upload":
        if not upload:
            raise InputError("no file has been uploaded yet; choose one, paste a text or pick a sample")
        return _read_file(Path(upload), kind, max_bytes)
    path = session.sample(sample).path
    return read_input(path, kind, path.name, max_bytes)


def _read_file(path: Path, kind: str, max_bytes: int) -> list[Sequence]:
    """An uploaded file."""
    return read_file(path, kind, path.name, max_bytes)
