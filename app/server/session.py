"""What the running app holds: models (loaded once), samples, limits, a folder for downloads."""

import json
import shutil
import tempfile
import threading
import uuid
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from analysis.boundaries.extract import Analysis, Progress, analyse
from analysis.files.provenance import file_hash
from analysis.files.runs import check_runs
from analysis.inputs import reading
from analysis.references.names import is_reference
from app.kinds.domain import DOMAINS, saw
from app.kinds.languages import NEAREST
from app.server.kept import Kept
from app.work.turns import Turns
from hnet_core.boundaries import BoundaryModel, load_boundary_model
from hnet_core.checkpoint import (
    WEIGHTS,
    LoadedModel,
    load_model,
    model_folder,
    model_names,
    models_folder,
    read_info,
    stored_names,
)
from hnet_core.errors import CheckpointError, ConfigError, HNetError, InputError

SAMPLES = Path(__file__).resolve().parents[2] / "assets" / "samples"
MAX_UPLOAD_BYTES = 64_000_000
"""A file as it travels."""
MAX_PASTE = 1_000_000
"""Characters of pasted text; a browser's text field gets slow beyond."""
MAX_TEXT_BYTES = 8_000_000
"""A text after decompression."""
MAX_DNA_BYTES = 256_000_000
"""A FASTA or GenBank file after decompression; one record at a time is analysed."""
MAX_RECORD = 16_000_000
"""Bases of one record."""
MAX_POSITIONS = 64_000_000
"""Bytes times stages of all models of a request: an analysis keeps up to 9 bytes a position."""
_LARGE = 8_000_000
"""Positions of a run that is large."""
MAX_WAITING = 16
"""Requests in the queue."""
_KEPT_MODELS = 12
_KEPT_WHOLE = 2
_KEPT_FILES = 64


@dataclass(frozen=True)
class Sample:
    """A small input that comes with the project. annotation: genes of a DNA sample, or None."""

    name: str
    title: str
    domain: str
    path: Path
    annotation: Path | None


