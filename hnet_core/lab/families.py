"""The models to train, as data: families.json has those that are bundled, experiments.json those of docs/results.md."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hnet_core.data.documents import Document, middle_parts, read_documents
from hnet_core.errors import ConfigError, InputError
from hnet_core.json_text import parsed

HERE = Path(__file__).resolve().parent
FAMILIES, EXPERIMENTS = HERE / "families.json", HERE / "experiments.json"
RECIPES = HERE.parent / "training" / "recipes"
WEIGHTS_KEPT = ("whole", "boundary", "none")


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Data that no training reads. Paths are below the data folder."""

    name: str
    data: str
    include: tuple[str, ...] = ()
    """DNA: records or NAME:START-END, 1-based and closed."""
    annotation: str | None = None
    """DNA: GFF3 of the sequence."""
    limit: int | None = None
    """About this many bytes, the middle of every document; None: all."""
    documents: str = ""
    """Text: every second document, "even" or "odd", counted from 0; empty: all."""

    def read(self, root: Path, domain: str) -> list[Document]:
        """Its documents, cut to `limit`, of the data folder `root`."""
        found = list(
            read_documents([root / self.data], domain, include=self.include, documents=self.documents)
        )
        return middle_parts(found, self.limit) if self.limit else found


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """What a member is trained on, what recipes are chosen by, and what is reported. Paths are below the data folder.

    valid  validation data: the first is scored while training, and all of them by sweeps; no test holds any of it
    """

    train: tuple[str, ...]
    valid: tuple[HeldOut, ...]
    tests: tuple[HeldOut, ...]
    """The first one's figures are the model's figures."""

    def check(self, root: Path) -> None:
        """Raise InputError naming the first file that is not below `root`."""
        held_out = [path for each in (*self.valid, *self.tests) for path in (each.data, each.annotation)]
        for path in (*self.train, *held_out):
            if path and not (root / path).is_file():
                raise InputError(
                    f"{root / path}: there is no such file; the data folder must hold what {FAMILIES.name} names"
                )


@dataclass(frozen=True, kw_only=True)
class Member:
    """One model of a family.

    name     folder of the bundled model       run  folder of its training, below the folder of runs
    weights  what is bundled: whole, boundary (encoders and routers), or none for a model that is only measured
    set      changes of the recipe, as --set takes them          bytes  length of its training; None: the recipe's
    table    for an experiment: the table of docs/results.md in which it stands
    """

    name: str
    title: str
    recipe: str
    data: DataSet
    data_name: str
    seed: int = 0
    data_seed: int = 0
    run: str
    weights: str = "whole"
    bytes: int | None = None
    set: tuple[str, ...] = ()
    table: str = ""

    def __post_init__(self) -> None:
        if self.weights not in WEIGHTS_KEPT:
            raise ConfigError(
                f"{self.name}: weights={self.weights!r} must be one of {', '.join(WEIGHTS_KEPT)}"
            )
        if not os.path.isfile(self.config):
            raise ConfigError(f"{self.name}: there is no recipe {self.config}")

    @property
    def config(self) -> Path:
        return RECIPES / f"{self.recipe}.json"

    def arguments(self, root: Path, runs: Path) -> list[str]:
        """Of `python -m hnet_core.training`, for data below `root`; a training that has begun goes on."""
        data, valid = self.data, self.data.valid[0]
        call = ["--config", str(self.config), "--out", str(runs / self.run), "--resume"]
        call += ["--data", *(str(root / path) for path in data.train)]
        call += ["--valid", str(root / valid.data)]
        if valid.documents:
            call += ["--valid-documents", valid.documents]
        if valid.include:
            call += ["--valid-include", *valid.include]
        if valid.annotation:
            call += ["--valid-annotation", str(root / valid.annotation)]
        call += ["--seed", str(self.seed), "--data-seed", str(self.data_seed)]
        if self.bytes is not None:
            call += ["--bytes", str(self.bytes)]
        return [*call, "--set", f"name={self.name}", f"title={self.title}", *self.set]


def read_families() -> dict[str, tuple[Member, ...]]:
    """Family -> its members, in the order in which they are trained."""
    raw = _read(FAMILIES)
    sets = _data_sets(raw["data"])
    return {
        family: tuple(_member(entry, sets) for entry in entries)
        for family, entries in raw["families"].items()
    }


def read_experiments() -> tuple[Member, ...]:
    """The trainings of docs/results.md, in the order of its tables."""
    sets = read_data_sets()
    return tuple(_member(entry, sets) for entry in _read(EXPERIMENTS)["experiments"])


def read_data_sets() -> dict[str, DataSet]:
    """The data sets of families.json by name."""
    return _data_sets(_read(FAMILIES)["data"])


def choose(family: str, names: Sequence[str] = ()) -> list[Member]:
    """Members of a family, of "all" families, or of the "experiments"; `names` keeps those with these names."""
    families = read_families()
    known = [*families, "all", "experiments"]
    if family not in known:
        raise InputError(f"family {family!r}: must be one of {', '.join(known)}")
    members = (
        read_experiments()
        if family == "experiments"
        else [m for f, group in families.items() if family in (f, "all") for m in group]
    )
    unknown = sorted(set(names) - {m.name for m in members})
    if unknown:
        raise InputError(
            f"{unknown[0]!r}: no member of {family}; there are {', '.join(m.name for m in members)}"
        )
    return [m for m in members if not names or m.name in names]


def run_folder(name: str) -> str:
    """english-1stage-seed1 -> english_1stage_s1"""
    return name.replace("-seed", "_s").replace("-", "_")


def _read(path: Path) -> dict[str, Any]:
    try:
        return parsed(path.read_bytes())
    except (OSError, ValueError) as err:
        raise ConfigError(f"{path}: cannot be read as JSON ({err})") from err


def _data_sets(raw: Mapping[str, dict[str, Any]]) -> dict[str, DataSet]:
    """Data sets by name; one that is `like` another has that one's values for what it does not say."""
    sets = {}
    for name, entry in raw.items():
        values = {**raw.get(entry.get("like", ""), {}), **entry}
        values.pop("like", None)
        held_out = {
            key: tuple(HeldOut(**_tuples(each)) for each in values.pop(key)) for key in ("valid", "tests")
        }
        sets[name] = DataSet(**_tuples(values), **held_out)
    return sets


def _member(entry: Mapping[str, Any], sets: Mapping[str, DataSet]) -> Member:
    name = entry.get("name", "?")
    wrong = sorted(set(entry) - {f.name for f in fields(Member)})
    if wrong or entry.get("data") not in sets:
        raise ConfigError(
            f"member {name}: unknown {wrong[0] if wrong else 'data set ' + repr(entry.get('data'))}"
        )
    values = {"run": run_folder(name), **_tuples(entry)}
    return Member(**{**values, "data": sets[entry["data"]], "data_name": entry["data"]})


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
