"""Train a model: python -m hnet_core.training --config RECIPE.json --data PATH... --out DIR."""

import argparse
import os
import signal
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hnet_core.errors import CheckpointError, HNetError, InputError
from hnet_core.training.recipe import Recipe, read_recipe

MAY_CHANGE = (
    "bytes",
    "micro_bytes",
    "matmul_precision",
    "log_steps",
    "checkpoint_minutes",
    "valid_every",
    "valid_bytes",
)
"""Training options that a resumed training may be given anew; all others must be those of the checkpoint."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 done or stopped and saved, 1 the work failed, 2 wrong call or input."""
    args = _parser().parse_args(argv)
    # Before the first kernel is loaded: Numba reads it once.
    os.environ.setdefault("NUMBA_NUM_THREADS", str(args.threads))
    import torch

    from hnet_core.training.loop import DivergedError

    try:
        torch.set_num_threads(args.threads)
        training = prepare(args)
        with StopOnSignal() as stop:
            finished = training.run(stop)
    except DivergedError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    except HNetError as err:
        print(f"error: {err}", file=sys.stderr)
        return 2
    except OSError as err:
        print(f"error: {args.out}: cannot be written ({err}); the last checkpoint is intact", file=sys.stderr)
        return 1
    word = "finished" if finished else "stopped; --resume continues"
    print(f"{word}: step {training.step}, {training.bytes_seen} bytes, model in {training.out / 'model'}")
    return 0


def prepare(args: argparse.Namespace):
    """The training that the call describes, ready to run: new, or at its last checkpoint."""
    from hnet_core.training.checkpoints import FILE, read_progress
    from hnet_core.training.corpus import open_corpus
    from hnet_core.training.loop import Training
    from hnet_core.training.packing import RowStream

    recipe = read_recipe(args.config, args.set)
    if args.bytes is not None:
        recipe = recipe.with_options(bytes=args.bytes)
    out, options = Path(args.out), recipe.training
    found = (out / FILE).exists()
    if found and not args.resume:
        raise InputError(f"{out}: already holds a training; give --resume to continue it, or another --out")
    progress = read_progress(out / FILE) if found else None
    seeds = _seeds(args, progress)
    _check_out(out)
    corpus = open_corpus(
        args.data, recipe.domain, out / "corpus", include=options.include, exclude=options.exclude
    )
    facts = {
        **seeds,
        "data": [Path(path).name for path in args.data],
        "data_fingerprint": corpus.fingerprint,
        "licence": recipe.licence,
        "code_version": _code_version(),
    }
    if progress:
        _check_same(out / FILE, recipe, facts, progress)
    stream = RowStream(
        corpus,
        row_bytes=options.row_bytes,
        batch_bytes=options.batch_bytes,
        data_seed=seeds["data_seed"],
        reverse_complement=options.reverse_complement,
    )
    training = Training(recipe, stream, out, facts, device=_device(args.device), **_validation(args, recipe))
    training.resume(progress) if progress else training.start()
    return training


def _seeds(args: argparse.Namespace, progress: dict[str, Any] | None) -> dict[str, int]:
    """Seeds as given, else those of the checkpoint, else 0."""
    held = progress["facts"] if progress else {}
    given = {"seed": args.seed, "data_seed": args.data_seed}
    return {name: held.get(name, 0) if value is None else value for name, value in given.items()}


def _check_same(path: Path, recipe: Recipe, facts: dict[str, Any], progress: dict[str, Any]) -> None:
    """Refuse to continue with anything that would make another training of it."""
    now, then = recipe.to_dict(), Recipe.from_dict(progress["recipe"]).to_dict()
    now_options, then_options = now.pop("training"), then["training"]
    changed = [key for key in ("model", "domain") if now[key] != then[key]]
    changed += [k for k, v in now_options.items() if k not in MAY_CHANGE and v != then_options.get(k)]
    changed += [k for k in ("seed", "data_seed", "data_fingerprint") if facts[k] != progress["facts"].get(k)]
    if changed:
        raise CheckpointError(
            f"{path}: was made with another {', '.join(changed)}; resume with the same settings and data "
            f"(only {', '.join(MAY_CHANGE)} may change), or give another --out"
        )


def _check_out(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; --out takes a folder")
    out.mkdir(parents=True, exist_ok=True)


def _validation(args: argparse.Namespace, recipe: Recipe) -> dict[str, Any]:
    """The validation documents, and for DNA the genes on them."""
    from hnet_core.evaluate import middle_parts
    from hnet_core.training.documents import read_documents
    from hnet_core.training.landmarks import read_coding_parts

    dna = recipe.domain == "dna"
    if not args.valid:
        return {}
    documents = list(read_documents(args.valid, recipe.domain, include=args.valid_include))
    valid = middle_parts(documents, recipe.training.valid_bytes)
    genes = read_coding_parts(args.valid_annotation) if args.valid_annotation else {}
    return {"valid": valid, "annotation": genes if dna else None}


def _device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"--device {name}: no CUDA device is there; use --device cpu")
    return name


def _code_version() -> str:
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    return tomllib.loads(project.read_text())["project"]["version"] if project.exists() else "unknown"


class StopOnSignal:
    """True once SIGTERM or SIGINT has come: the step under way is finished, then everything is saved."""

    def __enter__(self) -> "StopOnSignal":
        self._came = False
        self._former = {
            number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *exc) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        return self._came

    def _note(self, number, frame) -> None:
        self._came = True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hnet_core.training", description=__doc__)
    parser.add_argument("--config", required=True, help="recipe file: name, domain, model, training")
    parser.add_argument(
        "--data", required=True, nargs="+", help="text, .jsonl or FASTA files, or directories"
    )
    parser.add_argument("--out", required=True, help="folder for checkpoint, curves and model")
    parser.add_argument("--seed", type=int, help="initial weights (default 0)")
    parser.add_argument("--data-seed", type=int, help="order of the data (default 0)")
    parser.add_argument("--bytes", type=int, help="length of the training, instead of the recipe's")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--resume", action="store_true", help="continue from the checkpoint in --out, if there is one"
    )
    parser.add_argument(
        "--set", nargs="*", action="extend", default=[], metavar="KEY=VALUE", help="change the recipe"
    )
    parser.add_argument("--valid", nargs="+", help="data to score now and then")
    parser.add_argument(
        "--valid-include", nargs="*", default=[], help="FASTA records or NAME:START-END of --valid"
    )
    parser.add_argument("--valid-annotation", help="GFF3 of --valid: boundaries by codon position")
    return parser


if __name__ == "__main__":
    sys.exit(main())
