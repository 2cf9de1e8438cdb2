"""Who runs what: every rule of kernels.backend.choose, and its refusals."""

import warnings

import pytest
import torch

from kernels import backend
from tests.conftest import ROOT
from tests.tiny import random_bytes, tiny_model

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
    monkeypatch.setattr(backend, "_is_written", lambda name, op: False)
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


MIXED = "triton,ssd=mamba_ssm,routing=reference"


@pytest.fixture
def anywhere(monkeypatch):
    """As if every package were there and every tensor on a CUDA device."""
    monkeypatch.setattr(backend, "_obstacle", lambda name, op, tensor: None)
    monkeypatch.setattr(backend, "_MODULES", backend._MODULES | {"mamba_ssm": ("mamba_ssm", "torch")})
    backend._missing.cache_clear()
    yield
    backend._missing.cache_clear()


@pytest.mark.parametrize("by", ["environment", "using"])
def test_a_list_names_backends_for_single_operators(by, monkeypatch, anywhere):
    wanted = {"rms_norm": "triton", "linear": "reference", "ssd": "mamba_ssm", "routing": "reference"}
    if by == "environment":
        monkeypatch.setenv(backend.ENVIRONMENT, MIXED)
        assert {op: backend.choose(op, FLOAT32) for op in wanted} == wanted
    else:
        with backend.using(" triton , ssd = mamba_ssm,routing=reference"):
            assert {op: backend.choose(op, FLOAT32) for op in wanted} == wanted


def test_what_a_list_does_not_name_is_automatic():
    with backend.using("routing=reference,ssd=numba"):
        assert backend.choose("routing", FLOAT32) == "reference"
        assert backend.choose("smoothing", FLOAT32) == backend.choose("ssd", FLOAT32) == "numba"


def test_a_part_that_is_asked_for_by_name_is_not_bypassed_by_the_operator_made_of_it(monkeypatch):
    for part in ("ssd", "causal_conv1d", "rms_norm"):
        with backend.using(f"{part}=reference"):
            assert backend.choose("mamba2", FLOAT32) == "reference"
    with backend.using("ssd=reference,mamba2=numba"):
        assert backend.choose("mamba2", FLOAT32) == "numba"
    with backend.using("mamba_ssm"):
        assert backend.choose("mamba2", FLOAT32) == "reference"
        with pytest.raises(backend.BackendError, match=r"mamba_ssm cannot run ssd: .*CUDA device"):
            backend.choose("ssd", FLOAT32)


@pytest.mark.parametrize(
    ("request_", "op", "reason"),
    [
        ("ssd=triton", "ssd", "triton cannot run ssd: .*CUDA device"),
        ("chunking=numba", "chunking", "chunking has no numba kernel"),
        ("auto,routing=mamba_ssm", "routing", "mamba_ssm cannot run routing: "),
        ("numba,ssd=triton", "ssd", "CUDA device"),
    ],
)
def test_a_backend_asked_for_by_name_that_cannot_run_is_refused(request_, op, reason):
    with backend.using(request_), pytest.raises(backend.BackendError, match=reason):
        backend.choose(op, FLOAT32)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("triton,sdd=reference", "'sdd' is not an operator; choose one of attention, .*ssd"),
        ("ssd=fast", "'fast' is not a backend; choose one of auto, triton"),
        ("ssd=", "'' is not a backend"),
        ("=triton", "'' is not an operator"),
        ("*=triton", r"'\*' is not an operator"),
        ("triton,", "'' is not a backend"),
        ("triton,numba", "names two backends for all operators"),
        ("ssd=numba,ssd=triton", "names two backends for ssd"),
    ],
)
def test_lists_that_say_nothing_clear_are_refused(text, words, monkeypatch):
    with pytest.raises(backend.BackendError, match=words), backend.using(text):
        pass
    monkeypatch.setenv(backend.ENVIRONMENT, text)
    with pytest.raises(backend.BackendError, match=rf"{backend.ENVIRONMENT}: .*{words}"):
        backend.choose("ssd", FLOAT32)


def test_every_operator_can_be_named():
    folders = sorted(path.parent.name for path in (ROOT / "kernels").glob("*/reference.py"))
    assert list(backend.OPERATORS) == folders
    for op in backend.OPERATORS:
        with backend.using(f"{op}=reference"):
            assert backend.choose(op, FLOAT32) == "reference"


def test_a_dtype_without_a_kernel_is_said_once_and_torchs_own_products_never():
    backend._warn.cache_clear()
    with pytest.warns(RuntimeWarning, match="ssd runs in plain torch, which is slow: .*float32 .*float16"):
        assert backend.choose("ssd", FLOAT32.half()) == "reference"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backend.choose("ssd", FLOAT32.half())
        backend.choose("chunking", FLOAT32.half())
        with backend.using("reference"):
            backend.choose("smoothing", FLOAT32.half())


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64], ids=str)
def test_a_gpu_says_that_it_has_no_kernel_for_a_dtype(dtype):
    backend._warn.cache_clear()
    with pytest.warns(RuntimeWarning, match=f"ssd runs in plain torch, which is slow: triton .*{dtype}"):
        assert backend.choose("ssd", FLOAT32.to("cuda", dtype)) == "reference"


def test_a_missing_package_is_said_where_auto_wants_it(monkeypatch):
    monkeypatch.setitem(backend._MODULES, "numba", ("cpu", "a_package_nobody_has"))
    backend._missing.cache_clear(), backend._warn.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="a_package_nobody_has is not installed"):
            assert backend.choose("ssd", FLOAT32) == "reference"
    finally:
        backend._missing.cache_clear()


def test_a_list_reaches_the_operators_of_a_model():
    model, ids = tiny_model(1), torch.tensor(list(random_bytes(40)))
    with torch.no_grad():
        want = model(ids, cu_seqlens=torch.tensor([0, 40]))
        with backend.using("ssd=reference,smoothing=reference"):
            got = model(ids, cu_seqlens=torch.tensor([0, 40]))
        with backend.using("smoothing=triton"):
            backend_error = pytest.raises(backend.BackendError, match="triton cannot run smoothing")
            with backend_error:
                model(ids, cu_seqlens=torch.tensor([0, 40]))
    torch.testing.assert_close(got.logits, want.logits, atol=2e-5, rtol=0)
