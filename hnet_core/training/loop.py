"""The training loop: steps, curves, validation, checkpoints, and the model folder that can be looked at meanwhile."""

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from hnet_core.checkpoint import save_model
from hnet_core.errors import HNetError
from hnet_core.evaluate import Evaluation, evaluate
from hnet_core.model import HNetForCausalLM
from hnet_core.training import checkpoints
from hnet_core.training.documents import Document
from hnet_core.training.landmarks import CodingPart
from hnet_core.training.log import TrainingLog, bits
from hnet_core.training.objective import objective
from hnet_core.training.optim import lr_multipliers, make_adamw, set_learning_rate, stage_of
from hnet_core.training.packing import PackedRows, Position, RowStream
from hnet_core.training.recipe import Recipe
from hnet_core.training.schedule import WarmupStableDecay
from kernels.linear import precision

LOG, RECIPE, MODEL = "training.csv", "recipe.json", "model"


class DivergedError(HNetError):
    """Loss or gradient is no longer a number; the weights are those before the step."""


class Training:
    """One training: what it is made of, and where it stands.

    out    folder of training.csv, checkpoint.safetensors and model/
    facts  what model.json says beyond the figures: seeds, data, versions
    valid  documents to score now and then (may be none)
    """

    def __init__(
        self,
        recipe: Recipe,
        stream: RowStream,
        out: Path,
        facts: dict[str, Any],
        *,
        device: str = "cpu",
        valid: list[Document] | None = None,
        annotation: dict[str, list[CodingPart]] | None = None,
    ) -> None:
        options = recipe.training
        self.recipe, self.stream, self.out, self.facts = recipe, stream, out, facts
        self.model = HNetForCausalLM(recipe.model).init_weights(facts["seed"]).to(device)
        multipliers = options.lr_multipliers or lr_multipliers(recipe.model, options.target)
        self.optimizer = make_adamw(
            self.model, multipliers, weight_decay=options.weight_decay, betas=options.betas, eps=options.eps
        )
        self.schedule = WarmupStableDecay(options.warmup, options.decay)
        self.log = TrainingLog(out / LOG, recipe.model.n_stages, options.log_steps)
        self.valid, self.annotation, self.device = valid or [], annotation, device
        self.step, self.bytes_seen, self.seconds = 0, 0, 0.0
        self.figures: dict[str, Any] = {}

    @property
    def checkpoint(self) -> Path:
        return self.out / checkpoints.FILE

    def start(self) -> None:
        """Begin in an empty folder."""
        (self.out / RECIPE).write_text(json.dumps(self.recipe.to_dict(), indent=1) + "\n")
        self.log.start()

    def resume(self, progress: dict[str, Any]) -> None:
        """Go back to the checkpoint whose progress is given; the steps that follow are those it would have made."""
        checkpoints.load_checkpoint(self.checkpoint, self.model, self.optimizer)
        self.step, self.bytes_seen, self.seconds = progress["step"], progress["bytes"], progress["seconds"]
        self.figures = progress["figures"]
        self.stream.seek(Position(**progress["position"]))
        self.log.resume(progress["log"], self.step)

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Train to the end of the plan, or until should_stop. Saves either way; returns whether the end was reached.

        Raises DivergedError when loss or gradients are not finite, before they reach the weights.
        """
        options, saved = self.recipe.training, time.monotonic()
        with tqdm(
            total=options.bytes,
            initial=self.bytes_seen,
            unit="B",
            unit_scale=True,
            file=sys.stderr,
            mininterval=1 if sys.stderr.isatty() else 60,
        ) as bar:
            while self.bytes_seen < options.bytes and not should_stop():
                bar.update(self._advance())
                bar.set_postfix_str(
                    f"{self.log.last.get('bpb', float('nan')):.3f} bits a byte", refresh=False
                )
                if time.monotonic() - saved >= 60 * options.checkpoint_minutes:
                    self.save()
                    saved = time.monotonic()
        self.save()
        return self.bytes_seen >= options.bytes

    def save(self) -> None:
        """Write the checkpoint and the model folder, each by atomic rename."""
        progress = {
            "recipe": self.recipe.to_dict(),
            "facts": self.facts,
            "step": self.step,
            "bytes": self.bytes_seen,
            "seconds": self.seconds,
            "position": asdict(self.stream.position),
            "figures": self.figures,
            "log": self.log.state,
        }
        checkpoints.save_checkpoint(self.checkpoint, self.model, self.optimizer, progress)
        save_model(self.out / MODEL, self.model, self._info())
        partial = self.out / MODEL / f".{LOG}.partial"
        shutil.copyfile(self.out / LOG, partial)
        partial.replace(self.out / MODEL / LOG)

    def _advance(self) -> int:
        """One optimizer step, its line of the log, and a validation when one is due. Returns bytes of data used."""
        started = time.perf_counter()
        options = self.recipe.training
        packs = self.stream.next_step(options.micro_bytes)
        n_bytes = sum(pack.n_bytes for pack in packs)
        values = self._gradients(packs)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), options.clip).item()
        if not isfinite(norm):
            raise DivergedError(self._diverged(self._worst_gradient()))
        lr = options.learning_rate * self.schedule((self.bytes_seen + n_bytes) / options.bytes)
        set_learning_rate(self.optimizer, lr)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        before, self.bytes_seen, self.step = self.bytes_seen, self.bytes_seen + n_bytes, self.step + 1
        elapsed = time.perf_counter() - started
        self.seconds += elapsed
        values |= {"grad_norm": norm, "kb_per_s": n_bytes / elapsed / 1000}
        exact = {"lr": lr, "seconds": round(self.seconds, 1)}
        done = self.bytes_seen >= options.bytes
        if self.valid and (done or before // options.valid_every < self.bytes_seen // options.valid_every):
            exact["valid_bpb"] = self._validate().bits_per_byte
        self.log.add(self.step, self.bytes_seen, values, exact, last=done)
        return n_bytes

    def _gradients(self, packs: list[PackedRows]) -> dict[str, float]:
        """Forward and backward of one step; its losses and chunk figures.

        Each micro-batch weighs as much as the bytes it predicts, so cross entropy does not depend on the split.
        The ratio loss is not linear in its positions: a step's is the mean over its micro-batches.
        """
        options, values = self.recipe.training, {}
        predicted = sum(pack.n_predicted for pack in packs)
        for pack in packs:
            ids = torch.from_numpy(pack.input_ids).to(self.device).long()
            cu_seqlens = torch.from_numpy(pack.cu_seqlens).to(self.device)
            with precision(options.matmul_precision):
                output = self.model(ids, cu_seqlens=cu_seqlens)
            losses = objective(output, ids, cu_seqlens, target=options.target, alpha=options.alpha)
            weight = pack.n_predicted / predicted
            found = self._values(losses, output.stages, len(ids))
            (losses.total * weight).backward()
            for key, value in found.items():
                values[key] = values.get(key, 0.0) + weight * value
        return values

    def _values(self, losses, stages, n: int) -> dict[str, float]:
        """Figures of one micro-batch of n positions; raises DivergedError on a loss that is not finite."""
        cross_entropy, ratios = losses.cross_entropy.item(), [ratio.item() for ratio in losses.ratios]
        for stage, ratio in enumerate(ratios):
            if not isfinite(ratio):
                raise DivergedError(self._diverged(f"the ratio loss of stage {stage} is {ratio}"))
        if not isfinite(cross_entropy):
            raise DivergedError(
                self._diverged(f"the cross entropy is {cross_entropy}, the ratio losses are sound")
            )
        values = {"loss": losses.total.item(), "bpb": bits(cross_entropy), "ratio_loss": sum(ratios)}
        for stage, decisions in enumerate(stages):
            chunks = int(decisions.is_boundary.sum())
            values[f"bytes_per_chunk_{stage}"] = n / max(chunks, 1)
            values[f"boundary_rate_{stage}"] = chunks / max(len(decisions.is_boundary), 1)
        return values

    def _worst_gradient(self) -> str:
        n_stages = self.recipe.model.n_stages
        for name, parameter in self.model.named_parameters():
            if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
                return f"the gradient of {name} (stage {stage_of(name, n_stages)}) is not finite"
        return "the gradient norm is too large for a number"

    def _diverged(self, what: str) -> str:
        last = (
            f"the last good checkpoint is {self.checkpoint}"
            if self.checkpoint.exists()
            else "no checkpoint yet"
        )
        return f"step {self.step + 1}: {what}; {last}; try a lower learning_rate or clip"

    def _validate(self) -> Evaluation:
        self.model.eval()
        result = evaluate(
            self.model, self.valid, context=self.recipe.training.row_bytes, annotation=self.annotation
        )
        self.model.train()
        self.figures = result.info(self.recipe.domain)
        return result

    def _info(self) -> dict[str, Any]:
        """The content of model.json."""
        recipe, last = self.recipe, self.log.last
        stages = range(recipe.model.n_stages)
        measured = {
            "bits_per_byte": round(last["bpb"], 4) if "bpb" in last else None,
            "bytes_per_chunk": [round(last.get(f"bytes_per_chunk_{s}", 0.0), 3) for s in stages],
            "boundary_shares": {},
            "learned": "early",
            "note": "Early: its boundaries have not been scored yet.",
            **self.figures,
        }
        return {
            "name": recipe.name,
            "title": recipe.title or recipe.name,
            "domain": recipe.domain,
            "n_stages": recipe.model.n_stages,
            **self.facts,
            "bytes_seen": self.bytes_seen,
            **measured,
            "target": list(recipe.training.target),
            "n_parameters": sum(p.numel() for p in self.model.parameters()),
            "row_bytes": recipe.training.row_bytes,
            "date": date.today().isoformat(),
            "bos": True,
        }
