"""Train a model: python -m hnet_core.training --config RECIPE.json --data PATH... --out DIR.

Several devices: torchrun --nproc-per-node=N -m hnet_core.training ..., with the same arguments.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from hnet_core.allocator import keep_free_memory
from hnet_core.commands import FAILED, WRONG_INPUT, Parser, run
from hnet_core.errors import HNetError
from hnet_core.shape_caches import bound_shape_caches
from hnet_core.training.stopping import StopOnSignal


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
    from hnet_core.training.prepare import prepare

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
    _add_validation(parser)
    return parser


def _add_validation(parser: argparse.ArgumentParser) -> None:
    """What the training is scored on now and then."""
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


if __name__ == "__main__":
    sys.exit(main())
