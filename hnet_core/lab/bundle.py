"""From a finished training to what is kept of it: figures on held-out data, and a model folder within the limits."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from hnet_core.checkpoint import INFO, WEIGHTS, LoadedModel, load_model, model_names, read_info
from hnet_core.convert import convert
from hnet_core.data.tokens import tokenizer_of
from hnet_core.errors import HNetError
from hnet_core.evaluate import DEFAULT_CONTEXT, Evaluation, evaluate, robustness, score
from hnet_core.lab.families import HeldOut, Member
from hnet_core.lab.goals import codon_phase_p, goal
from hnet_core.landmarks.coding import read_coding_parts

EVALUATION = "evaluation.json"
MOST_BOUNDARY, MOST_WHOLE, MOST_IN_ALL = 5_000_000, 40_000_000, 150_000_000
"""Bytes of weights: of a folder; of the one folder of each domain that may be larger; of all folders together."""
SAME = ("bytes_seen", "seed", "data_seed", "data_fingerprint")
"""What tells that a bundled model, or its figures, came from a training as it stands."""


class TooLargeError(HNetError):
    """A model is larger than what may be bundled."""


@dataclass(frozen=True)
class Measured:
    """One test of a model. p_codons: DNA, least p of its stages (goals.codon_phase_p) times their number."""

    test: HeldOut
    result: Evaluation
    robustness: dict[str, float]
    p_codons: float | None

    def to_dict(self) -> dict[str, Any]:
        figures = {"name": self.test.name, "data": Path(self.test.data).name, **asdict(self.result)}
        if self.test.include:
            figures["include"] = list(self.test.include)
        if self.test.documents:
            figures["documents"] = self.test.documents
        if self.p_codons is not None:
            figures["p_codons"] = self.p_codons
        return figures | ({"robustness": self.robustness} if self.robustness else {})


def measure(
    folder: Path, held_out: Sequence[HeldOut], root: Path, *, device: str = "cpu", robust: bool = False
) -> list[Measured]:
    """Score the model in `folder` on data below `root`. robust: and on the text with its characters disturbed."""
    loaded = load_model(folder, device=device, tokens=True)
    return [_measure(loaded, test, root, robust) for test in held_out]


def _measure(loaded: LoadedModel, test: HeldOut, root: Path, robust: bool) -> Measured:
    domain = loaded.info["domain"]
    documents = test.read(root, domain)
    how = {
        "context": loaded.info.get("row_bytes", DEFAULT_CONTEXT),
        "tokenizer": tokenizer_of(loaded.folder, loaded.info, loaded.config.vocab_size),
    }
    names = [document.name for document in documents]
    genes = read_coding_parts(root / test.annotation, names) if test.annotation else None
    result = evaluate(loaded.model, documents, annotation=genes, domain=domain, **how)
    disturbed = robustness(loaded.model, documents, **how) if robust else {}
    p_codons = None
    if genes is not None and loaded.config.n_stages:
        found = [
            codon_phase_p(stage, document, genes.get(document.name, ()))
            for document in documents
            for stage in score(loaded.model, document.data.tobytes(), **how)[1]
        ]
        p_codons = min(1.0, len(found) * min(found))
    return Measured(test, result, disturbed, p_codons)


def save_evaluation(run: Path, found: list[Measured]) -> None:
    """Write the figures beside the training, with what tells which state of it they are of."""
    info = read_info(run / "model")
    content = {key: info.get(key) for key in SAME} | {
        "n_parameters": info["n_parameters"],
        "row_bytes": info["row_bytes"],
        "tests": [m.to_dict() for m in found],
    }
    write_json(run / EVALUATION, content)


def is_current(path: Path, run: Path, held_out: Sequence[HeldOut]) -> bool:
    """Whether a model.json or an evaluation.json has figures of these data, and of the training as it stands."""
    if not path.is_file():
        return False
    held, now = json.loads(path.read_text(encoding="utf-8")), read_info(run / "model")
    tests = [test["name"] for test in held.get("tests", ())]
    return tests == [each.name for each in held_out] and all(held.get(key) == now.get(key) for key in SAME)


def bundle(member: Member, run: Path, root: Path, out: Path, *, device: str = "cpu") -> dict[str, Any]:
    """Convert the model of a training to bf16, measure that, and put it into `out`; returns its model.json.

    Raises TooLargeError, before anything is replaced, for a model that may not be bundled.
    """
    staged = out / f".bundle.{os.getpid()}"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        whole, kept = staged / "whole", staged / member.name
        convert(str(run / "model"), None, whole, dtype=torch.bfloat16, name=member.name)
        found = measure(whole, member.data.tests, root, device=device)
        info = read_info(whole)
        write_json(whole / INFO, {**info, "title": member.title, **figures(found, info["domain"])})
        only = member.weights == "boundary"
        convert(str(whole), None, kept, boundary_only=only, dtype=torch.bfloat16, name=member.name)
        check_size(kept, out)
        convert(
            *(str(kept), None, out / member.name),
            **{"boundary_only": only, "dtype": torch.bfloat16, "name": member.name, "force": True},
        )
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return read_info(out / member.name)


def refresh(member: Member, root: Path, out: Path, *, device: str = "cpu") -> dict[str, Any]:
    """Measure a bundled model of whole weights as it is, and write its figures anew; returns its model.json."""
    folder = out / member.name
    info = read_info(folder)
    write_json(
        folder / INFO,
        {**info, **figures(measure(folder, member.data.tests, root, device=device), info["domain"])},
    )
    return read_info(folder)


def figures(found: list[Measured], domain: str) -> dict[str, Any]:
    """What model.json says of a model's tests: the figures of the first one, the goal, and those of all."""
    first = found[0]
    tests = [
        {"name": m.test.name, "data": Path(m.test.data).name, "n_bytes": m.result.n_bytes}
        | ({"include": list(m.test.include)} if m.test.include else {})
        | ({"documents": m.test.documents} if m.test.documents else {})
        | {key: value for key, value in m.result.info(domain).items() if key not in ("learned", "note")}
        | ({"p_codons": m.p_codons} if m.p_codons is not None else {})
        for m in found
    ]
    return {
        **first.result.info(domain),
        "goal": goal(domain, first.result.shares, first.p_codons),
        "tests": tests,
    }


