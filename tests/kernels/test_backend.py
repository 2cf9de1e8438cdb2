"""Who runs what: every rule of kernels.backend.choose, and its refusals."""

import pytest
import torch

from kernels import backend

FLOAT32 = torch.zeros(1)


@pytest.fixture(autouse=True)
def no_request(monkeypatch):
    monkeypatch.delenv(backend.ENVIRONMENT, raising=False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)


def test_auto_takes_numba_for_float32_on_the_cpu():
    assert backend.choose("ssd", FLOAT32) == "numba"


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_auto_takes_the_reference_for_other_dtypes(dtype):
    assert backend.choose("ssd", FLOAT32.to(dtype)) == "reference"


def test_auto_takes_numba_for_bfloat16_between_products():
    assert backend.choose("mamba2", FLOAT32.bfloat16()) == "numba"
    assert backend.choose("mamba2", FLOAT32.half()) == "reference"
    with backend.using("numba"):
        assert backend.choose("rms_norm", FLOAT32.bfloat16()) == "numba"


def test_auto_takes_the_reference_where_there_is_no_kernel(monkeypatch):
    monkeypatch.setattr(backend, "_missing", lambda name, op: "it is not written")
    assert backend.choose("ssd", FLOAT32) == "reference"


def test_the_environment_is_obeyed(monkeypatch):
    monkeypatch.setenv(backend.ENVIRONMENT, "reference")
    assert backend.choose("ssd", FLOAT32) == "reference"


def test_using_wins_over_the_environment_nests_and_ends(monkeypatch):
    monkeypatch.setenv(backend.ENVIRONMENT, "reference")
    with backend.using("numba"):
        with backend.using("auto"):
            assert backend.choose("ssd", FLOAT32.double()) == "reference"
        assert backend.choose("ssd", FLOAT32) == "numba"
    assert backend.choose("ssd", FLOAT32) == "reference"


def test_using_ends_after_an_error():
    with pytest.raises(KeyError), backend.using("reference"):
        raise KeyError
    assert backend.choose("ssd", FLOAT32) == "numba"


@pytest.mark.parametrize(
    ("name", "tensor", "reason"),
    [
        ("numba", FLOAT32.double(), "float64"),
        ("numba", torch.zeros(1, device="meta"), "on the CPU"),
        ("triton", FLOAT32, "CUDA device, or TRITON_INTERPRET=1"),
        ("triton", FLOAT32.double(), "float32 or torch.bfloat16"),
        ("mamba_ssm", FLOAT32, "CUDA device"),
    ],
)
def test_an_explicit_request_that_cannot_be_met_says_why(name, tensor, reason):
    with backend.using(name), pytest.raises(backend.BackendError, match=reason):
        backend.choose("ssd", tensor)


def test_the_interpreter_takes_cpu_tensors_and_no_others(monkeypatch):
    monkeypatch.setenv(backend.INTERPRETER, "1")
    with backend.using("triton"):
        assert backend.choose("ssd", FLOAT32) == "triton"
        with pytest.raises(backend.BackendError, match="interpreter, on the CPU"):
            backend.choose("ssd", torch.zeros(1, device="meta"))


def test_matrix_products_are_torchs_own_where_triton_is_asked_for(monkeypatch):
    monkeypatch.setenv(backend.INTERPRETER, "1")
    with backend.using("triton"):
        assert backend.choose("linear", FLOAT32) == "reference"
    monkeypatch.delenv(backend.INTERPRETER)
    with backend.using("triton"), pytest.raises(backend.BackendError, match="CUDA device"):
        backend.choose("linear", FLOAT32)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(backend._MODULES, "numba", ("cpu", "a_package_nobody_has"))
    backend._missing.cache_clear()
    try:
        with backend.using("numba"), pytest.raises(backend.BackendError, match="a_package_nobody_has"):
            backend.choose("ssd", FLOAT32)
    finally:
        backend._missing.cache_clear()


def test_mamba_ssm_leaves_the_other_operators_to_auto():
    with backend.using("mamba_ssm"):
        assert backend.choose("rms_norm", FLOAT32.double()) == "reference"


def test_unknown_names_are_refused_with_those_that_exist(monkeypatch):
    with pytest.raises(backend.BackendError, match="auto, triton"), backend.using("cuda"):
        pass
    monkeypatch.setenv(backend.ENVIRONMENT, "fast")
    with pytest.raises(backend.BackendError, match=r"HNET_KERNELS.*'fast'"):
        backend.choose("ssd", FLOAT32)
