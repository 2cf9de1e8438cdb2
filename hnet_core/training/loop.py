"""The training loop: steps, curves, validation, checkpoints, and the model folder that can be looked at meanwhile."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from hnet_core.checkpoint import save_model
from hnet_core.data.documents import Document
from hnet_core.data.packing import Position, RowStream
from hnet_core.data.tokens import BYTES, BpeTokenizer, Bytes
from hnet_core.evaluate import evaluate
from hnet_core.landmarks.coding import CodingPart
from hnet_core.landmarks.verdict import followed
from hnet_core.model import HNetForCausalLM
from hnet_core.model_info import TOKENIZER
from hnet_core.training import checkpoints
from hnet_core.training.distributed import Processes, SpreadModel, whole
from hnet_core.training.divergence import DIVERGED, DivergedError, DivergenceGuard
from hnet_core.training.log import Board, TrainingLog, bits
from hnet_core.training.optim import make_optimizer, set_learning_rate
from hnet_core.training.reading import Reader
from hnet_core.training.recipe import Recipe
from hnet_core.training.schedule import WarmupStableDecay
from hnet_core.training.snapshots import Snapshots
from hnet_core.training.step import StepFigures, StepGradient, figures_of

LOG, RECIPE, MODEL = "training.csv", "recipe.json", "model"
WARM_STARTED = "warm-started"
"""Said of a model in its title and model.json: its boundaries were shown to it at first (prior_bytes)."""
_STOP = 2


class Training:
    """One training: what it is made of, and where it stands.

    out       folder of training.csv, checkpoint.safetensors and model/; the first process alone writes there
    facts     what model.json says beyond the figures: seeds, data, versions
    weights   to begin with, by name; None: random ones
    valid     documents to score now and then (may be none)
    group     the processes that train together     parallel  how the model is laid over them
    board     where the curves go besides training.csv      tokenizer  what the model reads
    """

    def __init__(
        self,
        recipe: Recipe,
        stream: RowStream,
        out: Path,
        facts: dict[str, Any],
        *,
        weights: Mapping[str, Tensor] | None = None,
        valid: list[Document] | None = None,
        annotation: dict[str, list[CodingPart]] | None = None,
        group: Processes = Processes(),  # noqa: B008 (frozen)
        parallel: str = "ddp",
        board: Board | None = None,
        tokenizer: Bytes | BpeTokenizer = BYTES,
    ) -> None:
        options, self.tokenizer = recipe.training, tokenizer
        self.recipe, self.out, self.facts = recipe, out, facts
        self.reader = Reader(stream, tokenizer, options.micro_bytes, group.device)
        self.group, self.valid, self.annotation = group, valid or [], annotation
        self.model = HNetForCausalLM(recipe.model).init_weights(facts["seed"])
        if weights is not None:
            self.model.load_state_dict(weights, strict=False)  # names were checked; a tied head has none
        self.model.to(group.device)
        self.gradient = StepGradient(SpreadModel(self.model, group, parallel), options, group)
        self.optimizer = make_optimizer(self.model, recipe.model, options)
        self.schedule = WarmupStableDecay(options.warmup_share, options.decay)
        self.guard = DivergenceGuard(options.explode)
        self.log = TrainingLog(
            out / LOG, recipe.model.n_stages, options.log_steps, board, followed(recipe.domain)
        )
        self.snapshots = Snapshots(
            out, self.model, options.snapshots, options.batch_bytes, options.bytes, group
        )
        self.step, self.bytes_seen, self.seconds = 0, 0, 0.0
        # None where it would say nothing: a device works beside the process, or an older checkpoint did not count.
        self.cpu_seconds = 0.0 if group.device.startswith("cpu") else None
        self.figures: dict[str, Any] = {}

    @property
    def checkpoint(self) -> Path:
        return self.out / checkpoints.FILE

    def start(self) -> None:
        """Begin in an empty folder."""

        def write() -> None:
            partial = self.out / f".{RECIPE}.partial"
            partial.write_text(json.dumps(self.recipe.to_dict(), indent=1) + "\n")
            partial.replace(self.out / RECIPE)
            (self.out / DIVERGED).unlink(missing_ok=True)
            self.log.start()

        self.group.by_first(write)
        self.snapshots.write(0)

    def resume(self, progress: dict[str, Any]) -> None:
        """Go back to the checkpoint whose progress is given; the steps that follow are those it would have made."""
        checkpoints.load_checkpoint(self.checkpoint, self.model, self.optimizer)
        self.group.by_first(lambda: (self.out / DIVERGED).unlink(missing_ok=True))
        self.step, self.bytes_seen, self.seconds = progress["step"], progress["bytes"], progress["seconds"]
        self.cpu_seconds = progress.get("cpu_seconds")
        self.figures, self.guard.recent = progress["figures"], progress.get("recent_losses", [])
        self.reader.seek(Position(**progress["position"]))
        self.log.resume(progress["log"])
        self.group.by_first(lambda: self.log.cut(self.step))

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Train to the end of the plan, or until should_stop. Saves either way; returns whether the end was reached.

        Raises DivergedError, before they reach the weights, when loss or gradients are not finite or the loss explodes.
        """
        options, saved, saved_step = self.recipe.training, time.monotonic(), self.step
        bar = tqdm(
            total=options.bytes,
            initial=self.bytes_seen,
            unit="B",
            unit_scale=True,
            file=sys.stderr,
            mininterval=1 if sys.stderr.isatty() else 60,
            disable=not self.group.first,
        )
        with closing(self.reader), bar:
            while self.bytes_seen < options.bytes:
                # One exchange tells all processes what any of them was told, and what the first one's clock says.
                due = self.step > saved_step and time.monotonic() - saved >= 60 * options.checkpoint_minutes
                wish = self.group.largest(_STOP if should_stop() else int(due and self.group.first))
                if wish == _STOP:
                    break
                if wish:
                    self.save()
                    saved, saved_step = time.monotonic(), self.step
                bar.update(self._advance())
                bar.set_postfix_str(
                    f"{self.log.last.get('bpb', float('nan')):.3f} bits a byte", refresh=False
                )
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
            "cpu_seconds": self.cpu_seconds,
            "position": asdict(self.reader.position),
            "figures": self.figures,
            "recent_losses": self.guard.recent,
            "log": self.log.state,
        }
        tensors = checkpoints.tensors_of(self.model, self.optimizer, keep=self.group.first)

        def write() -> None:
            checkpoints.save_checkpoint(self.checkpoint, tensors, progress)
            self.tokenizer.save(self.out / MODEL / TOKENIZER)
            save_model(self.out / MODEL, checkpoints.whole_model(self.model, tensors), self._info())
            partial = self.out / MODEL / f".{LOG}.partial"
            shutil.copyfile(self.out / LOG, partial)
            partial.replace(self.out / MODEL / LOG)

        self.group.by_first(write)

    def _advance(self) -> int:
        """One optimizer step, its line of the log, and a validation when one is due. Returns bytes of data used."""
        started, cpu_started = time.perf_counter(), time.process_time()
        options = self.recipe.training
        data = self.reader.next()
        figures, norm = self._clip(self.gradient.numbers(data.packs, self.bytes_seen))
        lr = options.learning_rate * self.schedule((self.bytes_seen + data.n_bytes) / options.bytes)
        set_learning_rate(self.optimizer, lr)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        before, self.bytes_seen, self.step = self.bytes_seen, self.bytes_seen + data.n_bytes, self.step + 1
        elapsed = time.perf_counter() - started
        self.seconds += elapsed
        if self.cpu_seconds is not None:
            self.cpu_seconds += time.process_time() - cpu_started
        values = _values(figures, data.ids_per_byte) | {
            "grad_norm": norm,
            "kb_per_s": data.n_bytes / elapsed / 1000,
        }
        exact = {"lr": lr, "seconds": round(self.seconds, 1)}
        if self.snapshots.passed(before, self.bytes_seen):
            self.snapshots.write(self.bytes_seen)
        done = self.bytes_seen >= options.bytes
        if self.valid and (done or before // options.valid_every < self.bytes_seen // options.valid_every):
            exact |= self._validate()
        if self.log.add(self.step, self.bytes_seen, values, exact, last=done):
            self.group.by_first(self.log.write)
        return data.n_bytes

    def _clip(self, numbers: Tensor) -> tuple[StepFigures, float]:
        """Judge the step, then scale its gradient down to the largest norm allowed; its figures, and the norm it had.

        Losses and norm are read together: the one time that a step waits for the device after its forward.
        """
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        *read, value = torch.cat((numbers, whole(norm).double().view(1))).tolist()
        figures = figures_of(read)
        fault = self.guard.check(figures, value, self.model)
        if fault:
            message = self._diverged(fault)
            self.group.by_first(lambda: (self.out / DIVERGED).write_text(message + "\n", encoding="utf-8"))
            raise DivergedError(message)
        torch.nn.utils.clip_grads_with_norm_(self.model.parameters(), self.recipe.training.clip, norm)
        return figures, value

    def _diverged(self, what: str) -> str:
        last = (
            f"the last good checkpoint is {self.checkpoint}"
            if self.checkpoint.exists()
            else "no checkpoint yet"
        )
        return f"step {self.step + 1}: {what}; {last}; try a lower learning_rate or clip"

    def _validate(self) -> dict[str, float]:
        """Score the validation documents, in the precision of the training; the columns of training.csv this gives."""
        self.model.eval()
        with self.gradient.products():
            result = evaluate(
                self.model,
                self.valid,
                context=self.recipe.training.row_bytes,
                annotation=self.annotation,
                tokenizer=self.tokenizer,
                domain=self.recipe.domain,
            )
        self.model.train()
        self.figures = result.info(self.recipe.domain)
        # Starts of BPE tokens are no stage of the model's own.
        stages = result.shares[: self.recipe.model.n_stages]
        kinds = followed(self.recipe.domain)
        shares = {
            f"{kind}_{s}": found[kind] for s, found in enumerate(stages) for kind in kinds if kind in found
        }
        return {"valid_bpb": result.bits_per_byte, **shares}

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
        title, prior = recipe.title or recipe.name, recipe.training.prior_bytes
        return {
            "name": recipe.name,
            "title": f"{title}, {WARM_STARTED}" if prior and WARM_STARTED not in title else title,
            "domain": recipe.domain,
            "n_stages": recipe.model.n_stages,
            **self.facts,
            "bytes_seen": self.bytes_seen,
            **({"warm_started": f"drawn to space-like places for its first {prior} bytes"} if prior else {}),
            **measured,
            "target": list(recipe.training.target),
            "n_parameters": sum(p.numel() for p in self.model.parameters()),
            "row_bytes": recipe.training.row_bytes,
            "matmul_precision": self.gradient.precision.name,
            "date": date.today().isoformat(),
            "bos": True,
        }


def _values(figures: StepFigures, ids_per_byte: float) -> dict[str, float]:
    """The columns of training.csv that a step's figures give. ids_per_byte: as the tokenizer counts them."""
    values = {
        "loss": figures.loss,
        "bpb": bits(figures.cross_entropy) * ids_per_byte,
        "ratio_loss": sum(figures.ratios),
    }
    for stage, chunks in enumerate(figures.boundaries):
        values[f"bytes_per_chunk_{stage}"] = figures.positions[0] / max(chunks, 1)
        values[f"boundary_rate_{stage}"] = chunks / max(figures.positions[stage], 1)
    return values
