"""What the running app holds: models (loaded once), samples, limits, a folder for downloads."""

import json
import tempfile
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from analysis import inputs
from analysis.extract import Analysis, Progress, analyse
from app.domain import DOMAINS
from hnet_core.boundaries import BoundaryModel, load_boundary_model
from hnet_core.checkpoint import model_folder, model_names, models_folder, read_info
from hnet_core.errors import CheckpointError, ConfigError, InputError

SAMPLES = Path(__file__).resolve().parent.parent / "assets" / "samples"
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
MAX_SHOWN = 1_000_000
"""Bases in one view; the tables hold the whole record."""
MAX_WAITING = 16
"""Requests in the queue."""
_KEPT_MODELS = 6
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

    def __init__(self, models_dir: str | Path | None = None, device: str = "auto") -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigError(
                "--device cuda: this machine has no CUDA device that torch can use; say auto or cpu"
            )
        self.models_dir = models_dir
        self.device = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
        self._models: OrderedDict[str, BoundaryModel] = OrderedDict()
        self._loading, self._running = threading.Lock(), threading.Lock()
        self._files = tempfile.TemporaryDirectory(prefix="hnet-page-")

    def cards(self) -> list[dict[str, Any]]:
        """model.json of every model, with its folder's name; a broken one carries `error` instead."""
        cards = []
        for name in model_names(self.models_dir):
            try:
                cards.append({**read_info(model_folder(name, self.models_dir)), "name": name})
            except CheckpointError as err:
                cards.append({"name": name, "error": str(err)})
        return cards

    def choices(self, dna: bool | None = None) -> list[tuple[str, str]]:
        """(title, name) of the models to pick from; dna True or False keeps those for DNA or for the rest."""
        usable = [card for card in self.cards() if "error" not in card]
        return [
            (card.get("title", card["name"]), card["name"])
            for card in usable
            if dna is None or (card.get("domain") == "dna") is dna
        ]

    def model_for(self, domain: str) -> str:
        """Name of the model that fits a domain best: trained on it, else on general text, else English.

        Of several, one that has learned more than an early model, then the one that saw most.
        """
        cards = [card for card in self.cards() if "error" not in card]
        for wanted in (domain, "text", "english"):
            fitting = [card for card in cards if card.get("domain") == wanted]
            if fitting:
                return max(
                    fitting,
                    key=lambda card: (card.get("learned", "early") != "early", card.get("bytes_seen", 0)),
                )["name"]
        if not cards:
            raise CheckpointError(
                f"there is no model to run in {models_folder(self.models_dir)}; "
                "put a model folder there or start with --models DIR"
            )
        return cards[0]["name"]

    def pair(self) -> tuple[str | None, str | None]:
        """Two models worth comparing at first: of one domain where there are two, else any two."""
        names = [name for _, name in self.choices()]
        by_domain: dict[str, list[str]] = {}
        for card in self.cards():
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
                self._models[name] = load_boundary_model(name, self.device, self.models_dir)
                while len(self._models) > _KEPT_MODELS:
                    self._models.popitem(last=False)
            self._models.move_to_end(name)
            return self._models[name]

    def analyse(
        self, sequences: list[inputs.Sequence], name: str, progress: Progress | None = None
    ) -> Analysis:
        """One model over the sequences; one run at a time, so that two people do not halve each other's speed."""
        model = self.model(name)
        with self._running:
            return analyse(sequences, model, progress)

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

    def keep_file(self, content: bytes, name: str) -> str:
        """Write a download under an unguessable folder name; the oldest ones go."""
        root = Path(self._files.name)
        for old in sorted(root.iterdir(), key=lambda path: path.stat().st_mtime)[:-_KEPT_FILES]:
            for file in old.iterdir():
                file.unlink(missing_ok=True)
            old.rmdir()
        folder = root / uuid.uuid4().hex
        folder.mkdir()
        (folder / name).write_bytes(content)
        return str(folder / name)


def domain_choices() -> list[tuple[str, str]]:
    """What the page offers for the kind of a text."""
    return [
        ("guess from the input", "guess"),
        *((label, name) for name, label in DOMAINS.items() if name != "dna"),
    ]
