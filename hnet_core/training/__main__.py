"""Train a model: python -m hnet_core.training --config RECIPE.json --data PATH... --out DIR.

Several devices: torchrun --nproc-per-node=N -m hnet_core.training ..., with the same arguments.
"""

import argparse
import os
import signal
import sys
import tomllib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hnet_core.allocator import keep_free_memory
from hnet_core.commands import FAILED, WRONG_INPUT, Parser, run
from hnet_core.errors import HNetError, InputError
from hnet_core.shape_caches import bound_shape_caches
from hnet_core.training.recipe import Recipe, read_recipe


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 done or stopped and saved, 1 the work failed, 2 wrong call or input."""
    return run(_main, argv)


def _main(argv: Sequence[str] | None) -> int:
    args = _parser().parse_args(argv)
    # Before the first kernel is loaded: libraries read these once.
    os.environ.setdefault("NUMBA_NUM_THREADS", str(args.threads))
    bound_shape_caches()
    keep_free_memory()
    import torch

    from hnet_core.training.distributed import processes

    torch.set_num_threads(args.threads)
    with processes(args.device) as group:
        # The processes of one machine make the same mistakes: one of them says so.
        speaks = os.environ.get("LOCAL_RANK", "0") == "0"
        try:
            return _train(args, group)
        except HNetError:
            if speaks:
                raise
            return WRONG_INPUT


def _train(args: argparse.Namespace, group) -> int:
    import torch

    from hnet_core.training.divergence import DivergedError

    try:
        with ExitStack() as held, StopOnSignal() as stop:
            training = prepare(args, group, held)
            if group.first:
                print(training.gradient.precision, file=sys.stderr)
            finished = training.run(stop)
    except DivergedError as err:
        return _failed(str(err), group)
    except OSError as err:
        return _failed(f"{args.out}: cannot be written ({err}); the last checkpoint is intact", group)
    except torch.OutOfMemoryError as err:
        return _failed(
            f"out of device memory ({str(err).splitlines()[0]}); lower micro_bytes, or set chunk_budget",
            group,
        )
    if group.first:
        word = "finished" if finished else "stopped; --resume continues"
        print(f"{word}: step {training.step}, {training.bytes_seen} bytes, model in {training.out / 'model'}")
    return 0


def _failed(message: str, group) -> int:
    if group.first:
        print(f"error: {message}", file=sys.stderr)
    return FAILED


def prepare(args: argparse.Namespace, group, held: ExitStack):
    """The training that the call describes, ready to run in this process of `group`: new, or at its last checkpoint.

    held  keeps its folder for it until closed
    """
    from hnet_core.data.corpus import open_corpus
    from hnet_core.data.tokens import open_tokenizer
    from hnet_core.training.checkpoints import FILE, read_progress
    from hnet_core.training.initial import check_architecture, initial_weights
    from hnet_core.training.lock import sole_writer
    from hnet_core.training.log import tensorboard
    from hnet_core.training.loop import Training
    from hnet_core.training.resuming import check_rate, check_same, is_found

    recipe = read_recipe(args.config, args.set)
    if args.bytes is not None:
        recipe = recipe.with_options(bytes=args.bytes)
    out, options = Path(args.out), recipe.training
    if args.init:
        check_architecture(args.init, recipe.model, args.config)
    _check_out(out)
    group.by_first(lambda: held.enter_context(sole_writer(out)))
    found = is_found(out / FILE, group)
    if found and not args.resume:
        raise InputError(f"{out}: already holds a training; give --resume to continue it, or another --out")
    progress = read_progress(out / FILE) if found else None
    seeds = _seeds(args, progress)

    def corpus():
        return open_corpus(
            args.data, recipe.domain, out / "corpus", include=options.include, exclude=options.exclude
        )

    # The first process decodes the data; the others then find it done.
    data = group.by_first(corpus) or corpus()

    def tokenizer():
        return open_tokenizer(recipe.tokenizer, recipe.model.vocab_size, data, out / "corpus")

    reader = group.by_first(tokenizer) or tokenizer()
    facts = {
        **seeds,
        "data": [Path(path).name for path in args.data],
        "data_fingerprint": data.fingerprint,
        "licence": recipe.licence,
        "code_version": _code_version(),
        "tokenizer": recipe.tokenizer,
        **_origin(args.init, progress),
    }
    if progress:
        check_same(out / FILE, recipe, facts, progress)
        check_rate(out / FILE, options, progress)
    training = Training(
        recipe,
        _stream(data, options, seeds["data_seed"], group),
        out,
        facts,
        group=group,
        parallel=args.parallel,
        board=tensorboard(out / "tensorboard") if args.tensorboard and group.first else None,
        tokenizer=reader,
        weights=initial_weights(args.init, recipe.model, args.config) if args.init and not progress else None,
        **_validation(args, recipe),
    )
    training.resume(progress) if progress else training.start()
    return training


def _stream(data, options, data_seed: int, group):
    """The rows that this process of `group` reads, from the first."""
    from hnet_core.data.packing import RowStream

    return RowStream(
        data,
        row_bytes=options.row_bytes,
        batch_bytes=options.batch_bytes,
        data_seed=data_seed,
        reverse_complement=options.reverse_complement,
        index=group.index,
        count=group.count,
    )


def _seeds(args: argparse.Namespace, progress: dict[str, Any] | None) -> dict[str, int]:
    """Seeds as given, else those of the checkpoint, else 0."""
    held = progress["facts"] if progress else {}
    given = {"seed": args.seed, "data_seed": args.data_seed}
    return {name: held.get(name, 0) if value is None else value for name, value in given.items()}


def _origin(init: str | None, progress: dict[str, Any] | None) -> dict[str, str]:
    """What model.json says of the weights that the training began with; nothing where they were random."""
    held = progress["facts"].get("init") if progress else None
    name = Path(init).name if init else held
    return {"init": name} if name else {}


def _check_out(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; --out takes a folder")
    out.mkdir(parents=True, exist_ok=True)


def _validation(args: argparse.Namespace, recipe: Recipe) -> dict[str, Any]:
    """The validation documents, and for DNA the genes on them."""
    from hnet_core.data.documents import middle_parts, read_documents
    from hnet_core.landmarks.sites import read_coding_parts

    dna = recipe.domain == "dna"
    if not args.valid:
        return {}
    documents = list(
        read_documents(args.valid, recipe.domain, include=args.valid_include, documents=args.valid_documents)
    )
    valid = middle_parts(documents, recipe.training.valid_bytes)
    names = [document.name for document in documents]
    genes = read_coding_parts(args.valid_annotation, names) if args.valid_annotation else {}
    return {"valid": valid, "annotation": genes if dna else None}


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
    parser = Parser(prog="python -m hnet_core.training", description=__doc__)
    parser.add_argument("--config", required=True, help="recipe file: name, domain, model, training")
    parser.add_argument(
        "--data", required=True, nargs="+", help="text, .jsonl or FASTA files, or directories"
    )
    parser.add_argument("--out", required=True, help="folder for checkpoint, curves and model")
    parser.add_argument(
        "--init", metavar="MODEL", help="begin with the weights of a model (name, folder or checkpoint file)"
    )
    parser.add_argument("--seed", type=int, help="initial weights (default 0)")
    parser.add_argument("--data-seed", type=int, help="order of the data (default 0)")
    parser.add_argument("--bytes", type=int, help="length of the training, instead of the recipe's")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--parallel",
        choices=("ddp", "fsdp"),
        default="ddp",
        help="under torchrun: every process holds the whole model (ddp), or a part of it (fsdp)",
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="draw the curves for TensorBoard, in OUT/tensorboard"
    )
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
    parser.add_argument(
        "--valid-documents",
        choices=("even", "odd"),
        default="",
        help="every second document of --valid alone",
    )
    parser.add_argument("--valid-annotation", help="GFF3, GTF or BED of --valid: codon positions")
    return parser


if __name__ == "__main__":
    sys.exit(main())
