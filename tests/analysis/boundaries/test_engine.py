"""Ray computes the same values as one process, also when a machine is lost in the middle.

Ray is the optional extra `scale`; where it is missing its tests are skipped, the others run.
"""

import argparse
import importlib.util
import time

import numpy as np
import pandas as pd
import pytest

from analysis.boundaries import engine, extract
from analysis.boundaries.streaming import local_worker
from analysis.commands import cli
from analysis.inputs.sources import Sequence
from analysis.references import models as models_by_name
from hnet_core.errors import InputError
from tests.analysis.commands.test_cli import refused
from tests.analysis.fake_model import FakeModel

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra: scale)"
)
BASES = np.random.default_rng(0).choice(np.frombuffer(b"ACGT", np.uint8), 3000).tobytes()
MODEL = FakeModel("m", cuts=(b"AC", b"G"), info={"domain": "dna"})


@pytest.fixture
def ray_environment(monkeypatch, root):
    """What Ray's processes inherit: where the code is, and no lower priority, which starves them on a busy machine."""
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("RAY_worker_niceness", "0")


def options(name="ray", address=None):
    return argparse.Namespace(engine=name, ray_address=address)


def write_fasta(path):
    records = [f">r{i}\n{BASES[i : i + n].decode()}\n" for i, n in enumerate([5, 900, 1, 30, 1200, 7, 7, 2])]
    path.write_text("".join(records))
    return str(path)


def test_without_ray_the_message_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(models_by_name, "load_model", lambda *_: MODEL)
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    fasta, out = write_fasta(tmp_path / "g.fa"), tmp_path / "o.csv"
    message = refused(capsys, "boundaries", fasta, "--model", "m", "--out", out, "--engine", "ray")
    assert "pip install '.[scale]'" in message and not out.exists()


def test_an_address_without_ray_is_a_wrong_call():
    with pytest.raises(InputError, match="needs --engine ray"), engine.workers(options("local", "x:1"), {}):
        pass


@needs_ray
@pytest.mark.slow
def test_ray_writes_the_same_parquet(tmp_path, monkeypatch, ray_environment):
    from hnet_core.boundaries import BoundaryModel
    from tests.tiny import tiny_model

    models = {"m": MODEL, "real": BoundaryModel(tiny_model(2), {"name": "real", "domain": "dna"})}
    monkeypatch.setattr(models_by_name, "load_model", lambda name, *_: models[name])
    fasta = write_fasta(tmp_path / "g.fa")
    tables = []
    for name in ("local", "ray"):
        out = tmp_path / f"{name}.parquet"
        arguments = [
            "boundaries",
            fasta,
            "--model",
            "m",
            "--model",
            "real",
            "--table",
            "bytes",
            "--strand",
            "both",
        ]
        assert cli.main([*arguments, "--out", str(out), "--engine", name]) == 0
        tables.append(pd.read_parquet(out))
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert len(tables[0]) > 8000


class SlowModel(FakeModel):
    """Takes its time, so that a machine can be lost while it works."""

    def boundaries(self, data, *, progress=None):
        time.sleep(0.5)
        return super().boundaries(data, progress=progress)


@needs_ray
@pytest.mark.slow
def test_a_lost_machine_loses_no_shard(monkeypatch, ray_environment):
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setattr(extract, "PACK", 1)
    sequences = [Sequence(f"s{i}", BASES[i : i + 50], kind="dna") for i in range(16)]
    want = list(local_worker(MODEL)(sequences, "+", None))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    lost = cluster.add_node(num_cpus=2)
    try:
        with engine.workers(
            options(address=cluster.address), {"m": SlowModel("m", cuts=(b"AC", b"G"))}
        ) as found:
            pieces = found["m"](sequences, "+", None)
            got = [next(pieces)]
            assert ray.cluster_resources()["CPU"] == 3
            cluster.remove_node(lost, allow_graceful=False)
            got += pieces
    finally:
        cluster.shutdown()
    assert [(p.index, p.stage) for p in got] == [(p.index, p.stage) for p in want]
    for mine, theirs in zip(got, want, strict=True):
        assert mine.byte.tolist() == theirs.byte.tolist() and mine.prob.tolist() == theirs.prob.tolist()
