"""From a call of the command to a training that is ready to run."""

import argparse
import tomllib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hnet_core.data.corpus import Corpus, open_corpus
from hnet_core.data.documents import middle_parts, read_documents
from hnet_core.data.packing import RowStream
from hnet_core.data.tokens import BpeTokenizer, Bytes, open_tokenizer
from hnet_core.errors import InputError
from hnet_core.landmarks.coding import read_coding_parts
from hnet_core.training.checkpoints import FILE, read_progress
from hnet_core.training.distributed import Processes
from hnet_core.training.initial import check_architecture, initial_weights
from hnet_core.training.lock import sole_writer
from hnet_core.training.log import tensorboard
from hnet_core.training.loop import Training
from hnet_core.training.options import TrainingOptions
from hnet_core.training.recipe import Recipe, read_recipe
from hnet_core.training.resuming import check_rate, check_same, is_found


def prepare(args: argparse.Namespace, group: Processes, held: ExitStack) -> Training:
    """The training that the call describes, ready to run in this process of `group`: new, or at its last checkpoint.

    held  keeps its folder for it until closed
    """
    recipe = read_recipe(args.config, args.set)
    if args.bytes is not None:
        recipe = recipe.with_options(bytes=args.bytes)
    out = Path(args.out)
    if args.init:
        check_architecture(args.init, recipe.model, args.config)
    _check_out(out)
    group.by_first(lambda: held.enter_context(sole_writer(out)))
    progress = _progress(out, args.resume, group)
    data, tokenizer = _data(args.data, recipe, out / "corpus", group)
    facts = _facts(args, recipe, data, progress)
    if progress:
        check_same(out / FILE, recipe, facts, progress)
        check_rate(out / FILE, recipe.training, progress)
    training = Training(
        recipe,
        _stream(data, recipe.training, facts["data_seed"], group),
        out,
        facts,
        group=group,
        parallel=args.parallel,
        board=tensorboard(out / "tensorboard") if args.tensorboard and group.first else None,
        tokenizer=tokenizer,
        weights=initial_weights(args.init, recipe.model, args.config) if args.init and not progress else None,
        **_validation(args, recipe),
    )
    training.resume(progress) if progress else training.start()
    return training


def _progress(out: Path, resume: bool, group: Processes) -> dict[str, Any] | None:
    """Where the checkpoint in `out` stands, if there is one."""
    found = is_found(out / FILE, group)
    if found and not resume:
        raise InputError(f"{out}: already holds a training; give --resume to continue it, or another --out")
    return read_progress(out / FILE) if found else None


def _data(
    paths: Sequence[str], recipe: Recipe, cache: Path, group: Processes
) -> tuple[Corpus, Bytes | BpeTokenizer]:
    """The corpus, and what the model reads of it."""
    options = recipe.training

    def corpus() -> Corpus:
        return open_corpus(paths, recipe.domain, cache, include=options.include, exclude=options.exclude)

    # The first process decodes the data; the others then find it done.
    data = group.by_first(corpus) or corpus()

    def tokenizer() -> Bytes | BpeTokenizer:
        return open_tokenizer(recipe.tokenizer, recipe.model.vocab_size, data, cache)

    return data, group.by_first(tokenizer) or tokenizer()


def _facts(
    args: argparse.Namespace, recipe: Recipe, data: Corpus, progress: dict[str, Any] | None
) -> dict[str, Any]:
    """What model.json says beyond the figures."""
    return {
        **_seeds(args, progress),
        "data": [Path(path).name for path in args.data],
        "data_fingerprint": data.fingerprint,
        "licence": recipe.licence,
        "code_version": _code_version(),
        "tokenizer": recipe.tokenizer,
        **_origin(args.init, progress),
    }


def _stream(data: Corpus, options: TrainingOptions, data_seed: int, group: Processes) -> RowStream:
    """The rows that this process of `group` reads, from the first."""
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
