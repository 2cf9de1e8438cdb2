"""Sweeps as files: what is compared, with which seeds, by which measure, written down before anything is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hnet_core.errors import ConfigError, HNetError, InputError
from hnet_core.json_text import parsed
from hnet_core.lab.families import DataSet, Member, read_data_sets
from hnet_core.training.recipe import Recipe, read_recipe

SWEEPS = Path(__file__).resolve().parent / "sweeps"
MEASURES = ("success",)
"""What a sweep may be judged by: the formula of its domain (hnet_core.lab.success)."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to train. set: changes of the recipe, after those that all arms share."""

    name: str
    title: str
    recipe: str
    bytes: int
    set: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Arms x seeds x data orders. raw: the content of its file. set: changes of the recipe that all arms share."""

    name: str
    question: str
    data: str
    seeds: tuple[int, ...]
    data_seeds: tuple[int, ...]
    arms: tuple[Arm, ...]
    raw: Mapping[str, Any]
    measure: str = "success"
    note: str = ""
    set: tuple[str, ...] = ()

    def members(self, only: Sequence[str] = (), n_bytes: int | None = None) -> list["SweepMember"]:
        """Every training, all arms of a seed before the next seed.

        only  names of arms; empty: all     n_bytes  length of each, instead of its own
        """
        unknown = sorted(set(only) - {arm.name for arm in self.arms})
        if unknown:
            known = ", ".join(arm.name for arm in self.arms)
            raise InputError(f"--only {unknown[0]!r}: no arm of sweep {self.name}; there are {known}")
        sets = read_data_sets()
        return [
            self._member(arm, seed, data_seed, sets[self.data], n_bytes)
            for seed in self.seeds
            for data_seed in self.data_seeds
            for arm in self.arms
            if not only or arm.name in only
        ]

    def _member(
        self, arm: Arm, seed: int, data_seed: int, data: DataSet, n_bytes: int | None
    ) -> "SweepMember":
        name = f"{arm.name}_s{seed}_o{data_seed}"
        return SweepMember(
            **{"name": name, "run": name, "title": arm.title, "recipe": arm.recipe, "arm": arm.name},
            **{"data": data, "data_name": self.data, "seed": seed, "data_seed": data_seed},
            **{
                "bytes": n_bytes or arm.bytes,
                "set": (*self.set, *arm.set),
                "weights": "none",
                "table": "sweep",
            },
        )


@dataclass(frozen=True, kw_only=True)
class SweepMember(Member):
    """One training of a sweep; run: its folder below that of the sweep."""

    arm: str


def find_sweep(name_or_file: str) -> Sweep:
    """A sweep by the name of one of the project's, or by the path of a file."""
    path = SWEEPS / f"{name_or_file}.json"
    if not path.is_file():
        path = Path(name_or_file)
        if not path.is_file():
            known = ", ".join(sorted(each.stem for each in SWEEPS.glob("*.json")))
            raise InputError(f"{name_or_file}: is no sweep and no file; there are {known}")
    return read_sweep(path)


def read_sweep(path: Path) -> Sweep:
    """Read and check a sweep file: every arm must be a recipe with settings that fit. Raises ConfigError."""
    try:
        raw = parsed(path.read_bytes())
    except (OSError, ValueError) as err:
        raise ConfigError(f"{path}: cannot be read as JSON ({err})") from err
    try:
        sweep = _sweep(raw)
        for member in sweep.members():
            _check_recipe(member)
    except HNetError as err:
        raise ConfigError(f"{path}: {err}") from err
    return sweep


def _sweep(raw: Any) -> Sweep:
    _check_keys(raw, Sweep, "the sweep", optional=("measure", "note", "set"), given=("raw",))
    arms = raw["arms"]
    if not isinstance(arms, list) or not arms:
        raise ConfigError("arms must be a list of one or more")
    for arm in arms:
        _check_keys(
            arm, Arm, f"arm {arm.get('name', '?') if isinstance(arm, dict) else arm}", optional=("set",)
        )
    for value in (raw["name"], *(arm["name"] for arm in arms)):
        if not isinstance(value, str) or not value.isidentifier():
            raise ConfigError(
                f"name {value!r} must be letters, digits and underscores, since folders have it"
            )
    names = [arm["name"] for arm in arms]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"arm {twice!r} is there twice; give each arm its own name")
    for key in ("seeds", "data_seeds"):
        _check_seeds(key, raw[key])
    if not isinstance(raw["data"], str) or raw["data"] not in read_data_sets():
        raise ConfigError(f"data {raw['data']!r} must be one of {', '.join(read_data_sets())}")
    if raw.get("measure", "success") not in list(MEASURES):
        raise ConfigError(f"measure {raw['measure']!r} must be one of {', '.join(MEASURES)}")
    lists = {key: tuple(raw.get(key, ())) for key in ("seeds", "data_seeds", "set")}
    found = tuple(Arm(**{**arm, "set": tuple(arm.get("set", ()))}) for arm in arms)
    return Sweep(**{**raw, **lists, "arms": found, "raw": raw})


def _check_keys(raw: Any, cls: type, where: str, optional: Sequence[str], given: Sequence[str] = ()) -> None:
    names = [f.name for f in fields(cls) if f.name not in given]
    if not isinstance(raw, dict):
        raise ConfigError(f"{where} must be an object with {', '.join(names)}")
    wrong = next((key for key in raw if key not in names), None)
    if wrong is not None:
        raise ConfigError(f"{where}: unknown key {wrong!r} (known: {', '.join(names)})")
    missing = [name for name in names if name not in raw and name not in optional]
    if missing:
        raise ConfigError(f"{where} lacks {', '.join(missing)}")
    settings = raw.get("set", [])
    if not isinstance(settings, list) or not all(isinstance(each, str) for each in settings):
        raise ConfigError(f"{where}: set must be a list of KEY=VALUE")


def _check_seeds(key: str, seeds: Any) -> None:
    whole = isinstance(seeds, list) and all(type(seed) is int and seed >= 0 for seed in seeds)
    if not whole or not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(f"{key}={seeds!r} must be a list of different whole numbers, 0 or more")


def _check_recipe(member: SweepMember) -> Recipe:
    if type(member.bytes) is not int or member.bytes < 1:
        raise ConfigError(f"arm {member.arm}: bytes={member.bytes!r} must be a whole number, 1 or more")
    try:
        return read_recipe(member.config, member.set)
    except ConfigError as err:
        raise ConfigError(f"arm {member.arm}: {err}") from err
