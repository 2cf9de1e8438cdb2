"""The published kernels beside ours: how the bench finds and calls them, and that one that breaks costs only itself."""

import inspect
import json
import os
import subprocess
import sys

import pytest
import torch

from kernels import backend
from kernels.bench import __main__ as command
from kernels.bench import measure
from kernels.bench.operators import BUNDLED, Sizes, operators
from kernels.bench.peers import FOLDER, PEERS

TINY = Sizes("tiny", positions=64, rows=2, width=8, inner=16, state=4, head=8)
REFERENCES = {
    "mamba_ssm/ops/triton/ssd_combined.py": """
def mamba_chunk_scan_combined(x, dt, A, B, C, chunk_size, D=None, dt_bias=None, seq_idx=None, dt_softplus=False):
    assert seq_idx.shape == x.shape[:2] and dt_softplus
    return x + dt[..., None] + (A + D + dt_bias)[:, None] + (B * C).sum((-1, -2))[..., None, None]
""",
    "mamba_ssm/ops/triton/layernorm_gated.py": """
def rmsnorm_fn(x, weight, bias, z=None, eps=1e-6, group_size=None, norm_before_gate=True):
    raise KeyError("autotune")
""",
    "fla/ops/simple_gla/__init__.py": """
import torch
def chunk_simple_gla(q, k, v, g=None, scale=None, cu_seqlens=None):
    rows = []
    for a, b in zip(cu_seqlens[:-1].tolist(), cu_seqlens[1:].tolist()):
        state = 0
        for t in range(a, b):
            state = state * g[0, t].exp()[:, None, None] + k[0, t][:, :, None] * v[0, t][:, None]
            rows.append((q[0, t][:, :, None] * state).sum(1) * scale)
    return torch.stack(rows)[None], None
""",
    "fla/modules/causal_conv1d/__init__.py": """
from kernels.causal_conv1d import reference
def causal_conv1d(x, weight, bias, activation=None, cu_seqlens=None):
    assert activation == "silu"
    y, state = reference.causal_conv1d(x[0], weight, bias, cu_seqlens)
    return y[None], state
""",
    "fla/modules/norm/layernorm_gated.py": """
from kernels.rms_norm import reference
def rmsnorm_fn(x, weight, bias, z=None, eps=1e-6, group_size=None, norm_before_gate=True):
    assert not norm_before_gate
    return reference.gated_rms_norm(x, z, weight, eps)
""",
    "liger_kernel/ops/fused_add_rms_norm.py": "",
    "liger_kernel/ops/swiglu.py": """
from kernels.swiglu import reference
class LigerFusedGateUpSiLUMulFunction:
    apply = staticmethod(reference.swiglu)
""",
    "liger_kernel/ops/cross_entropy.py": """
from kernels.cross_entropy import reference
class LigerCrossEntropyFunction:
    @staticmethod
    def apply(logits, target, weight, ignore_index, lse_square_scale, label_smoothing, reduction):
        assert reduction == "none"
        loss = reference.cross_entropy(logits, target)
        logits.data.zero_()
        return loss, None
""",
}
"""Small packages with the calls of the published ones, in plain torch: file -> what it holds."""


@pytest.fixture
def peers(tmp_path, monkeypatch):
    """A folder of such packages; what was imported of them is forgotten afterwards."""
    folder = tmp_path / "peers"
    for name, text in REFERENCES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for parent in path.relative_to(folder).parents[:-1]:
            (folder / parent / "__init__.py").touch()
    monkeypatch.delenv(backend.ENVIRONMENT, raising=False)
    monkeypatch.delenv(backend.INTERPRETER, raising=False)
    monkeypatch.setattr(measure, "ROUNDS", {"cpu": 1, "cuda": 1})
    monkeypatch.setattr(command, "SIZES", {"cpu": (TINY,), "cuda": (TINY,)})
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield folder
    for name in [n for n in sys.modules if n.split(".")[0] in ("fla", "liger_kernel", "mamba_ssm")]:
        del sys.modules[name]


def test_others_are_measured_and_the_ones_that_break_say_why(peers, tmp_path, capsys):
    path = tmp_path / "bench.json"
    call = ["--device", "cpu", "--peers", str(peers), "--only", "others", "--json", str(path)]
    assert command.main(call) == 0
    found = {(each["op"], each["other"]): each for each in json.loads(path.read_text())["others"]}
    assert len(found) == sum(map(len, PEERS.values()))
    measured = {op for (op, _), each in found.items() if each["forward"] and each["backward"]}
    assert measured == {"ssd", "causal_conv1d", "gated_rms_norm", "swiglu", "cross_entropy"}
    assert found["ssd", "mamba_ssm"]["forward"] > 0
    assert found["ssd", "fla (chunk_simple_gla, B and C expanded)"]["backward"] > 0
    assert found["gated_rms_norm", "mamba_ssm"]["obstacle"] == "KeyError: 'autotune'"
    assert "ImportError" in found["rms_norm", "liger_kernel (residual as narrow as x)"]["obstacle"]
    assert found["causal_conv1d", "causal_conv1d"]["obstacle"]
    out = capsys.readouterr().out
    assert "| gated_rms_norm | tiny | mamba_ssm | KeyError: 'autotune' |" in out
    assert "B and C expanded" in out


def test_others_come_after_ours_and_not_when_the_time_is_over(peers, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "rates", lambda device: measure.Rates(1e9, 1e10))
    path = tmp_path / "bench.json"
    call = ["--device", "cpu", "--peers", str(peers), "--seconds", "0", "--json", str(path)]
    assert command.main(call) == 0
    written = json.loads(path.read_text())
    assert written["results"]
    assert {each["obstacle"] for each in written["others"]} == {"left out: the time for others is over"}


