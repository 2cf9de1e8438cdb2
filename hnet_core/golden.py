"""Runs a model over a folder of golden vectors and measures how far each quantity is from them.

The folder holds config.json, weights.safetensors and golden.safetensors; grads.safetensors and meta.json where
gradients and losses are to be compared. The quantities are those of the published implementation: masked, packed and
uneven rows, prefill and steps, losses, every gradient. Any part of them will do: what is not there is listed.
"""

import json
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
from hnet_core.merging import PublishedMerge
from hnet_core.model import HNetForCausalLM, HNetOutput
from hnet_core.routers.ratio_loss import ratio_loss
from hnet_core.rows import Rows, unpack
from hnet_core.stages import RoutedStage

EXACT, PROB, LOGITS, LOSS = 0.0, 1e-5, 2e-4, 1e-5
GRAD_RELATIVE, GRAD_ABSOLUTE = 1e-3, 1e-6
RATIO_TABLE_TOLERANCE = 1e-5
RUNS = ("masked", "varlen", "packed", "step")


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
        grads, meta = folder / "grads.safetensors", folder / "meta.json"
        try:
            weights, values = (
                load_file(folder / f"{name}.safetensors", device=device) for name in ("weights", "golden")
            )
            grads = load_file(grads, device=device) if grads.exists() else {}
            meta = json.loads(meta.read_text(encoding="utf-8")) if meta.exists() else {}
        except (OSError, ValueError, SafetensorError) as err:
            raise CheckpointError(f"{folder}: is not a folder of golden vectors ({err})") from err
        if not isinstance(meta, dict) or not isinstance(meta.get("loss", {}), dict):
            raise CheckpointError(f"{folder}/meta.json: must hold an object, and one of losses under 'loss'")
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


