"""Optimizers with the parameter groups an H-Net needs: no decay where it only hurts, a learning rate a stage."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod, sqrt

import torch
from torch import Tensor, nn

from hnet_core.config import HNetConfig
from hnet_core.model import HNetForCausalLM
from hnet_core.training.muon import Muon, block_matrices
from hnet_core.training.options import TrainingOptions

GPT_BYTES = 4.6
"""Bytes a token of the GPT-2 tokenizer: the reference point of the paper's learning-rate formula."""


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
    named: Iterable[tuple[str, nn.Parameter]],
    stage_of: Mapping[str, int],
    multipliers: Sequence[float],
    weight_decay: float,
) -> list[dict]:
    """One group for each stage, with and without decay; it names its parameters (`names`) and holds the stage's
    multiplier (`lr_scale`). stage_of: HNetForCausalLM.level_of_parameters."""
    groups: dict[tuple[int, bool], dict] = {}
    for name, parameter in named:
        stage, decayed = stage_of[name], decays(parameter)
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
    model: HNetForCausalLM,
    multipliers: Sequence[float],
    *,
    weight_decay: float,
    betas: tuple[float, float],
    eps: float,
) -> torch.optim.AdamW:
    """Fused AdamW over all parameters of `model`."""
    groups = parameter_groups(
        model.named_parameters(), model.level_of_parameters(), multipliers, weight_decay
    )
    return torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=eps, fused=True)


class Together:
    """Two optimizers of one model, used as one. They share their state, parameter -> its moments."""

    def __init__(self, adamw: torch.optim.AdamW, muon: Muon) -> None:
        muon.state = adamw.state
        self._parts, self.state = (adamw, muon), adamw.state
        self.param_groups = [*adamw.param_groups, *muon.param_groups]

    def step(self) -> None:
        for part in self._parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self._parts:
            part.zero_grad(set_to_none)


def make_muon(
    model: HNetForCausalLM,
    multipliers: Sequence[float],
    *,
    rate: float,
    weight_decay: float,
    betas: tuple[float, float],
    eps: float,
) -> Together:
    """Muon over the matrices of blocks, fused AdamW over the rest (embedding, head, norms, routers, vectors,
    convolutions, residual projections).

    rate  of Muon over that of AdamW. No stage multiplies it: an orthogonal update moves outputs alike at every width.
    """
    matrices = block_matrices(model)
    rest = [(name, p) for name, p in model.named_parameters() if p not in matrices]
    names = {parameter: name for name, parameter in model.named_parameters()}
    stage_of = model.level_of_parameters()
    by_stage: dict[int, dict] = {}
    for parameter, rows in matrices.items():
        stage = stage_of[names[parameter]]
        empty = {"params": [], "names": [], "rows": [], "stage": stage, "lr_scale": rate}
        group = by_stage.setdefault(stage, {**empty, "weight_decay": weight_decay})
        for key, value in (("params", parameter), ("names", names[parameter]), ("rows", rows)):
            group[key].append(value)
    groups = parameter_groups(rest, stage_of, multipliers, weight_decay)
    adamw = torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=eps, fused=True)
    return Together(adamw, Muon([by_stage[stage] for stage in sorted(by_stage)]))


def make_optimizer(model: HNetForCausalLM, config: HNetConfig, options: TrainingOptions):
    """The optimizer that the options name, for `model` of this configuration."""
    multipliers = options.lr_multipliers or lr_multipliers(config, options.target)
    settings = {"weight_decay": options.weight_decay, "betas": options.betas, "eps": options.eps}
    if options.optimizer == "adamw":
        return make_adamw(model, multipliers, **settings)
    return make_muon(model, multipliers, rate=options.muon_learning_rate / options.learning_rate, **settings)


def set_learning_rate(optimizer: torch.optim.Optimizer | Together, lr: float) -> None:
    """Give each group `lr` times its multiplier."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]