def check_size(folder: Path, out: Path) -> None:
    """Raise TooLargeError if `folder` may not stand in `out` beside the models there."""
    size, info = (folder / WEIGHTS).stat().st_size, read_info(folder)
    others = {name: (out / name / WEIGHTS).stat().st_size for name in model_names(out) if name != folder.name}
    if info.get("weights") == "boundary" and size > MOST_BOUNDARY:
        raise TooLargeError(_too_large(folder.name, size, MOST_BOUNDARY, "boundary weights"))
    if size > MOST_WHOLE:
        raise TooLargeError(_too_large(folder.name, size, MOST_WHOLE, "whole weights"))
    large = [
        name
        for name, other in others.items()
        if other > MOST_BOUNDARY and read_info(out / name).get("domain") == info["domain"]
    ]
    if size > MOST_BOUNDARY and large:
        raise TooLargeError(
            f"{folder.name}: {size / 1e6:.1f} MB; {large[0]} is the one model of {info['domain']} above "
            f"{MOST_BOUNDARY / 1e6:g} MB already; bundle boundary weights only"
        )
    if size + sum(others.values()) > MOST_IN_ALL:
        raise TooLargeError(
            _too_large(str(out), size + sum(others.values()), MOST_IN_ALL, "all weights together")
        )


def _too_large(name: str, size: int, most: int, what: str) -> str:
    return f"{name}: {what} are {size / 1e6:.1f} MB, at most {most / 1e6:g} MB may be bundled; make the model smaller"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file by atomic rename."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
