"""Two trainings cannot write into one folder."""

import subprocess
import sys

import pytest

from hnet_core.errors import InputError
from hnet_core.training.lock import sole_writer


def test_a_second_writer_is_refused_until_the_first_has_ended(tmp_path):
    with (
        sole_writer(tmp_path),
        pytest.raises(InputError, match="another training writes there"),
        sole_writer(tmp_path),
    ):
        pass
    with sole_writer(tmp_path):
        pass


def test_a_killed_writer_holds_nothing(tmp_path, root):
    code = "import sys, time, pathlib\nfrom hnet_core.training.lock import sole_writer\n"
    code += (
        "with sole_writer(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=root, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(InputError), sole_writer(tmp_path):
            pass
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    with sole_writer(tmp_path):
        pass
