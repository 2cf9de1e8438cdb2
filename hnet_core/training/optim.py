"""AdamW with the parameter groups an H-Net needs: no decay where it only hurts, a learning rate a stage."""

from collections.abc import Iterable, Sequence
from math import prod, sqrt

import torch
from torch import Tensor, nn

from hnet_core.config import HNetConfig

GPT_BYTES = 4.6
"""Bytes a token of the GPT-2 tokenizer: the reference point of the paper's learning-rate formula."""


def stage_of(name: str, n_stages: int) -> int:
    """Stage whose width a parameter has: one deeper with each main_network in its name."""
    return min(name.split(".").count("main_network"), n_stages)


def decays(parameter: Tensor) -> bool:
    """Whether weight decay applies: to matrices, embeddings and convolutions, never to vectors.

    Every bias, norm weight, A_log, D, dt_bias and padding vector is a vector, and nothing else is. Embeddings decay
    like any other matrix: they are drawn with variance 1, and decay lets rare bytes (those outside the corpus) fade.
    """
    return parameter.dim() >= 2


def lr_multipliers(config: HNetConfig, target: Sequence[float]) -> tuple[float, ...]:
    """Learning-rate multiplier of each stage, outermost first (arXiv 2507.07955, section 2.3.3).

    sqrt( 4.6 * prod_{i>=s} N_i / prod_i N_i * D_S / D_s ) = sqrt( 4.6 / prod_{i<s} N_i * D_S / D_s ): outer stages
    see more positions and are narrower, so they take larger steps.
    """
    widths = config.d_model
    return tuple(
        sqrt(GPT_BYTES / prod(target[:stage]) * widths[-1] / width) if len(widths) > 1 else 1.0
        for stage, width in enumerate(widths)
    )


def parameter_groups(
    named: Iterable[tuple[str, nn.Parameter]], multipliers: Sequence[float], weight_decay: float
) -> list[dict]:
    """One group for each stage, with and without decay; it names its parameters (`names`) and holds the stage's
    multiplier (`lr_scale`)."""
    groups: dict[tuple[int, bool], dict] = {}
    for name, parameter in named:
        stage, decayed = stage_of(name, len(multipliers) - 1), decays(parameter)
        group = groups.setdefault(
            (stage, decayed),
            {
                "params": [],
                "names": [],
                "stage": stage,
                "lr_scale": multipliers[stage],
                "weight_decay": weight_decay if decayed else 0.0,
            },
        )
        group["params"].append(parameter)
        group["names"].append(name)
    return [groups[key] for key in sorted(groups)]


def make_adamw(
    model: nn.Module,
    multipliers: Sequence[float],
    *,
    weight_decay: float,
    betas: tuple[float, float],
    eps: float,
) -> torch.optim.AdamW:
    """Fused AdamW over all parameters of `model`."""
    groups = parameter_groups(model.named_parameters(), multipliers, weight_decay)
    return torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=eps, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give each group `lr` times its stage's multiplier."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]
