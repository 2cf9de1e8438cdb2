"""Damaged files into a reader, thousands of them: whatever it does but read or refuse in a sentence is collected."""

import random
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hnet_core.errors import HNetError

SLOW = 10.0
"""Seconds that no input may take."""
LONGEST = 1500
"""Characters that a refusal may have."""
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Outcome:
    """What a reader did. faults: where it failed and how -> an input that makes it fail so."""

    tried: int = 0
    refused: int = 0
    slowest: float = 0.0
    faults: dict[str, Any] = field(default_factory=dict)


def fuzz(
    read: Callable[[Any], object],
    draw: Callable[[random.Random], Any],
    seed: int,
    *,
    count: int | None = None,
    seconds: float | None = None,
) -> Outcome:
    """Read what `draw` gives, `count` times or for some seconds; the same seed draws the same."""
    rng, outcome, end = random.Random(seed), Outcome(), time.monotonic() + (seconds or 1e9)
    while (count is None or outcome.tried < count) and time.monotonic() < end:
        given = draw(rng)
        outcome.tried += 1
        started = time.monotonic()
        fault = _fault(read, given, outcome)
        took = time.monotonic() - started
        outcome.slowest = max(outcome.slowest, took)
        if took > SLOW:
            fault = fault or f"took {SLOW:g} s or more"
        if fault:
            kept = outcome.faults.get(fault)
            if kept is None or len(repr(given)) < len(repr(kept)):
                outcome.faults[fault] = given
    return outcome


def report(name: str, outcome: Outcome) -> str:
    """The faults as a failed test shows them."""
    return "\n".join(
        f"{name}: {fault}\n    from {str(given)[-300:]!r}" for fault, given in outcome.faults.items()
    )


def _fault(read: Callable[[Any], object], given: Any, outcome: Outcome) -> str:
    try:
        read(given)
    except HNetError as err:
        outcome.refused += 1
        return sentence_fault(str(err))
    except Exception as err:  # whatever else it raises is what is looked for
        frames = traceback.extract_tb(err.__traceback__)
        ours = [
            f
            for f in frames
            if f.filename.startswith(str(ROOT)) and "/tests/" not in f.filename and ".venv" not in f.filename
        ]
        at = f"{ours[-1].filename.removeprefix(str(ROOT))}:{ours[-1].lineno}" if ours else frames[-1].filename
        return (
            f"{type(err).__name__} at {at}: {str(err)[:100]}" if not ours else f"{type(err).__name__} at {at}"
        )
    return ""


def sentence_fault(text: str) -> str:
    """What is wrong with a refusal as a person reads it; empty where nothing is."""
    if not text.strip():
        return "an empty refusal"
    if len(text) > LONGEST:
        return f"a refusal of more than {LONGEST} characters"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a refusal that no terminal can print"
    if "Traceback" in text or "weights_only" in text:
        return f"a refusal that shows the inside: {text[:80]!r}"
    return ""
