"""The page's functions for programs: by gradio_client, and with python -m app --mcp as tools of an MCP server."""

from typing import Any

import gradio as gr

from analysis.agreement import compare_all
from analysis.inputs import read_input
from app import references, view
from app.domain import guess_domain
from app.generate import MAX_BYTES
from app.handlers import AUTO, told
from app.session import MAX_PASTE, Session
from hnet_core.errors import InputError
from hnet_core.generate import generate as write

_UNDER_WAY = {"concurrency_id": "program", "concurrency_limit": 4}
"""Requests of programs that are under way at once; those with a model take turns with the runs of the page."""


class Functions:
    """What programs may call. The docstrings are what clients and MCP tools read."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @told
    def models(self) -> list[dict[str, Any]]:
        """The models there are: name, title, domain, number of stages, how far each has learned."""
        keys = ("name", "title", "domain", "n_stages", "learned", "bytes_per_chunk", "bits_per_byte", "note")
        return [{key: card.get(key) for key in keys} for card in self.session.cards() if "error" not in card]

    @told
    def boundaries(self, text: str, model: str = AUTO, stage: int = 0) -> dict[str, Any]:
        """Where a model cuts a text, source code or FASTA records into chunks, and how sure it is.

        Args:
            text: the input; FASTA begins with >
            model: a name that /models lists, or auto for the one that fits the input
            stage: 0 is the outermost stage of a model of several

        Returns:
            model, and chunks: of each its record, start, end (bytes, 0-based, half-open), p at its start, text
        """
        sequences = _read(text)
        first = sequences[0]
        domain = "dna" if first.kind == "dna" else guess_domain(first.data)
        name = self.session.model_for(domain) if model == AUTO else model
        done = self.session.analyse(sequences, name)
        if not 0 <= stage < done.model.n_stages:
            raise InputError(f"stage {stage}: {name} has stages 0 to {done.model.n_stages - 1}")
        chunks = []
        for each in sequences:
            for row in done.chunks_of(each.name, stage).itertuples():
                place = {"record": each.name, "start": int(row.start), "end": int(row.end)}
                chunks.append(
                    place
                    | {"p": round(float(row.prob), 4), "text": view.visible(each.data[row.start : row.end])}
                )
        return {"model": name, "stage": stage, "warnings": list(done.warnings), "chunks": chunks}

    @told
    def agreement(self, text: str, models: list[str]) -> list[dict[str, Any]]:
        """How far models cut a text at the same places: every pair of their stages, with chance and significance.

        Args:
            text: text, source code or FASTA records
            models: two or more names that /models lists, or references such as ref:words, ref:codons, ref:random:0.2

        Returns:
            for each pair model_a, stage_a, model_b, stage_b, f1, f1_chance, f1_star, kappa, p_value, q_value and more
        """
        sequences = _read(text)
        if not 2 <= len(set(models)) <= 12 or len(set(models)) < len(models):
            raise InputError("a comparison takes 2 to 12 different models")
        table = compare_all([references.run(self.session, sequences, name) for name in models])
        rows = table.astype(object).where(table.notna(), None)
        return rows.to_dict("records")

    @told
    def generate(
        self,
        prompt: str,
        model: str,
        n_bytes: int = 200,
        temperature: float = 0.8,
        top_p: float = 0.95,
        seed: int = 0,
    ) -> str:
        """Let a model with whole weights continue a prompt.

        Args:
            prompt: the beginning of the text
            model: a name that /models lists; one with boundary weights alone is refused
            n_bytes: bytes to write
            temperature: 0 always takes the likeliest byte
            top_p: keeps the likeliest bytes that together have this probability
            seed: the same seed writes the same text

        Returns:
            what the model wrote; bytes that are not UTF-8 are shown as ‹hex›
        """
        if not 1 <= n_bytes <= MAX_BYTES:
            raise InputError(f"n_bytes {n_bytes}: from 1 to {MAX_BYTES:,} bytes are written at once")
        loaded = self.session.whole_model(model)
        options = {"max_bytes": n_bytes, "temperature": temperature, "top_p": top_p, "seed": seed}
        data, written = prompt.encode("utf-8", "surrogatepass"), bytearray()
        with self.session.turn() as share:
            for each in write(loaded.model, data, bos=bool(loaded.info.get("bos", True)), **options):
                written.append(each.byte)
                share(len(written), n_bytes)
        return view.visible(bytes(written))


def build(session: Session) -> None:
    """Adds the endpoints to the page that is being built."""
    functions = Functions(session)
    gr.api(functions.models, api_name="models")
    gr.api(functions.boundaries, api_name="boundaries", **_UNDER_WAY)
    gr.api(functions.agreement, api_name="agreement", **_UNDER_WAY)
    gr.api(functions.generate, api_name="generate", **_UNDER_WAY)


def _read(text: str):
    """The records of a text that came from a program; the limits are those of the page."""
    if len(text) > MAX_PASTE:
        raise InputError(f"text: {len(text):,} characters, at most {MAX_PASTE:,} are taken")
    return read_input(text.encode("utf-8", "surrogatepass"), "auto", "text", MAX_PASTE * 4)