class Session:
    """Shared by everybody who has the page open; holds nothing that a person brought."""

    def __init__(
        self,
        models_dir: str | Path | None = None,
        device: str = "auto",
        runs_dir: str | Path | None = None,
        kept: Kept | None = None,
    ) -> None:
        """runs_dir: where the page saves runs; None: nowhere. kept: how much of its results it keeps, and how long."""
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigError(
                "--device cuda: this machine has no CUDA device that torch can use; say auto or cpu"
            )
        if runs_dir is not None:
            check_runs(runs_dir)
        self.models_dir, self.runs_dir = models_dir, runs_dir
        self.kept = kept or Kept()
        self.device = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
        self._models: OrderedDict[str, BoundaryModel] = OrderedDict()
        self._whole: OrderedDict[str, LoadedModel] = OrderedDict()
        self._is_whole: dict[tuple[Path, int, int], bool] = {}
        self._loading, self._turns, self._large = threading.Lock(), Turns(), Turns()
        self._files = tempfile.TemporaryDirectory(prefix="hnet-page-")
        self._folders, self._filing = deque[Path](), threading.Lock()

    def cards(self) -> list[dict[str, Any]]:
        """model.json of every model, with its folder's name; a broken one carries `error` instead."""
        cards = []
        for name in model_names(self.models_dir):
            try:
                cards.append({**read_info(model_folder(name, self.models_dir)), "name": name})
            except CheckpointError as err:
                cards.append({"name": name, "error": str(err)})
        return cards

    def choices(self, dna: bool | None = None, whole: bool = False) -> list[tuple[str, str]]:
        """(title, name) of the models to pick from; dna True or False keeps those for DNA or for the rest.

        whole: only those that can write, which takes all weights
        """
        usable = [card for card in self.cards() if "error" not in card]
        return [
            (card.get("title", card["name"]), card["name"])
            for card in usable
            if (dna is None or (card.get("domain") == "dna") is dna)
            and (not whole or self._has_all_weights(card["name"]))
        ]

    def _has_all_weights(self, name: str) -> bool:
        """Whether a model has routers, and decoders beside them; read again when its file has changed."""
        path = model_folder(name, self.models_dir) / WEIGHTS
        try:
            now = path.stat()
            key = path, now.st_mtime_ns, now.st_size
            if key not in self._is_whole:
                stored = stored_names(path)
                parts = ("routing_module.", "decoder.")
                self._is_whole[key] = all(any(part in each for each in stored) for part in parts)
            return self._is_whole[key]
        except (CheckpointError, OSError):
            return False

    def whole_model(self, name: str) -> LoadedModel:
        """The named model with all its weights, loaded at its first use; only names that `choices` offers."""
        with self._loading:
            if name not in self._whole:
                if name not in [each for _, each in self.choices(whole=True)]:
                    raise CheckpointError(
                        f"no model named {name!r} with whole weights; pick one from the list"
                    )
                with _of_model(name):
                    self._whole[name] = load_model(name, self.device, self.models_dir)
                while len(self._whole) > _KEPT_WHOLE:
                    self._whole.popitem(last=False)
            self._whole.move_to_end(name)
            return self._whole[name]

    def model_for(self, domain: str, language: str = "") -> str:
        """Name of the model that fits a domain best: trained on it, else on general text, else English.

        Of several, one whose data hold the programming language (or the nearest), then one that has learned more than
        an early model, then the one that saw most.
        """
        cards = [card for card in self.cards() if "error" not in card]
        for wanted in (domain, "text", "english"):
            fitting = [card for card in cards if card.get("domain") == wanted]
            for each in (language, NEAREST.get(language, "")):
                fitting = [card for card in fitting if saw(card, each)] or fitting
            if fitting:
                return max(fitting, key=_learned)["name"]
        if not cards:
            raise CheckpointError(
                f"there is no model to run in {models_folder(self.models_dir)}; "
                "put a model folder there or start with --models DIR"
            )
        return cards[0]["name"]

    def pair(self) -> tuple[str | None, str | None]:
        """Two models worth comparing at first: the two best of a domain, as in model_for, else any two."""
        names = [name for _, name in self.choices()]
        by_domain: dict[str, list[str]] = {}
        for card in sorted(self.cards(), key=_learned, reverse=True):
            if "error" not in card:
                by_domain.setdefault(card.get("domain", ""), []).append(card["name"])
        pairs = [
            by_domain[key]
            for key in sorted(by_domain, key=lambda key: key != "english")
            if len(by_domain[key]) > 1
        ]
        first, second, *_ = [*(pairs[0] if pairs else names), None, None]
        return first, second

    def model(self, name: str) -> BoundaryModel:
        """The named model, loaded at its first use; only names that `choices` offers, never paths."""
        with self._loading:
            if name not in self._models:
                if name not in model_names(self.models_dir):
                    known = ", ".join(model_names(self.models_dir)) or "none"
                    raise CheckpointError(f"no model named {name!r}; there are {known}")
                with _of_model(name):
                    model = load_boundary_model(name, self.device, self.models_dir)
                # Its folder is its name: of a copy, model.json still says what the first one was called.
                model.info["name"] = model.name = name
                model.info["weights_sha256"] = file_hash(model_folder(name, self.models_dir) / WEIGHTS)
                self._models[name] = model
                while len(self._models) > _KEPT_MODELS:
                    self._models.popitem(last=False)
            self._models.move_to_end(name)
            return self._models[name]

    def analyse(
        self, sequences: list[reading.Sequence], name: str, progress: Progress | None = None
    ) -> Analysis:
        """One model over the sequences, in turn with other people's runs.

        progress is called while the run waits, too: what it raises ends the run and frees its place.
        """
        model = self.model(name)
        positions = sum(len(each.data) for each in sequences) * model.n_stages
        with ExitStack() as stack:
            if positions > _LARGE:  # one of these at a time: short runs are let in beside it, not its like
                stack.enter_context(self._large.take(progress))
            return analyse(sequences, model, stack.enter_context(self.turn(progress)))

    def check_size(self, n_bytes: int, names: Sequence[str]) -> None:
        """InputError where some models or references over so many bytes are more than one request may be."""
        stages = sum(1 if is_reference(name) else self.model(name).n_stages for name in names)
        if n_bytes * stages > MAX_POSITIONS:
            raise InputError(
                f"{n_bytes:,} bytes under {stages} stages of {len(names)} models: {n_bytes * stages:,} positions, the "
                f"page takes {MAX_POSITIONS:,} at once; take fewer models or a shorter input, or use python -m analysis"
            )

    def warm_up(self) -> None:
        """Load the models that people begin with, one a domain and the pair to compare, and run each once."""
        with suppress(HNetError):  # whoever asks for one is told what is wrong with it
            first = [self.model_for(domain) for domain in DOMAINS]
            for name in dict.fromkeys((*first, *filter(None, self.pair()))):
                with suppress(HNetError):
                    self.analyse([reading.Sequence("warm-up", b"The first words. ")], name)

    def turn(self, progress: Progress | None = None) -> AbstractContextManager[Progress]:
        """The one place for work with a model, as Turns.take gives it: it is shared by calling what this yields."""
        return self._turns.take(progress)

    def samples(self) -> list[Sample]:
        """The samples, in the order of samples.json."""
        listed = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
        return [
            Sample(
                s["name"],
                s["title"],
                s["domain"],
                SAMPLES / s["file"],
                SAMPLES / s["annotation"] if s["annotation"] else None,
            )
            for s in listed
        ]

    def sample(self, name: str) -> Sample:
        """The sample of that name."""
        for sample in self.samples():
            if sample.name == name:
                return sample
        raise InputError(f"no sample named {name!r}; there are {', '.join(s.name for s in self.samples())}")

    def new_file(self, name: str) -> Path:
        """Where to write a download: an unguessable folder of its own; the oldest ones go."""
        folder = Path(self._files.name) / uuid.uuid4().hex
        folder.mkdir()
        with self._filing:  # requests run side by side: no two of them may take the same folder away
            self._folders.append(folder)
            old = self._folders.popleft() if len(self._folders) > _KEPT_FILES else None
        if old:
            shutil.rmtree(old)
        return folder / name

    def keep_file(self, content: bytes, name: str) -> str:
        """Write a download; its path."""
        path = self.new_file(name)
        path.write_bytes(content)
        return str(path)


def _learned(card: dict[str, Any]) -> tuple[bool, int]:
    """How far a model has come: more than an early one, then the bytes that it saw."""
    return card.get("learned", "early") != "early", card.get("bytes_seen", 0)


@contextmanager
def _of_model(name: str) -> Iterator[None]:
    """What is wrong with a configuration, with the name of the model that has it."""
    try:
        yield
    except ConfigError as err:
        raise CheckpointError(f"model {name}: its config.json cannot be used: {err}") from err
