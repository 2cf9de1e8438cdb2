"""Whether the kernels are right on this device: their tests, golden vectors, a training step, and equal answers twenty
times. What fails is listed by operator, most important first, so that a run can go on without it.
"""

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from hnet_core.config import HNetConfig
from hnet_core.lab.device.steps import read_json, write_json
from hnet_core.model import HNetForCausalLM
from hnet_core.training.aims import Aims
from hnet_core.training.objective import objective
from kernels import backend
from kernels.bench.operators import BUNDLED, Op, operators

ROOT = Path(__file__).resolve().parents[3]
OPERATORS = (
    "ssd",
    "smoothing",
    "routing",
    "chunking",
    "causal_conv1d",
    "rms_norm",
    "mamba2",
    "attention",
    "linear",
    "swiglu",
    "cross_entropy",
)
"""Folders of kernels/, the ones a training cannot do without first."""
GOLDEN = ROOT / "tests" / "data" / "golden"
TIMES = 20
SHOWN = 5
"""Failures of a test file that are written down."""
STEP_LIMIT = 2e-3
"""Largest error of a loss or gradient of one step beside the reference in float32, over the largest entry."""


@dataclass(frozen=True)
class Place:
    """Where a proof runs. marks: of the tests; kernels: the backend that is proved."""

    device: str
    marks: str
    kernels: str
    jobs: int


