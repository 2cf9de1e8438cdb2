"""How a command ends, seen from outside the process."""

import pytest

from hnet_core.commands import Parser, run
from hnet_core.errors import CheckpointError
from kernels.backend import BackendError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CheckpointError("weights\nare gone"), 2),
        (BackendError("no such backend"), 2),
        (OSError(28, "No space left on device"), 1),
        (MemoryError(), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_become_an_exit_code_and_one_line(error, code, capsys):
    def main(argv):
        raise error

    assert run(main) == code
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: ") and printed.err.count("\n") == 1


def test_what_main_returns_is_the_exit_code():
    assert run(lambda argv: None) == 0
    assert run(lambda argv: len(argv), ["a", "b", "c"]) == 3


def test_a_fault_of_the_program_is_not_hidden():
    def main(argv):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(main)


def test_the_parser_complains_in_one_line(capsys):
    def main(argv):
        Parser(prog="thing").parse_args(argv)

    assert run(main, ["--what"]) == 2
    assert capsys.readouterr().err == "error: unrecognized arguments: --what; see thing --help\n"