def test_a_device_that_breaks_is_said_and_ends_nothing(peers, monkeypatch):
    """It refuses the copies of inputs, and at the next size the inputs."""

    def broken(*args):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    made = iter([operators(TINY, "cpu", torch.float32)])
    monkeypatch.setattr(measure, "operators", lambda *args: next(made, None) or broken())
    monkeypatch.setattr(measure, "_copy", broken)
    monkeypatch.syspath_prepend(str(peers))
    tried = measure.others([TINY, BUNDLED], "cpu")
    found = [each for each in tried if each.other != "causal_conv1d"]  # not there, or as broken
    assert [each.sizes for each in found] == ["tiny", "bundled"]
    assert all("illegal memory access" in each.obstacle for each in found)


@pytest.mark.parametrize("name", ["fla (chunk_simple_gla, B and C expanded)"])
def test_expanded_keys_and_queries_are_the_same_scan(peers, name, monkeypatch):
    monkeypatch.syspath_prepend(str(peers))
    torch.manual_seed(0)
    op = next(op for op in operators(TINY, "cpu", torch.float32) if op.name == "ssd")
    peer = next(peer for peer in PEERS["ssd"] if peer.name == name)
    torch.testing.assert_close(peer.call(**op.inputs), op.reference()(**op.inputs)[0], rtol=1e-4, atol=1e-4)


def test_inputs_of_ours_are_not_written_over(peers, monkeypatch):
    monkeypatch.syspath_prepend(str(peers))
    op = next(op for op in operators(TINY, "cpu", torch.float32) if op.name == "cross_entropy")
    before = op.inputs["logits"].detach().clone()
    found = measure._of_peer(PEERS["cross_entropy"][0], op, measure.clock("cpu"), "cpu")
    assert found.forward
    assert torch.equal(op.inputs["logits"], before)


SIGNATURES = """
import inspect, sys
from kernels.bench.peers import reach
reach()
from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined
from mamba_ssm.ops.triton import layernorm_gated as mamba_norm
from fla.ops.simple_gla import chunk_simple_gla
from fla.modules.causal_conv1d import causal_conv1d
from fla.modules.norm import layernorm_gated as fla_norm
from liger_kernel.ops.fused_add_rms_norm import LigerFusedAddRMSNormFunction
from liger_kernel.ops.swiglu import LigerFusedGateUpSiLUMulFunction
from liger_kernel.ops.cross_entropy import LigerCrossEntropyFunction
def fits(call, *args, **named):
    inspect.signature(call).bind(*args, **named)
fits(mamba_chunk_scan_combined, *"xdABC", 256, D=0, dt_bias=0, dt_softplus=True, seq_idx=0)
for norm in (mamba_norm, fla_norm):
    fits(norm.rmsnorm_fn, "y", "w", None, z=0, eps=0, norm_before_gate=False)
    assert norm.LayerNormFn
names = inspect.signature(chunk_simple_gla).parameters
assert {"g", "scale", "cu_seqlens"} <= set(names) and list(names)[:3] == ["q", "k", "v"], names
names = inspect.signature(causal_conv1d).parameters
assert {"activation", "cu_seqlens"} <= set(names) and list(names)[:3] == ["x", "weight", "bias"], names
fits(LigerFusedAddRMSNormFunction.forward, "ctx", "x", "residual", "weight", 1e-5)
fits(LigerFusedGateUpSiLUMulFunction.forward, "ctx", "x")
names = list(inspect.signature(LigerCrossEntropyFunction.forward).parameters)
assert names[1:8] == ["_input", "target", "weight", "ignore_index", "lse_square_scale", "label_smoothing", "reduction"]
assert "selective_scan_cuda" not in sys.modules
"""


@pytest.mark.skipif(not FOLDER.is_dir(), reason="python -m hnet_core.lab.device.peers has fetched none")
def test_the_published_packages_have_the_calls_that_are_made():
    """In a process of its own: the packages are large, and change torch's and Triton's settings."""
    environment = os.environ | {"PYTHONPATH": str(FOLDER.parent), "CUDA_VISIBLE_DEVICES": ""}
    environment.pop(backend.INTERPRETER, None)
    done = subprocess.run([sys.executable, "-c", SIGNATURES], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_bundled_sizes_are_measured_beside_peers():
    """Every operator that has a peer is one that the bench measures, by the names of its inputs."""
    measured = {op.name: op for op in operators(BUNDLED, "cpu", torch.float32)}
    for name, peers in PEERS.items():
        for peer in peers:
            inspect.signature(peer.call).bind(**measured[name].inputs)
            assert set(peer.narrow) <= measured[name].inputs.keys()


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("op", "peer"),
    [(op, peer) for op, peers in PEERS.items() for peer in peers],
    ids=lambda value: getattr(value, "package", value),
)
def test_a_published_kernel_computes_what_ours_does(op, peer, monkeypatch):
    """In bfloat16, rows packed; a package that is not there is no comparison."""
    monkeypatch.syspath_prepend(str(FOLDER))
    pytest.importorskip(peer.package)
    torch.manual_seed(0)
    sizes = Sizes("small", positions=512, rows=3, width=128, inner=128, state=64)
    one = next(each for each in operators(sizes, "cuda", torch.bfloat16) if each.name == op)
    given = {
        name: value.detach().to(torch.bfloat16) if name in peer.narrow else value.detach()
        for name, value in one.inputs.items()
    }
    want = one.reference()(**given)
    want = (want if isinstance(want, torch.Tensor) else want[0]).float()
    if op == "swiglu":  # its gate stands first
        given["x"] = given["x"].view(len(given["x"]), 2, -1).flip(1).flatten(1)
    found = peer.call(**{name: value.clone() for name, value in given.items()}).float()
    assert (found - want).norm() < 0.02 * want.norm()