PLACES = {"cuda": Place("cuda", "gpu", "triton", 8), "cpu": Place("cpu", "not gpu and not slow", "numba", 2)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", choices=tuple(PLACES), default="cuda")
    parser.add_argument("--operators", nargs="*", default=OPERATORS, choices=OPERATORS)
    args = parser.parse_args(argv)
    place = PLACES[args.device]
    found = read_json(args.out) or {"operators": {}, "golden": None, "step": None}

    def note(**news: object) -> None:
        found.update(news)
        write_json(args.out, found)

    note(repeated=list(repeated(place, args.operators)))
    note(step=one_step(place))
    note(golden=golden(place))
    with ThreadPoolExecutor(place.jobs) as pool:
        for name, result in pool.map(lambda op: (op, tests_of(op, place, args.out.parent)), args.operators):
            found["operators"][name] = result
            note()
    note(failed=failed_operators(found))
    print("failed:", ", ".join(found["failed"]) or "none")
    return 0


def failed_operators(found: dict) -> list[str]:
    """Operators with a test that failed or did not run, or whose answers differ or move."""
    bad = {op for op, result in found["operators"].items() if result["failed"] or not result["passed"]}
    bad |= {each["operator"] for each in found.get("repeated", ()) if each["moved"] or each["obstacle"]}
    return [op for op in OPERATORS if op in bad]


def tests_of(op: str, place: Place, folder: Path) -> dict:
    """passed, failed, seconds, and the first failures of an operator's test file."""
    report = folder / f"tests_{op}.xml"
    path = ROOT / "tests" / "kernels" / f"test_{op}.py"
    if not path.exists():
        return {"passed": 0, "failed": 0, "seconds": 0.0, "failures": [f"{path.name} is not there"]}
    began = time.monotonic()
    call = [sys.executable, "-m", "pytest", "-q", "-m", place.marks, "-p", "no:cacheprovider"]
    environment = {k: v for k, v in os.environ.items() if k != backend.ENVIRONMENT}
    subprocess.run(
        [*call, f"--junitxml={report}", str(path)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    return read_report(report) | {"seconds": round(time.monotonic() - began, 1)}


def read_report(report: Path) -> dict:
    """Counts of a JUnit file; a run that left none has failed as a whole."""
    if not report.exists():
        return {"passed": 0, "failed": 1, "failures": ["the test run ended without a report"]}
    cases = list(ET.parse(report).getroot().iter("testcase"))
    bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    first = [f"{case.get('name')}: {_message(case)}" for case in bad[:SHOWN]]
    return {"passed": len(cases) - len(bad) - len(skipped), "failed": len(bad), "failures": first}


def _message(case: ET.Element) -> str:
    problem = next(each for each in case if each.tag in ("failure", "error"))
    return (problem.get("message") or "").split("\n")[0][:200]


def golden(place: Place) -> dict:
    """Exit code and last lines of the comparison with the published implementation's numbers."""
    folders = sorted(map(str, GOLDEN.glob("*/")))
    call = [sys.executable, "-m", "hnet_core.verify", *folders, "--device", place.device]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    return {"exit_code": done.returncode, "lines": [each for each in lines if "comparisons" in each]}


def small_model() -> HNetForCausalLM:
    """Two stages of Mamba-2 around a Transformer, 1 M parameters, random weights."""
    raw = {
        "arch_layout": ["m2", ["m2", ["T2"], "m2"], "m2"],
        "d_model": [64, 128, 192],
        "d_intermediate": [0, 0, 512],
        "ssm_cfg": {"d_state": 32},
        "attn_cfg": {"num_heads": [2, 4, 4], "rotary_emb_dim": [16, 16, 24], "window_size": [-1, -1, -1]},
    }
    return HNetForCausalLM(HNetConfig.from_dict(raw)).init_weights(0)


def one_step(place: Place) -> dict:
    """Loss and every gradient of a two-stage model by the kernels and by the reference: largest relative errors."""
    model = small_model().to(place.device)
    limits = torch.tensor([0, 700, 701, 1500, 2000], device=place.device)
    ids = torch.randint(32, 127, (2000,), generator=torch.Generator().manual_seed(0)).to(place.device)
    aims, answers = Aims(target=(3.0, 3.0), weight=(0.03, 0.03)), []
    for name in (place.kernels, "reference"):
        model.zero_grad(set_to_none=True)
        with backend.using(name):
            loss = objective(model(ids, cu_seqlens=limits), ids, limits, aims).total
            loss.backward()
        grads = {n: p.grad.detach().double().cpu() for n, p in model.named_parameters()}
        answers.append({"loss": loss.detach().double().cpu(), **grads})
    errors = {
        name: float((answers[0][name] - want).abs().max() / want.abs().max().clamp_min(1e-12))
        for name, want in answers[1].items()
    }
    worst = sorted(errors, key=errors.get, reverse=True)[:SHOWN]
    return {
        "ok": all(value <= STEP_LIMIT for value in errors.values()),
        "limit": STEP_LIMIT,
        "worst": {n: errors[n] for n in worst},
    }


def repeated(place: Place, wanted: tuple[str, ...]) -> Iterator[dict]:
    """Each operator on the same inputs TIMES times, forward and backward: an answer that moves is a race."""
    dtype = torch.bfloat16 if place.device == "cuda" else torch.float32
    for op in operators(BUNDLED, place.device, dtype):
        if op.folder in wanted:
            yield {"operator": op.folder, "function": op.function, **_moves(op, place)}


def _moves(op: Op, place: Place) -> dict:
    try:
        with backend.using(place.kernels):
            first = _answers(op.ours(), op)
            moved = 0.0
            for _ in range(TIMES - 1):
                again = _answers(op.ours(), op)
                moved = max([moved, *(float((a - b).abs().max()) for a, b in zip(first, again, strict=True))])
            finite = all(bool(torch.isfinite(a).all()) for a in first)
    # What a launch, a compilation or an allocation raises.
    except (RuntimeError, AssertionError) as err:
        return {"moved": None, "obstacle": f"{type(err).__name__}: {str(err).splitlines()[0][:200]}"}
    return {"moved": moved, "obstacle": None if finite else "the answer holds numbers that are none"}


def _answers(call: Callable, op: Op) -> list[torch.Tensor]:
    """Everything the operator returns, and its gradients, in float32 on the CPU."""
    out = call(**op.inputs)
    parts = [each for each in (out if isinstance(out, tuple) else (out,)) if isinstance(each, torch.Tensor)]
    found = list(parts)
    wanted = [v for v in op.inputs.values() if isinstance(v, torch.Tensor) and v.requires_grad]
    if wanted and op.bytes[1] is not None:
        grads = torch.autograd.grad(parts[0].float().sum(), wanted, allow_unused=True)
        found += [grad for grad in grads if grad is not None]
    return [each.detach().float().cpu() for each in found]


if __name__ == "__main__":
    sys.exit(main())
