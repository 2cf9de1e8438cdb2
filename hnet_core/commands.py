"""How a command line ends: an exit code, and for what went wrong one line on stderr, not a traceback."""

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from hnet_core.errors import HNetError, InputError, one_line
from kernels.backend import BackendError

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are one line, raised as InputError."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def run(main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None) -> int:
    """Call main(argv) and turn how it ends into an exit code.

    returns  what main returns (None is 0); 2 for a wrong call or input (HNetError, BackendError); 1 for work
             that failed (OSError: disk full, no network; out of memory); 130 for Ctrl-C
    Other exceptions are faults of the program and pass.
    """
    try:
        return main(argv) or 0
    except (HNetError, BackendError) as err:
        return _say(str(err), WRONG_INPUT)
    except BrokenPipeError:
        # The reader has had enough (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as err:
        if err.errno == errno.ENAMETOOLONG:
            return _say(f"{str(err.filename)[:80]!r}: {err.strerror}; give another name", WRONG_INPUT)
        return _say(str(err), FAILED)
    except MemoryError as err:
        return _say(f"out of memory ({err})" if str(err) else "out of memory", FAILED)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)


def _say(message: str, code: int) -> int:
    print("error:", one_line(message), file=sys.stderr)
    return code
