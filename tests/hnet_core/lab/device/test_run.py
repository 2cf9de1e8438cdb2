"""The run as a whole: what it plans, what it refuses, its shortest rehearsal."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile

import pytest

from hnet_core.lab.device import __main__ as command
from hnet_core.lab.device import bundle, choice, trainings
from hnet_core.lab.device import peers as module
from hnet_core.lab.device.steps import read_json
from hnet_core.training.recipe import read_recipe
from kernels.bench.peers import reach


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    for each in trainings.read_trainings():
        for name in (*each.data, each.valid):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"--minutes": "0"}, "--minutes 0"),
        ({"--data": "no/such"}, "no/such"),
        ({}, "no CUDA device"),
    ],
)
def test_what_cannot_be_is_refused(change, says, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    call = {"--minutes": "1", "--out": str(tmp_path / "out"), "--data": str(data)} | change
    assert command.main([part for pair in call.items() for part in pair]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_shortest_rehearsal(data, tmp_path, capsys):
    out = tmp_path / "out"
    call = ["--minutes", "2", "--out", str(out), "--data", str(data), "--rehearse", "--only", "probe"]
    assert command.main(call) == 0
    assert read_json(out / "probe.json")["copied_bytes_a_second"] > 0
    assert "copies" in capsys.readouterr().out


def test_a_step_that_breaks_costs_only_itself(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "PACKAGE", "hnet_core.no_such_package")
    call = ["--minutes", "1", "--out", str(tmp_path / "out"), "--data", str(data), "--rehearse"]
    assert command.main(call) == 1
    states = [each["state"] for each in read_json(tmp_path / "out" / "steps.json")]
    assert states == ["failed"] * 4


@pytest.mark.parametrize("training", trainings.read_trainings(), ids=lambda each: each.name)
def test_recipes_and_trainings_fit(training):
    recipe = read_recipe(trainings.LIST.parent / "recipes" / f"{training.recipe}.json", training.set)
    assert recipe.training.batch_bytes >= 2**18
    assert (recipe.domain == "dna") == training.data[0].startswith("dna/")
    assert training.valid not in training.data


def test_last_row_has_the_newest_of_every_column(tmp_path):
    (tmp_path / "training.csv").write_text("step,bytes,bpb,valid_bpb\n1,10,3.5,3.0\n2,20,3.25,\n")
    assert trainings.last_row(tmp_path) == {"step": 2, "bytes": 20, "bpb": 3.25, "valid_bpb": 3.0}
    assert trainings.last_row(tmp_path / "none") == {"bytes": 0}


@pytest.fixture
def peers(tmp_path, monkeypatch):
    """A folder of peers, made by the command from a clone of one of them."""
    source = tmp_path / "clone" / "mamba_ssm"
    (source / "ops" / "triton").mkdir(parents=True)
    (source / "__init__.py").write_text('__version__ = "9.1"\nimport selective_scan_cuda\n')
    for name in ("ops/__init__.py", "ops/triton/__init__.py"):
        (source / name).touch()
    (source / "ops" / "triton" / "ssd_combined.py").write_text("mamba_chunk_scan_combined = 7\n")
    (source / "selective_scan_cuda.so").write_bytes(b"compiled")
    monkeypatch.setattr(module, "WHEELS", {})
    assert module.main(["--mamba-ssm", str(source.parent), "--out", str(tmp_path / "peers")]) == 0
    return tmp_path / "peers"


def test_mamba_ssm_is_imported_without_what_is_compiled(peers, tmp_path, capsys):
    program = (
        "import importlib.metadata, mamba_ssm\n"
        "from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined\n"
        "print(mamba_chunk_scan_combined, mamba_ssm.__version__, importlib.metadata.version('mamba-ssm'))"
    )
    call = [sys.executable, "-c", program]
    done = subprocess.run(call, env=os.environ | {"PYTHONPATH": str(peers)}, capture_output=True, text=True)
    assert done.stdout.split() == ["7", "9.1", "9.1"], done.stderr
    assert not list(peers.rglob("*.so"))
    clone = tmp_path / "clone"
    (clone / "mamba_ssm" / "__init__.py").write_text('__version__ = "9.2"\n')
    assert module.main(["--mamba-ssm", str(clone), "--out", str(peers)]) == 0
    assert sorted(p.name for p in peers.iterdir()) == ["mamba_ssm", "mamba_ssm-9.2.dist-info"]


def test_a_folder_without_mamba_ssm_is_refused(tmp_path, capsys):
    assert module.main(["--mamba-ssm", str(tmp_path), "--out", str(tmp_path / "peers")]) == 2
    assert "holds no mamba_ssm/ops/triton/ssd_combined.py" in capsys.readouterr().err
    assert not (tmp_path / "peers").exists()


def test_a_peer_that_pip_cannot_give_is_said_and_leaves_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert module.main(["--out", str(tmp_path / "peers")]) == 1
    said = capsys.readouterr().err
    assert all(f"pip cannot download {name}==" in said for name in (*module.WHEELS, "mamba-ssm"))
    assert not list((tmp_path / "peers").iterdir())


def test_a_wheel_is_unpacked_and_a_compiled_one_is_refused(tmp_path, capsys, monkeypatch):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    tags = {"pure": "py3-none-any", "compiled": module_tag()}
    for name, tag in tags.items():
        with zipfile.ZipFile(wheels / f"{name}-1.0-{tag}.whl", "w") as file:
            file.writestr(f"{name}/__init__.py", "")
            file.writestr(
                f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            )
            file.writestr(
                f"{name}-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"
            )
            file.writestr(f"{name}-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setattr(module, "WHEELS", dict.fromkeys(tags, "1.0"))
    assert module.main(["--out", str(tmp_path / "peers")]) == 1
    assert "must be plain Python" in capsys.readouterr().err
    assert sorted(p.name for p in (tmp_path / "peers").iterdir()) == ["pure", "pure-1.0.dist-info"]


def module_tag() -> str:
    """What a wheel for this very interpreter is called."""
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return f"{version}-{version}-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def test_a_failed_scan_falls_back_to_the_mamba_ssm_that_came_along(peers, monkeypatch):
    monkeypatch.setattr(choice, "FOLDER", peers)
    monkeypatch.setattr(choice, "reach", lambda: reach(peers))
    monkeypatch.setattr(sys, "path", list(sys.path))
    found = choice.environment_for(["ssd"], "cuda")
    assert found["HNET_KERNELS"] == "triton,ssd=mamba_ssm"
    program = "import importlib.util; assert importlib.util.find_spec('mamba_ssm')"
    assert subprocess.run([sys.executable, "-c", program], env=os.environ | found).returncode == 0
    assert "PYTHONPATH" not in choice.environment_for(["routing"], "cuda")


def test_peers_travel_with_the_bundle(peers, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bundle, "FOLDER", peers)
    assert bundle.main(["--data", str(data), "--out", str(tmp_path / "bundle")]) == 0
    assert "with peers" in capsys.readouterr().out
    assert (tmp_path / "bundle" / "peers" / "mamba_ssm" / "ops" / "triton" / "ssd_combined.py").exists()


def test_the_bundle_holds_code_and_data_without_models(data, tmp_path, capsys):
    out = tmp_path / "bundle"
    assert bundle.main(["--data", str(data), "--out", str(out)]) == 0
    assert (out / "hnet_core" / "model.py").exists() or (out / "hnet_core" / "network").exists()
    assert not (out / "assets" / "models").exists()
    wanted = {name for each in trainings.read_trainings()[:4] for name in (*each.data, each.valid)}
    assert {p.relative_to(out / "data").as_posix() for p in (out / "data").rglob("*.*z")} == wanted
    assert bundle.main(["--data", str(data), "--out", str(out)]) == 2
    assert "holds something already" in capsys.readouterr().err
    assert json.loads((out / "hnet_core/lab/device/trainings.json").read_text())
