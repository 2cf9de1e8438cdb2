"""--matmul-precision of the commands: float32 unless asked otherwise, and what auto took is kept with the table."""

import json
import re

import pytest

from analysis.commands import cli

LINE = r"matrix products in (fp32|bf16): measured .+\n"


@pytest.fixture
def options_of(tmp_path, capsys):
    """Calls `boundaries` with a bundled model; returns what it says on stderr and the options beside its table."""
    text, out = tmp_path / "text.txt", tmp_path / "out.csv"
    text.write_text("The cat sat on the mat, and saw the dog.\n" * 4)

    def call(*more: str) -> tuple[str, dict]:
        assert (
            cli.main(["boundaries", str(text), "--model", "english-1stage-seed0", "--out", str(out), *more])
            == 0
        )
        return capsys.readouterr().err, json.loads(out.with_name("out.csv.json").read_text())["options"]

    return call


def test_auto_is_said_and_kept_as_what_was_taken(options_of):
    said, options = options_of("--matmul-precision", "auto")
    assert options["matmul_precision"] == re.fullmatch(LINE, said)[1]


def test_boundaries_do_not_depend_on_the_machine_unless_asked(options_of):
    said, options = options_of()
    assert (said, options["matmul_precision"]) == ("", "fp32")
