"""What a byte costs a model, as a table: python -m hnet_core.flops --model NAME, or --config RECIPE.json."""

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from hnet_core.checkpoint import CONFIG, model_folder, read_info
from hnet_core.commands import Parser, run
from hnet_core.config import HNetConfig
from hnet_core.errors import ConfigError, InputError
from hnet_core.flops import Flops, flops_per_byte
from hnet_core.json_text import parsed
from hnet_core.training.recipe import read_recipe

DEFAULT_CONTEXT = 8192


def main(argv: Sequence[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    config, rates, context, bytes_per_token = (_of_model if args.model else _of_recipe)(args)
    rates = args.rates if args.rates is not None else rates
    if rates is None:
        raise InputError(
            f"{args.config}: says nothing about the chunk rates; give --rates, one a stage, such as --rates 0.2"
        )
    flops = flops_per_byte(config, rates, args.context or context, bytes_per_token)
    print(json.dumps(flops.to_dict()) if args.json else describe(flops))


def describe(flops: Flops) -> str:
    """The count as a table for a person."""
    lines = [f"{'stage':>5}  {'part':13} {'positions a byte':>16} {'FLOPs a byte':>14} {'share':>6}"]
    for stage, part, density, count in flops.rows:
        lines.append(f"{stage:>5}  {part:13} {density:>16.4f} {count:>14,.0f} {count / flops.total:>6.1%}")
    lines.append(f"forward {flops.total:,.0f} FLOPs a byte, training {flops.training:,.0f}")
    return "\n".join(lines)


def _of_model(args: argparse.Namespace) -> tuple:
    """Configuration of a model folder, with what was measured of it."""
    folder = model_folder(args.model)
    config, info = HNetConfig.from_file(folder / CONFIG), read_info(folder)
    lengths = [1.0, *info.get("bytes_per_chunk", [])]
    bytes_per_token = lengths[-1] if info.get("tokenizer", "bytes") != "bytes" else 1.0
    rates = None
    if len(lengths) == config.n_stages + 1 and all(lengths):
        rates = [min(1.0, a / b) for a, b in pairwise(lengths)]
    return (
        config,
        [] if not config.n_stages else rates,
        info.get("row_bytes", DEFAULT_CONTEXT),
        bytes_per_token,
    )


def _of_recipe(args: argparse.Namespace) -> tuple:
    """Configuration of a recipe, with the chunk rates it aims at; or of a bare configuration file."""
    try:
        raw = parsed(Path(args.config).read_bytes())
    except OSError as err:
        raise ConfigError(f"{args.config}: cannot be read ({err.strerror})") from err
    except ValueError as err:
        raise ConfigError(f"{args.config}: is not JSON ({err})") from err
    if not (isinstance(raw, dict) and "model" in raw):
        config = HNetConfig.from_file(args.config)
        return config, None if config.n_stages else [], DEFAULT_CONTEXT, args.bytes_per_token
    recipe = read_recipe(args.config)
    rates = [1 / n for n in recipe.training.target]
    return recipe.model, rates, recipe.training.row_bytes, args.bytes_per_token


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m hnet_core.flops", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", help="recipe file, or config.json of a model")
    source.add_argument("--model", help="name of a bundled model, or path of a model folder")
    parser.add_argument(
        "--rates",
        type=float,
        nargs="*",
        help="share of positions that each router keeps (default: as measured, or 1 / target of the recipe)",
    )
    parser.add_argument(
        "--context", type=float, help=f"bytes a row (default: as trained, or {DEFAULT_CONTEXT})"
    )
    parser.add_argument(
        "--bytes-per-token", type=float, default=1.0, help="for a recipe that trains on tokens (default 1)"
    )
    parser.add_argument("--json", action="store_true", help="print the count as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(run(main))
