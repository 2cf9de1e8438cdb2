"""Model cards: what model.json and training.csv of each model say, in reading order."""

import re
from typing import Any

import pandas as pd

from app.kinds.domain import DOMAINS
from app.server.session import Session
from hnet_core.checkpoint import model_folder

_CURVE_POINTS = 120


_CURVES = {"bpb": "bits per byte, training", "valid_bpb": "bits per byte, held out"}


def model_cards(session: Session) -> dict[str, Any]:
    """The Models tab's value: title, domain, and what model.json says, in reading order."""
    return {
        "cards": [
            {**card(each, DOMAINS), "curves": curves(session, each["name"])} for each in session.cards()
        ]
    }


def curves(session: Session, model: str) -> list[dict[str, Any]]:
    """What training.csv of a model tells over bytes seen, at most _CURVE_POINTS a curve; [] where there is none.

    returns  {"name", "points": [(bytes seen, value)]} of bits per byte and of bytes per chunk of every stage
    """
    try:
        table = pd.read_csv(model_folder(model, session.models_dir) / "training.csv")
        columns = ["bpb", "valid_bpb", *(name for name in table if name.startswith("bytes_per_chunk_"))]
        found = []
        for column in columns:
            part = table[["bytes", column]].dropna() if column in table else table.iloc[:0]
            step = max(1, -(-len(part) // (_CURVE_POINTS - 1)))
            part = part.iloc[[*range(0, len(part) - 1, step), *range(max(0, len(part) - 1), len(part))]]
            if len(part) > 1:
                points = [[float(x), float(y)] for x, y in part.to_numpy()]
                found.append({"name": _CURVES.get(column, column.replace("_", " ")), "points": points})
        return found
    except (OSError, ValueError, KeyError):
        return []


def card(info: dict[str, Any], domains: dict[str, str]) -> dict[str, Any]:
    """One model's card: title, how far it has learned, its goal, (name, text) of what model.json tells, in parts."""
    if "error" in info:
        return {
            "title": info["name"],
            "note": info["error"],
            "early": True,
            "facts": [],
            "sections": [],
            "goal": None,
        }
    shares = info.get("boundary_shares") or {}
    facts = [
        ("name", info["name"]),
        ("domain", domains.get(info.get("domain", ""), info.get("domain", ""))),
        ("stages", info.get("n_stages")),
        ("parameters", _number(info.get("n_parameters"))),
        ("bytes seen", _number(info.get("bytes_seen"))),
        ("bits per byte", info.get("bits_per_byte")),
        ("bytes per chunk", " / ".join(f"{value:.2f}" for value in info.get("bytes_per_chunk") or [])),
        ("target", " / ".join(str(value) for value in info.get("target") or [])),
        ("seed, data order", " / ".join(str(info[key]) for key in ("seed", "data_seed") if key in info)),
        *((f"bits per byte, {test['name']}", test["bits_per_byte"]) for test in _other_tests(info)),
    ]
    origin = [
        ("data", ", ".join(map(str, info.get("data") or []))),
        ("licence", info.get("licence")),
        ("date", info.get("date")),
    ]
    cuts = [(_words(name), f"{share:.1%}") for name, share in shares.items()]
    sections = [("share of places where it cuts", cuts), ("data and licence", _said(origin))]
    return {
        "title": info.get("title", info["name"]),
        "note": info.get("note", ""),
        "early": info.get("learned") == "early",
        "facts": _said(facts),
        "sections": [{"name": name, "facts": found} for name, found in sections if found],
        "goal": _goal(info.get("goal")),
    }


def _said(facts: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Those that model.json has, as text."""
    return [(name, str(text)) for name, text in facts if text not in (None, "")]


def _goal(goal: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the model was to learn, what it reached and whether that is enough; None where model.json has no goal."""
    if not goal:
        return None
    words, reached = (str(goal.get(name, "")) for name in ("goal", "reached"))
    return {"words": words, "reached": reached, "met": bool(goal.get("met"))}


def _other_tests(info: dict[str, Any]) -> list[dict[str, Any]]:
    """Tests after the first one, whose figures stand in model.json itself."""
    return [each for each in (info.get("tests") or [])[1:] if {"name", "bits_per_byte"} <= set(each)]


def _number(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def _words(name: str) -> str:
    """A key of model.json as words: stage0_word_start -> stage 0 word start."""
    return re.sub(r"stage(\d)", r"stage \1", name).replace("_", " ")
