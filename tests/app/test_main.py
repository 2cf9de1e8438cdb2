"""python -m app as a command."""

import pytest

from app.__main__ import main


def test_check_loads_a_model(models_dir, capsys):
    assert main(["--check", "--models", str(models_dir), "--device", "cpu"]) == 0
    assert "4 models" in capsys.readouterr().out


def test_no_model_is_one_line_and_exit_2(tmp_path, capsys):
    assert main(["--check", "--models", str(tmp_path)]) == 2
    out = capsys.readouterr()
    assert out.err.startswith("error: ") and out.err.count("\n") == 1


def test_unknown_device_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--device", "tpu"])
    assert ended.value.code == 2 and "tpu" in capsys.readouterr().err
