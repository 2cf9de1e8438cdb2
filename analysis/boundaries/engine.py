"""Where the work of `boundaries` runs: in this process, or on Ray, on one machine or a cluster.

A shard is a few short sequences or one long one, as they would share a call of the model in one process; so the values
are the same wherever they were computed. The model travels with the work; the machines of a cluster need this clone on
their PYTHONPATH, its libraries and Ray, no model files.
"""

import argparse
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.boundaries.extract import BoundaryModel, Progress, shared_calls
from analysis.boundaries.streaming import Piece, Pieces, Worker, local_worker, stage_pieces
from analysis.inputs import sources
from hnet_core.errors import InputError

RETRIES = -1
"""A shard whose machine is lost is computed again, however often; errors of the work itself are not retried."""


def add_options(command: argparse.ArgumentParser) -> None:
    """The options that choose the engine."""
    command.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray: sequences in parallel (extra: scale)",
    )
    command.add_argument(
        "--ray-address", metavar="HOST:PORT", help="join this Ray cluster; default: start one here"
    )


@contextmanager
def workers(args: argparse.Namespace, models: Mapping[str, BoundaryModel]) -> Iterator[dict[str, Worker]]:
    """For each model, by label, the worker that yields its pieces."""
    if args.ray_address and args.engine != "ray":
        raise InputError("--ray-address needs --engine ray")
    if args.engine == "local":
        yield {label: local_worker(model) for label, model in models.items()}
        return
    with _connected(args.ray_address) as ray:
        yield {label: ray_worker(ray, model) for label, model in models.items()}


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """The module ray, connected to a cluster of its own or to the given one."""
    os.environ.setdefault(
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0"
    )  # no GPU asked for: leave its variables alone
    try:
        import ray
    except ImportError as err:
        raise InputError("--engine ray needs Ray; install it with: pip install '.[scale]'") from err
    # Ray's processes inherit the environment; machines that were started elsewhere have their own.
    root = str(Path(__file__).resolve().parents[2])
    if root not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    where = {"include_dashboard": False} if address is None else {"address": address}
    try:
        ray.init(**where, log_to_driver=False, logging_level="error")
    except (ConnectionError, ValueError, RuntimeError) as err:
        place = f"--ray-address {address}" if address else "--engine ray"
        raise InputError(f"{place}: Ray cannot be reached ({err}); check that it runs") from err
    try:
        yield ray
    finally:
        ray.shutdown()


def ray_worker(ray: Any, model: BoundaryModel) -> Worker:
    """The same work as local_worker's, shard by shard on the machines that `ray` is connected to, in order."""
    carried = ray.put(model)
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(_shard)

    def work(sequences: Sequence[sources.Sequence], strand: str, progress: Progress | None) -> Pieces:
        total, done = sum(len(sequence.data) for sequence in sequences), 0
        # Enough under way that no processor waits, few enough that results do not pile up.
        limit = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
        under_way: deque = deque()
        for shard in [*shared_calls([sequence.data for sequence in sequences]), *[None] * limit]:
            if shard is not None:
                mine = [sequences[index] for index in shard]
                under_way.append((shard, task.remote(carried, mine, strand)))
            if under_way and (shard is None or len(under_way) >= limit):
                finished, result = under_way.popleft()
                for piece in ray.get(result):
                    yield replace(piece, index=finished[piece.index])
                done += sum(len(sequences[index].data) for index in finished)
                if progress:
                    progress(done, total)

    return work


def _shard(model: BoundaryModel, sequences: Sequence[sources.Sequence], strand: str) -> list[Piece]:
    return list(stage_pieces(sequences, model, strand))
