"""What the Generate tab calls: a model continues a prompt, and its chunks appear as they form."""

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from analysis.inputs.reading import Sequence
from app.evidence.handlers import stage_choices
from app.picture import value as view
from app.picture.origin import where_from
from app.picture.viewer import Group, Track, viewer_value
from app.server.session import Session
from app.wording.sentences import counted
from app.work import arguments
from app.work.job import Job, Stopped
from app.work.told import told
from hnet_core.errors import InputError
from hnet_core.generate import GeneratedByte, generate

EXAMPLE = "It was a dark and"
"""The prompt that stands there at first: the one a link may lead to."""
MAX_BYTES = 4000
MAX_SEED = 2**31
MAX_PROMPT = 20_000
"""Characters."""
EVERY = 0.3
"""Seconds between two pictures."""


class Draft:
    """A prompt with what a model has written so far: at every stage the positions it saw, as Track wants them."""

    def __init__(self, prompt: bytes, tracks: tuple[Any, ...]) -> None:
        """tracks: of the prompt, hnet_core.boundaries.StageTrack, one a stage."""
        self.prompt, self.written, self.began = prompt, bytearray(), time.perf_counter()
        self.prob = [track.prob.tolist() for track in tracks]
        self.is_boundary = [track.is_boundary.tolist() for track in tracks]
        self.steps = [0] * len(tracks)

    def add(self, each: GeneratedByte) -> None:
        first = not self.prompt and not self.written
        self.written.append(each.byte)
        for stage, (prob, boundary) in enumerate(zip(each.prob, each.boundary, strict=True)):
            self.steps[stage] += boundary
            # The first byte starts a chunk of every stage, whatever the routers say; see the coordinates.
            if prob is not None or first:
                self.prob[stage].append(1.0 if first else prob)
                self.is_boundary[stage].append(boundary or first)

    @property
    def data(self) -> bytes:
        return self.prompt + bytes(self.written)

    def tracks(self) -> tuple[Track, ...]:
        return tuple(
            Track(np.array(prob, np.float32), np.array(starts, bool), 0, 1.0, 0, len(self.data))
            for prob, starts in zip(self.prob, self.is_boundary, strict=True)
        )

    def facts(self, end: str) -> list[tuple[str, str]]:
        """Inner steps a byte: how often the network inside a stage ran, over the bytes written."""
        n, seconds = len(self.written), time.perf_counter() - self.began
        steps = [
            (f"steps a byte inside stage {s}", f"{count / n:.3f}") for s, count in enumerate(self.steps) if n
        ]
        speed = [("speed", f"{n / seconds:.0f} bytes/s")] if n else []
        return [("written", f"{counted(n, 'byte')}{end}"), *steps, *speed]


def value_of(
    draft: Draft, title: str, notes: list[str], end: str | None = None, **options: Any
) -> dict[str, Any]:
    """The viewer over prompt and continuation; a line above the text marks what the model wrote.

    end   once it has ended, how, in words or ""; then options may say what a finished picture has: link, about
    """
    prompt, data = len(draft.prompt), draft.data
    written = [{"start": prompt, "end": len(data), "strand": ".", "name": "written by the model"}]
    return viewer_value(
        data,
        [Group("", title, draft.tracks())],
        facts=[("model", title), *draft.facts(end or "")],
        notes=notes,
        features=written if len(data) > prompt else [],
        live=end is None,
        **options,
    )


@told
def on_generate(
    session: Session,
    job: Job,
    model: str | None,
    prompt: str,
    n_bytes: float | None,
    temperature: float | None,
    top_p: float | None,
    seed: float | None,
) -> Iterator[tuple[Any, ...]]:
    """A model and a prompt in. Out, again and again: analysis (once it ends), the viewer's value, stages, page 1."""
    if not model:
        raise InputError(
            "no model with whole weights was found; put one into assets/models or start with --models"
        )
    options = {
        "max_bytes": arguments.field("Length in bytes", n_bytes, 1, MAX_BYTES, whole=True),
        "temperature": arguments.field("Temperature", temperature, 0, 2),
        "top_p": arguments.field("Top-p", top_p, 0.05, 1),
        "seed": arguments.field("Seed", seed, 0, MAX_SEED, whole=True),
    }
    data = prompt.encode("utf-8", "surrogatepass")
    if len(prompt) > MAX_PROMPT:
        raise InputError(f"prompt: {len(prompt):,} characters, at most {MAX_PROMPT:,} are taken")
    loaded = session.whole_model(model)
    title = loaded.info.get("title", model)
    draft = Draft(data, session.model(model).boundaries(data))
    source = generate(loaded.model, data, bos=bool(loaded.info.get("bos", True)), **options)
    ended = False
    while not ended and not job.stopped:
        # The model is given back before each picture: a visitor who leaves must not keep it from the others.
        try:
            with session.turn(lambda *_: job.check()):
                ended = _write(draft, source, job)
        except Stopped:
            break
        yield gr.skip(), value_of(draft, title, []), gr.skip(), gr.skip()
    if not draft.data:
        raise InputError("nothing was written: the model ended at once or was stopped; give it a prompt")
    done = session.analyse([Sequence("generated", draft.data)], model)
    end = "" if len(draft.written) == n_bytes else ", stopped" if job.stopped else ", the model ended"
    about = where_from("page: generate", done, prompt_bytes=len(data), **options)
    known = {"link": _link(model, prompt, options), "about": about}
    yield done, value_of(draft, title, view.notes(done), end, **known), stage_choices(done), 1


def _link(model: str, prompt: str, options: dict[str, float]) -> dict[str, str]:
    """Model and options; of prompts only the example is ever in an address."""
    numbers = {
        "length": f"{options['max_bytes']}",
        "seed": f"{options['seed']}",
        **{name: f"{options[name]:g}" for name in ("temperature", "top_p")},
    }
    link = {"tab": "generate", "model": model, **numbers}
    return {**link, "example": "1"} if prompt == EXAMPLE else link


def _write(draft: Draft, source: Iterator[GeneratedByte], job: Job) -> bool:
    """Add bytes for EVERY seconds; whether the model has come to its end."""
    until = time.perf_counter() + EVERY
    while time.perf_counter() < until and not job.stopped:
        each = next(source, None)
        if each is None:
            return True
        draft.add(each)
    return False
