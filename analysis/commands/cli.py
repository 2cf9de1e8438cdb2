"""The commands of `python -m analysis`, each in a module of its own, and how a call ends."""

import argparse
import errno
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from hnet_core.allocator import keep_free_memory
from hnet_core.errors import HNetError, one_line

COMMANDS = {
    "boundaries": "boundaries",
    "compare": "compare",
    "enrich": "enrich",
    "evaluate": "evaluate",
    "surprisal": "meaning",
    "dictionary": "meaning",
    "stability": "meaning",
    "account": "meaning",
    "findings": "findings",
    "query": "query",
}
"""Command -> its module, whose add_parser(commands) adds it with a default `run` that is called with the arguments."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {one_line(message)}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 the work failed, 2 the call or its input was wrong."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if not argv:
        argv = ["--help"]
    args = _parser(argv[0] if argv else "").parse_args(argv)
    keep_free_memory()
    try:
        args.run(args)
    except HNetError as err:
        return _failed(str(err), 2)
    except OSError as err:
        if err.errno != errno.ENAMETOOLONG:
            return _failed(f"the work failed: {type(err).__name__}: {err}", 1)
        return _failed(f"{str(err.filename)[:80]!r}: {err.strerror}; give another name", 2)
    except KeyboardInterrupt:
        return _failed("stopped; nothing was written", 1)
    except Exception as err:  # a person gets a line, not a traceback
        return _failed(f"the work failed: {type(err).__name__}: {err}", 1)
    return 0


def _failed(message: str, code: int) -> int:
    print(f"error: {one_line(message)}", file=sys.stderr)
    return code


def _parser(command: str) -> argparse.ArgumentParser:
    """The parser of this command, or of all commands where it is none.

    What other commands need (statistics, SQL) is not imported: 80 MB.
    """
    parser = _Parser(prog="python -m analysis", description="Chunk boundaries of H-Net models, as tables.")
    commands = parser.add_subparsers(required=True, metavar="|".join(COMMANDS))
    chosen = [COMMANDS[command]] if command in COMMANDS else dict.fromkeys(COMMANDS.values())
    for module in chosen:
        import_module(f"analysis.commands.{module}").add_parser(commands)
    return parser
