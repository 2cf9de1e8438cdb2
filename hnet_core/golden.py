"""Runs a model over a folder of golden vectors and measures how far each quantity is from them.

The folder holds config.json, weights.safetensors, golden.safetensors, grads.safetensors and meta.json; the
quantities are those of the published implementation: masked, packed and uneven rows, prefill and steps,
losses, every gradient.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from hnet_core.config import HNetConfig
from hnet_core.errors import CheckpointError
from hnet_core.losses import next_byte_nll
from hnet_core.model import HNetForCausalLM, HNetOutput, RoutedStage
from hnet_core.routing import ratio_loss
from hnet_core.rows import Rows, unpack

EXACT, PROB, LOGITS, LOSS = 0.0, 1e-5, 2e-4, 1e-5
GRAD_RELATIVE, GRAD_ABSOLUTE = 1e-3, 1e-6
RATIO_TABLE_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Check:
    """Largest error of one quantity. limit 0: must be equal. Gradients: error and limit of the worst parameter."""

    quantity: str
    error: float
    limit: float

    @property
    def passed(self) -> bool:
        return self.error <= self.limit


@dataclass(frozen=True)
class Golden:
    """One folder of golden vectors."""

    name: str
    config: HNetConfig
    weights: dict[str, Tensor]
    values: dict[str, Tensor]
    grads: dict[str, Tensor]
    meta: dict

    @classmethod
    def read(cls, folder: Path, device: str = "cpu") -> "Golden":
        """All tensors go to `device`, on which the model then runs."""
        config = HNetConfig.from_file(folder / "config.json")
        try:
            weights, values, grads = (
                load_file(folder / f"{name}.safetensors", device=device)
                for name in ("weights", "golden", "grads")
            )
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, SafetensorError) as err:
            raise CheckpointError(f"{folder}: is not a complete folder of golden vectors ({err})") from err
        return cls(folder.name, config, weights, values, grads, meta)

    def model(self) -> HNetForCausalLM:
        """The model with the folder's weights, where they are; every parameter must be there, and nothing else."""
        model = HNetForCausalLM(self.config).to(self.weights["embeddings.weight"].device)
        missing, unexpected = model.load_state_dict(self.weights, strict=False)
        missing = [n for n in missing if not (self.config.tie_embeddings and n == "lm_head.weight")]
        if missing or unexpected:
            raise CheckpointError(
                f"{self.name}: weights lack {missing[:3]} and hold unknown {unexpected[:3]}"
            )
        return model.eval()


def checks(golden: Golden) -> Iterator[Check]:
    """Every comparison the folder allows, run by run."""
    model, values = golden.model(), golden.values
    if "masked.input_ids" in values:
        yield from _masked(model, values)
    if "varlen.input_ids" in values:
        with torch.no_grad():
            out = model(values["varlen.input_ids"], cu_seqlens=values["varlen.cu_seqlens"])
        yield from _packed_run("varlen", out, values["varlen.input_ids"], values["varlen.cu_seqlens"], values)
    if "packed.input_ids" in values:
        yield from _training(model, golden)
    if "step.input_ids" in values:
        yield from _steps(model, values)


def _masked(model: HNetForCausalLM, values: dict[str, Tensor]) -> Iterator[Check]:
    ids, mask = values["masked.input_ids"], values["masked.mask"]
    with torch.no_grad():
        out = model(ids, mask=mask)
    yield from _logits("masked", out.logits.flatten(0, 1), values)
    cu_seqlens = torch.nn.functional.pad(mask.sum(1).cumsum(0), (1, 0))
    nll = next_byte_nll(out.logits[mask], ids[mask], cu_seqlens)
    yield _check("masked.nll", unpack(nll, Rows(cu_seqlens))[0], values["masked.nll"], LOGITS)
    yield from _decisions("masked", out, values)
    for s, stage in enumerate(out.stages):
        yield _check(f"masked.stage{s}.mask", stage.mask, values[f"masked.stage{s}.mask"], EXACT)


def _packed_run(
    run: str, out: HNetOutput, ids: Tensor, cu_seqlens: Tensor, values: dict[str, Tensor]
) -> Iterator[Check]:
    yield from _logits(run, out.logits, values)
    nll = next_byte_nll(out.logits.detach(), ids, cu_seqlens)
    yield _check(f"{run}.nll", nll.view_as(values[f"{run}.nll"]), values[f"{run}.nll"], LOGITS)
    yield from _decisions(run, out, values)
    for s, stage in enumerate(out.stages):
        name = f"{run}.stage{s}.cu_seqlens"
        yield _check(name, stage.cu_seqlens, values[name], EXACT)


