"""The page's functions for programs: by gradio_client, and with python -m app --mcp as tools of an MCP server."""

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

import gradio as gr

from analysis.agreement.pairs import compare_all
from analysis.inputs.reading import Sequence, read_input
from app.compare.handlers import MOST_MODELS
from app.generate.handlers import MAX_BYTES, MAX_PROMPT
from app.kinds.bare_bases import as_fasta
from app.kinds.domain import foreign, kind_of
from app.server import references
from app.server.session import MAX_PASTE, Session
from app.source.reading import AUTO
from app.wording import readable
from app.work import arguments
from hnet_core.errors import HNetError
from hnet_core.generate import generate as write
from hnet_core.generation.sampling import MAX_SEED

_UNDER_WAY = {"concurrency_id": "program", "concurrency_limit": 4}
"""Requests of programs that are under way at once; those with a model take turns with the runs of the page."""


def answered(function: Callable) -> Callable:
    """The function with every failure as one sentence, written for a program: plain text, no markup and no escapes."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except HNetError as err:
            raise gr.Error(str(err), print_exception=False) from err
        except Exception as err:
            logging.getLogger(__name__).exception("a call failed")
            words = f"The software failed on this call ({type(err).__name__}); its terminal shows why."
            raise gr.Error(words, print_exception=False) from err

    return call


class Functions:
    """What programs may call. The docstrings are what clients and MCP tools read."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @answered
    def models(self) -> list[dict[str, Any]]:
        """The models there are: name, title, domain, number of stages, how far each has learned."""
        keys = ("name", "title", "domain", "n_stages", "learned", "bytes_per_chunk", "bits_per_byte", "note")
        return [{key: card.get(key) for key in keys} for card in self.session.cards() if "error" not in card]

    @answered
    def boundaries(self, text: str, model: str = AUTO, stage: int = 0) -> dict[str, Any]:
        """Where a model cuts a text, source code or FASTA records into chunks, and how sure it is.

        Args:
            text: the input; FASTA begins with >, bare bases are one record
            model: a name that /models lists, or auto for the one that fits the input
            stage: 0 is the outermost stage of a model of several

        Returns:
            model, and chunks: of each its record, start, end (bytes, 0-based, half-open), p at its start, and text, in
            which a backslash, control characters and bytes that are no UTF-8 are escapes: \\\\ \\n \\xNN \\uNNNN
        """
        sequences = _read(text)
        name = self._model("model", model, sequences[0])
        stage = arguments.whole("stage", stage, 0, self.session.model(name).n_stages - 1)
        done = self.session.analyse(sequences, name)
        chunks = []
        for each in sequences:
            for row in done.chunks_of(each.name, stage).itertuples():
                place = {"record": each.name, "start": int(row.start), "end": int(row.end)}
                read = readable.exact(each.data[row.start : row.end])
                chunks.append(place | {"p": round(float(row.prob), 4), "text": read})
        strange = foreign(done.model.info, sequences[0])
        warnings = [*done.warnings, *([strange] if strange else [])]
        return {"model": name, "stage": stage, "warnings": warnings, "chunks": chunks}

    def _model(self, argument: str, name: Any, sequence: Sequence) -> str:
        known = [AUTO, *(each for _, each in self.session.choices())]
        if arguments.one_of(argument, name, known, "model") != AUTO:
            return name
        return self.session.model_for(*kind_of(sequence))

    @answered
    def agreement(self, text: str, models: list[str]) -> list[dict[str, Any]]:
        """How far models cut a text at the same places: every pair of their stages, with chance and significance.

        Args:
            text: text, source code or FASTA records
            models: two or more names that /models lists, or references such as ref:words, ref:codons, ref:random:0.2

        Returns:
            for each pair model_a, stage_a, model_b, stage_b, f1, f1_chance, f1_star, kappa, p_value, q_value and more
        """
        known = [name for _, name in (*self.session.choices(), *references.choices())]
        models = arguments.several_of("models", models, known, "model or reference", 2, MOST_MODELS)
        sequences = _read(text)
        table = compare_all([references.run(self.session, sequences, name) for name in models])
        rows = table.astype(object).where(table.notna(), None)
        return rows.to_dict("records")

    @answered
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
            what the model wrote, with escapes as in /boundaries
        """
        data = arguments.text("prompt", prompt, MAX_PROMPT, 0).encode("utf-8", "surrogatepass")
        whole = [name for _, name in self.session.choices(whole=True)]
        arguments.one_of("model", model, whole, "model with whole weights")
        options = {
            "max_bytes": arguments.whole("n_bytes", n_bytes, 1, MAX_BYTES),
            "temperature": arguments.number(
                "temperature", temperature, "a number from 0 up", 0, sys.float_info.max
            ),
            "top_p": arguments.number("top_p", top_p, "a number above 0 and at most 1", 0, 1, above=True),
            "seed": arguments.whole("seed", seed, 0, MAX_SEED),
        }
        loaded = self.session.whole_model(model)
        written = bytearray()
        with self.session.turn() as share:
            for each in write(loaded.model, data, bos=bool(loaded.info.get("bos", True)), **options):
                written.append(each.byte)
                share(len(written), options["max_bytes"])
        return readable.exact(bytes(written))


def build(session: Session) -> None:
    """Adds the endpoints to the page that is being built."""
    functions = Functions(session)
    gr.api(functions.models, api_name="models")
    gr.api(functions.boundaries, api_name="boundaries", **_UNDER_WAY)
    gr.api(functions.agreement, api_name="agreement", **_UNDER_WAY)
    gr.api(functions.generate, api_name="generate", **_UNDER_WAY)


def _read(text: str):
    """The records of a text that came from a program; the limits are those of the page."""
    given = arguments.text("text", text, MAX_PASTE)
    return read_input(as_fasta(given.encode("utf-8", "surrogatepass")), "auto", "text", MAX_PASTE * 4)
