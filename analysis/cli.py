"""The commands of `python -m analysis`, each in a module of its own, and how a call ends."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from analysis import (
    commands_boundaries,
    commands_compare,
    commands_enrich,
    commands_evaluate,
    commands_meaning,
    commands_query,
)
from hnet_core.errors import HNetError

COMMANDS = (
    commands_boundaries,
    commands_compare,
    commands_enrich,
    commands_evaluate,
    commands_meaning,
    commands_query,
)
"""Each has add_parser(commands), which adds a command whose default `run` is called with its arguments."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 the work failed, 2 the call or its input was wrong."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except HNetError as err:
        return _failed(str(err), 2)
    except KeyboardInterrupt:
        return _failed("stopped; nothing was written", 1)
    except Exception as err:  # a person gets a line, not a traceback
        return _failed(f"the work failed: {type(err).__name__}: {err}", 1)
    return 0


def _failed(message: str, code: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m analysis", description="Chunk boundaries of H-Net models, as tables.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add_parser(commands)
    commands.metavar = "|".join(commands.choices)
    return parser