def _training(model: HNetForCausalLM, golden: Golden) -> Iterator[Check]:
    values, meta = golden.values, golden.meta
    ids = values["packed.input_ids"]
    n_rows, length = ids.shape
    cu_seqlens = torch.arange(n_rows + 1, device=ids.device) * length
    seen: dict[str, Tensor] = {}
    hooks = _watch(model, seen)
    out = model(ids.flatten(), cu_seqlens=cu_seqlens)
    for hook in hooks:
        hook.remove()
    yield from _packed_run("packed", out, ids.flatten(), cu_seqlens, values)
    for name, tensor in seen.items():
        yield _check(name, tensor, values[name], LOGITS)

    cross_entropy = next_byte_nll(out.logits, ids.flatten(), cu_seqlens).sum() / (n_rows * (length - 1))
    targets = meta["ratio_N"]
    ratios = [ratio_loss(s.prob, s.is_boundary, n) for s, n in zip(out.stages, targets, strict=True)]
    total = cross_entropy + meta["ratio_weight"] * sum(ratios, cross_entropy.new_zeros(()))
    yield _check("loss.ce", cross_entropy, torch.tensor(meta["loss"]["ce"]), LOSS)
    yield _check("loss.total", total, torch.tensor(meta["loss"]["total"]), LOSS)
    for s, ratio in enumerate(ratios):
        yield _check(f"loss.ratio[{s}]", ratio, torch.tensor(meta["loss"]["ratio"][s]), LOSS)
    for target, row in meta["loss"].get("ratio_table", {}).items():
        for s, want in enumerate(row):
            got = ratio_loss(out.stages[s].prob, out.stages[s].is_boundary, float(target))
            yield _check(f"loss.ratio_table[{target}][{s}]", got, torch.tensor(want), RATIO_TABLE_TOLERANCE)
    total.backward()
    yield from _gradients(model, golden.grads)


def _gradients(model: HNetForCausalLM, grads: dict[str, Tensor]) -> Iterator[Check]:
    parameters = dict(model.named_parameters())
    for name in sorted(set(parameters) | set(grads)):
        if name not in parameters or name not in grads or parameters[name].grad is None:
            yield Check(f"grad {name} (missing)", float("inf"), EXACT)
            continue
        limit = GRAD_RELATIVE * float(grads[name].abs().max()) + GRAD_ABSOLUTE
        yield _check(f"grad {name}", parameters[name].grad, grads[name], limit)


def _steps(model: HNetForCausalLM, values: dict[str, Tensor]) -> Iterator[Check]:
    ids, n = values["step.input_ids"], int(values["step.prefill_len"])
    with torch.no_grad():
        out = model(ids[:n], cu_seqlens=torch.tensor([0, n], device=ids.device), state=model.new_state(1))
        at = values["step.prefill_logit_pos"].long()
        yield _check("step.prefill_logits", out.logits[at], values["step.prefill_logits"], LOGITS)
        logits, probs, masks = [], [], []
        one = torch.tensor([0, 1], device=ids.device)
        for byte in ids[n:].split(1):
            out = model(byte, cu_seqlens=one, state=out.state)
            logits.append(out.logits)
            probs.append([float(s.prob[0]) if len(s.prob) else float("nan") for s in out.stages])
            masks.append([int(s.is_boundary[0]) if len(s.prob) else -1 for s in out.stages])
    yield _check("step.logits", torch.cat(logits), values["step.logits"], LOGITS)
    if out.stages:
        yield _check("step.boundary_prob", torch.tensor(probs), values["step.boundary_prob"], PROB)
        yield _check("step.boundary_mask", torch.tensor(masks), values["step.boundary_mask"], EXACT)


def _logits(run: str, logits: Tensor, values: dict[str, Tensor]) -> Iterator[Check]:
    at = values[f"{run}.logit_pos"].long()
    yield _check(f"{run}.logits", logits.detach()[at], values[f"{run}.logits"], LOGITS)


def _decisions(run: str, out: HNetOutput, values: dict[str, Tensor]) -> Iterator[Check]:
    for s, stage in enumerate(out.stages):
        name = f"{run}.stage{s}."
        yield _check(name + "boundary_mask", stage.is_boundary, values[name + "boundary_mask"], EXACT)
        yield _check(name + "boundary_prob", stage.prob, values[name + "boundary_prob"], PROB)
        yield _check(name + "selected_probs", stage.selected_prob, values[name + "selected_probs"], PROB)


def _watch(model: HNetForCausalLM, seen: dict[str, Tensor]) -> list:
    """Record the intermediates of a packed run under their golden names; returns the hooks to remove."""

    def after(name, module, args, result):
        seen[name] = result[0].detach()

    def decoder_input(stage: RoutedStage, s: int, module, args):
        encoded = seen[f"packed.stage{s}.encoder_out"]
        seen[f"packed.stage{s}.dechunk_out"] = args[0].detach() - stage.residual_proj(encoded).detach()

    hooks, stage, s = [], model.backbone, 0
    while isinstance(stage, RoutedStage):
        hooks.append(stage.encoder.register_forward_hook(partial(after, f"packed.stage{s}.encoder_out")))
        hooks.append(stage.decoder.register_forward_pre_hook(partial(decoder_input, stage, s)))
        hooks.append(stage.decoder.register_forward_hook(partial(after, f"packed.stage{s}.decoder_out")))
        stage, s = stage.main_network, s + 1
    hooks.append(stage.main_network.register_forward_hook(partial(after, f"packed.stage{s}.main_out")))
    return hooks


def _check(quantity: str, got: Tensor, want: Tensor, limit: float) -> Check:
    """NaN must meet NaN; another shape is an infinite error."""
    if got.shape != want.shape:
        return Check(f"{quantity} (shape {tuple(got.shape)}, not {tuple(want.shape)})", float("inf"), limit)
    got, want = got.detach().cpu().double(), want.cpu().double()
    if not torch.equal(got.isnan(), want.isnan()):
        return Check(f"{quantity} (NaN elsewhere)", float("inf"), limit)
    error = (got - want).nan_to_num().abs()
    return Check(quantity, float(error.max()) if error.numel() else 0.0, limit)
