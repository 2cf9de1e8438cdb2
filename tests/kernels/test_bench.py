"""python -m kernels.bench: what it writes at tiny sizes on a CPU, what it counts, and what it refuses."""

import json
from dataclasses import replace

import pytest
import torch

from kernels import backend
from kernels.bench import __main__ as command
from kernels.bench import measure, timing
from kernels.bench.operators import BUNDLED, Sizes, operators

TINY = Sizes("tiny", positions=64, rows=2, width=8, inner=16, state=4, head=8)
WITH_BACKWARD = {
    "linear",
    "causal_conv1d",
    "ssd",
    "rms_norm",
    "gated_rms_norm",
    "routing",
    "smoothing",
    "swiglu",
    "cross_entropy",
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.delenv(backend.ENVIRONMENT, raising=False)
    monkeypatch.delenv(backend.INTERPRETER, raising=False)
    monkeypatch.setattr(measure, "ROUNDS", {"cpu": 2, "cuda": 2})
    monkeypatch.setattr(measure, "WALKED", 32)
    monkeypatch.setattr(command, "SIZES", {"cpu": (TINY,), "cuda": (TINY,)})


@pytest.fixture
def quick_rates(monkeypatch):
    monkeypatch.setattr(command, "rates", lambda device: measure.Rates(1e9, 1e10))


def test_every_cpu_kernel_is_measured_both_ways(tmp_path, capsys):
    path = tmp_path / "bench.json"
    threads = torch.get_num_threads()
    try:
        assert command.main(["--device", "cpu", "--json", str(path), "--threads", "1"]) == 0
    finally:
        torch.set_num_threads(threads)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert list(tmp_path.iterdir()) == [path], "something else is left beside the file"
    assert written["device"]
    assert written["date"]
    assert written["versions"]["torch"] == torch.__version__
    assert written["driver"] is None
    assert written["rates"]["copied_bytes"] > 0
    assert written["rates"]["matmul_flops"] > 0
    results = written["results"]
    pairs = {(result["op"], result["direction"]) for result in results}
    assert pairs == {(op, way) for op in WITH_BACKWARD for way in ("forward", "backward")}
    for result in results:
        assert result["backend"] == "numba"
        assert min(result["ours"], result["eager"], result["floor"], result["bytes"]) > 0
        assert result["fraction_of_floor"] == pytest.approx(result["floor"] / result["ours"])
        assert result["eager_positions"] == (32 if result["op"] in ("ssd", "smoothing") else 64)
    assert "others" not in written
    out = capsys.readouterr().out
    assert out.count("\n| ") == 1 + len(results)
    assert "(T 32)" in out


def test_a_floor_is_what_takes_longer_of_moving_and_computing():
    op = next(op for op in operators(TINY, "cpu", torch.float32) if op.name == "linear")
    slow_copy, slow_product = measure.Rates(1.0, 1e30), measure.Rates(1e30, 1.0)
    timed = timing.clock("cpu")
    moved = [r.floor for r in measure._results(op, TINY, "numba", timed, "cpu", slow_copy)]
    computed = [r.floor for r in measure._results(op, TINY, "numba", timed, "cpu", slow_product)]
    assert moved == [4 * 64 * (8 + 42), 2 * 4 * 64 * (8 + 42)]  # 42: 16 z, 16 + 2 * 4 x B C, 2 dt
    assert computed == [2 * 64 * 8 * 42, 4 * 64 * 8 * 42]


def test_bytes_follow_the_dtype():
    """Twice the float32 streams, in bfloat16 the residual stream stays float32."""
    counted = {}
    for dtype in (torch.float32, torch.bfloat16):
        counted[dtype] = {op.name: op.bytes for op in operators(TINY, "cpu", dtype)}
    full, half = counted[torch.float32], counted[torch.bfloat16]
    assert full["ssd"][0] == 2 * half["ssd"][0] == 4 * 64 * (2 * 16 + 2 * 4 + 2)
    assert full["rms_norm"] == (4 * 64 * 8 * 4, 3 * 64 * 8 * 4)
    assert half["rms_norm"] == (64 * 8 * (2 + 4 + 2 + 4), 64 * 8 * (4 + 2 + 4 + 2))


def test_the_median_counts_and_the_warm_up_does_not():
    seconds = iter([9.0, 9.0, 3.0, 1.0, 2.0])
    found = timing.times(
        lambda: torch.zeros(1), {}, lambda call: (call(), next(seconds)), 3, has_backward=False
    )
    assert found.median("forward") == 2.0
    assert found.median("backward") is None


def test_a_variant_that_fails_has_no_time_and_says_why():
    def fails():
        raise RuntimeError("out of luck\nand more")

    found = timing.times(fails, {}, timing.clock("cpu"), 1)
    assert found.median("forward") is None
    assert found.obstacle == "RuntimeError: out of luck"


def test_a_kernel_that_fails_fails_the_run(monkeypatch, capsys, quick_rates):
    def fails(*args):
        return iter([failed])

    one = next(iter(measure.results([TINY], "cpu", measure.Rates(1e9, 1e10))))
    failed = replace(one, ours=None, fraction_of_floor=None, notes=["ours: RuntimeError: broken"])
    monkeypatch.setattr(command, "results", fails)
    assert command.main(["--device", "cpu"]) == 1
    out = capsys.readouterr().out
    assert "RuntimeError: broken" in out
    assert "|  |" in out, "a time that was not measured is empty"


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--device", "cuda"], {}, "no CUDA device"),
        (["--device", "cpu", "--threads", "0"], {}, "--threads 0"),
        (["--device", "cpu", "--json", "no/such/folder/x.json"], {}, "no/such/folder"),
        (["--device", "cpu", "--peers", "no/such/peers"], {}, "no/such/peers"),
        (["--device", "cpu", "--only", "others"], {}, "--peers"),
        (["--device", "cpu"], {backend.INTERPRETER: "1"}, backend.INTERPRETER),
        (["--device", "cpu"], {backend.ENVIRONMENT: "triton"}, "CUDA device"),
        (["--device", "cpu"], {backend.ENVIRONMENT: "reference"}, "no kernel of ours"),
        (["--device", "cpu"], {backend.ENVIRONMENT: "fast"}, "'fast'"),
    ],
)
def test_a_call_that_cannot_be_met_is_one_line(
    arguments, environment, said, monkeypatch, capsys, quick_rates
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert command.main(arguments) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_the_bundled_sizes_are_those_of_the_models():
    assert (BUNDLED.positions, BUNDLED.width, BUNDLED.inner, BUNDLED.state) == (16_384, 64, 128, 16)
