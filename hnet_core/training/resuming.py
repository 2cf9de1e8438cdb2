"""Whether a checkpoint may be continued: it is there for all, and what is asked for is the same training."""

from math import isclose
from pathlib import Path
from typing import Any

from hnet_core.errors import CheckpointError, InputError
from hnet_core.training.distributed import Processes
from hnet_core.training.options import TrainingOptions
from hnet_core.training.recipe import Recipe
from hnet_core.training.schedule import WarmupStableDecay

MAY_CHANGE = (
    "bytes",
    "micro_bytes",
    "chunk_budget",
    "explode",
    "matmul_precision",
    "snapshots",
    "log_steps",
    "checkpoint_minutes",
    "valid_every",
    "valid_bytes",
)
"""Training options that a resumed training may be given anew; all others must be those of the checkpoint."""


def is_found(path: Path, group: Processes) -> bool:
    """Whether the checkpoint is there, as all processes see it."""
    found = path.exists()
    n_seeing = group.sum_calmly(int(found))
    if 0 < n_seeing < group.count:
        raise InputError(
            f"{path}: {n_seeing} of {group.count} processes see this file; --out must lie where all machines see it"
        )
    return found


def check_same(path: Path, recipe: Recipe, facts: dict[str, Any], progress: dict[str, Any]) -> None:
    """Refuse to continue with anything that would make another training of it."""
    now, then = recipe.to_dict(), Recipe.from_dict(progress["recipe"]).to_dict()
    now_options, then_options = now.pop("training"), then["training"]
    changed = [key for key in ("model", "domain", "tokenizer") if now[key] != then[key]]
    changed += [k for k, v in now_options.items() if k not in MAY_CHANGE and v != then_options.get(k)]
    known = ("seed", "data_seed", "data_fingerprint", "init")
    changed += [k for k in known if facts.get(k) != progress["facts"].get(k)]
    if changed:
        raise CheckpointError(
            f"{path}: was made with another {', '.join(changed)}; resume with the same settings and data "
            f"(only {', '.join(MAY_CHANGE)} may change), or give another --out"
        )


def check_rate(path: Path, options: TrainingOptions, progress: dict[str, Any]) -> None:
    """Refuse another length of the plan where it would make the learning rate jump."""
    then, seen = Recipe.from_dict(progress["recipe"]).training, progress["bytes"]

    def rate(plan: TrainingOptions) -> float:
        return plan.learning_rate * WarmupStableDecay(plan.warmup_share, plan.decay)(seen / plan.bytes)

    if not isclose(rate(then), rate(options), rel_tol=1e-6):
        raise CheckpointError(
            f"{path}: {seen} bytes of a plan of {then.bytes} are done; with bytes={options.bytes} the learning rate "
            f"would jump from {rate(then):.3g} to {rate(options):.3g}; the plan can change only between warm-up and "
            f"decay, old and new, so resume with bytes={then.bytes}, or train anew with another --out"
        )