class Comparison:
    """Every comparison that a folder allows, and the names of what it does not hold."""

    def __init__(self, golden: Golden) -> None:
        self.golden, self.checks, self.absent = golden, [], []
        values, model = golden.values, golden.model()
        if not any(f"{run}.input_ids" in values for run in RUNS):
            raise CheckpointError(
                f"{golden.name}: golden.safetensors holds no input to run, such as packed.input_ids; add one"
            )
        try:
            for run, compare in zip(
                RUNS, (self._masked, self._varlen, self._packed, self._steps), strict=True
            ):
                if f"{run}.input_ids" in values:
                    compare(model, values[f"{run}.input_ids"])
                else:
                    self.absent.append(run)
        except ValueError as err:
            raise CheckpointError(f"{golden.name}: the golden vectors cannot be run ({err})") from err
        if not self.checks:
            raise CheckpointError(
                f"{golden.name}: holds inputs, but nothing to compare what comes of them with"
            )

    def judge(self, name: str, got: Tensor, limit: float) -> None:
        """Compare with the stored tensor of that name, if it is there."""
        if name in self.golden.values:
            self.checks.append(_check(name, got, self.golden.values[name], limit))
        else:
            self.absent.append(name)

    def _masked(self, model: HNetForCausalLM, ids: Tensor) -> None:
        mask = self.golden.values.get("masked.mask", torch.ones_like(ids, dtype=torch.bool))
        with torch.no_grad():
            out = model(ids, mask=mask)
        self._logits("masked", out.logits.flatten(0, 1))
        cu_seqlens = torch.nn.functional.pad(mask.sum(1).cumsum(0), (1, 0))
        nll = next_byte_nll(out.logits[mask], ids[mask], cu_seqlens)
        self.judge("masked.nll", unpack(nll, Rows(cu_seqlens))[0], LOGITS)
        self._decisions("masked", out)
        for s, stage in enumerate(out.stages):
            self.judge(f"masked.stage{s}.mask", stage.mask, EXACT)

    def _varlen(self, model: HNetForCausalLM, ids: Tensor) -> None:
        cu_seqlens = self.golden.values.get("varlen.cu_seqlens")
        if cu_seqlens is None:
            self.absent.append("varlen.cu_seqlens")
            return
        with torch.no_grad():
            self._rows("varlen", model(ids, cu_seqlens=cu_seqlens), ids, cu_seqlens, ids.shape)

    def _rows(self, run: str, out: HNetOutput, ids: Tensor, cu_seqlens: Tensor, shape: torch.Size) -> None:
        self._logits(run, out.logits)
        self.judge(f"{run}.nll", next_byte_nll(out.logits.detach(), ids, cu_seqlens).view(shape), LOGITS)
        self._decisions(run, out)
        for s, stage in enumerate(out.stages):
            self.judge(f"{run}.stage{s}.cu_seqlens", stage.cu_seqlens, EXACT)

    def _packed(self, model: HNetForCausalLM, ids: Tensor) -> None:
        n_rows, length = ids.shape
        cu_seqlens = torch.arange(n_rows + 1, device=ids.device) * length
        seen: dict[str, Tensor] = {}
        hooks = _watch(model, seen)
        out = model(ids.flatten(), cu_seqlens=cu_seqlens)
        for hook in hooks:
            hook.remove()
        self._rows("packed", out, ids.flatten(), cu_seqlens, ids.shape)
        for name, tensor in seen.items():
            self.judge(name, tensor, LOGITS)
        nll = next_byte_nll(out.logits, ids.flatten(), cu_seqlens)
        total = self._losses(out, nll.sum() / (n_rows * (length - 1)))
        if total is None or not self.golden.grads:
            self.absent.append("gradients")
            return
        total.backward()
        self._gradients(model)

    def _losses(self, out: HNetOutput, cross_entropy: Tensor) -> Tensor | None:
        """The training loss, or None where meta.json does not say how its parts are weighed."""
        meta, total = self.golden.meta, cross_entropy
        losses, targets, weight = meta.get("loss", {}), meta.get("ratio_N"), meta.get("ratio_weight")
        self._number("loss.ce", cross_entropy, losses.get("ce"), LOSS)
        for target, row in losses.get("ratio_table", {}).items():
            for s, (stage, want) in enumerate(zip(out.stages, row, strict=True)):
                got = ratio_loss(stage.prob, stage.is_boundary, float(target))
                self._number(f"loss.ratio_table[{target}][{s}]", got, want, RATIO_TABLE_TOLERANCE)
        if out.stages and (targets is None or weight is None):
            self.absent += ["ratio_N and ratio_weight", "loss.total"]
            return None
        if out.stages:
            ratios = [ratio_loss(s.prob, s.is_boundary, n) for s, n in zip(out.stages, targets, strict=True)]
            wanted = losses.get("ratio", [None] * len(ratios))
            for s, (ratio, want) in enumerate(zip(ratios, wanted, strict=True)):
                self._number(f"loss.ratio[{s}]", ratio, want, LOSS)
            total = cross_entropy + weight * sum(ratios)
        self._number("loss.total", total, losses.get("total"), LOSS)
        return total

    def _number(self, name: str, got: Tensor, want: float | None, limit: float) -> None:
        if want is None:
            self.absent.append(name)
        else:
            self.checks.append(_check(name, got, torch.tensor(want), limit))

    def _gradients(self, model: HNetForCausalLM) -> None:
        parameters, grads = dict(model.named_parameters()), self.golden.grads
        for name in sorted(set(parameters) | set(grads)):
            if name not in grads:
                self.absent.append(f"grad {name}")
            elif name not in parameters or parameters[name].grad is None:
                self.checks.append(Check(f"grad {name} (the model has none)", float("inf"), EXACT))
            else:
                limit = GRAD_RELATIVE * float(grads[name].abs().max()) + GRAD_ABSOLUTE
                self.checks.append(_check(f"grad {name}", parameters[name].grad, grads[name], limit))

    def _steps(self, model: HNetForCausalLM, ids: Tensor) -> None:
        values = self.golden.values
        if "step.prefill_len" not in values:
            self.absent.append("step.prefill_len")
            return
        n, one = int(values["step.prefill_len"]), torch.tensor([0, 1], device=ids.device)
        logits, probs, masks = [], [], []
        with torch.no_grad():
            out = model(ids[:n], cu_seqlens=torch.tensor([0, n], device=ids.device), state=model.new_state(1))
            self._logits("step.prefill", out.logits, separator="_")
            for byte in ids[n:].split(1):
                out = model(byte, cu_seqlens=one, state=out.state)
                logits.append(out.logits)
                probs.append([float(s.prob[0]) if len(s.prob) else float("nan") for s in out.stages])
                masks.append([int(s.is_boundary[0]) if len(s.prob) else -1 for s in out.stages])
        self.judge("step.logits", torch.cat(logits), LOGITS)
        if out.stages:
            self.judge("step.boundary_prob", torch.tensor(probs), PROB)
            self.judge("step.boundary_mask", torch.tensor(masks), EXACT)

    def _logits(self, run: str, logits: Tensor, separator: str = ".") -> None:
        """At the positions that are stored, or at all of them."""
        at = self.golden.values.get(f"{run}{separator}logit_pos")
        logits = logits.detach() if at is None else logits.detach()[at.long()]
        self.judge(f"{run}{separator}logits", logits, LOGITS)

    def _decisions(self, run: str, out: HNetOutput) -> None:
        for s, stage in enumerate(out.stages):
            name = f"{run}.stage{s}."
            self.judge(name + "boundary_mask", stage.is_boundary, EXACT)
            self.judge(name + "boundary_prob", stage.prob, PROB)
            self.judge(name + "selected_probs", stage.selected_prob, PROB)


def checks(golden: Golden) -> list[Check]:
    """Every comparison the folder allows, run by run."""
    return Comparison(golden).checks


def _watch(model: HNetForCausalLM, seen: dict[str, Tensor]) -> list:
    """Record the intermediates of a packed run under their golden names; returns the hooks to remove."""

    def after(name, module, args, result):
        seen[name] = result[0].detach()

    def decoder_input(stage: RoutedStage, s: int, module, args):
        """What came from the chunks: all that the decoder gets, less the residual of the published merge."""
        encoded = seen[f"packed.stage{s}.encoder_out"]
        seen[f"packed.stage{s}.dechunk_out"] = args[0].detach() - stage.residual_proj(encoded).detach()

    hooks = []
    for s, stage in enumerate(model.stages):
        hooks.append(stage.encoder.register_forward_hook(partial(after, f"packed.stage{s}.encoder_out")))
        if isinstance(stage.merge, PublishedMerge):
            hooks.append(stage.decoder.register_forward_pre_hook(partial(decoder_input, stage, s)))
        hooks.append(stage.decoder.register_forward_hook(partial(after, f"packed.stage{s}.decoder_out")))
    innermost = partial(after, f"packed.stage{model.config.n_stages}.main_out")
    hooks.append(model.levels[-1].main_network.register_forward_hook(innermost))
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
