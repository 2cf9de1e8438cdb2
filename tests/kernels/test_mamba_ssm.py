"""mamba_ssm as a backend of ssd: what its function is given, with a stand-in for it that computes by the reference."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
import torch

from kernels import backend
from kernels.ssd import mamba_ssm, reference, ssd
from tests.kernels.gradients import row_limits


@pytest.fixture
def calls(monkeypatch):
    """The options of every call of mamba_chunk_scan_combined."""
    made = []

    def mamba_chunk_scan_combined(x, dt, A, B, C, chunk_size, *, D, dt_bias, dt_softplus, **options):
        made.append(options)
        assert (x.dim(), dt.dim(), B.dim(), chunk_size, dt_softplus) == (4, 3, 4, mamba_ssm.CHUNK, True)
        assert B.shape[2] == C.shape[2] == 1
        limits = torch.tensor([0, x.shape[1]])
        if "seq_idx" in options:
            rows = options["seq_idx"]
            assert (rows.dtype, rows.shape) == (torch.int32, (1, x.shape[1]))
            limits = torch.cat((torch.tensor([0]), rows[0].bincount().cumsum(0)))
        state = options.get("initial_states")
        y, states = reference.ssd(x[0], dt[0], A, B[0, :, 0], C[0, :, 0], D, dt_bias, limits, state)
        if options.get("return_varlen_states"):
            assert torch.equal(options["cu_seqlens"], limits)
        wants_states = options.get("return_varlen_states") or options.get("return_final_states")
        return (y[None], states) if wants_states else y[None]

    package = "mamba_ssm"
    for name in (package, f"{package}.ops", f"{package}.ops.triton", f"{package}.ops.triton.ssd_combined"):
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    module.mamba_chunk_scan_combined = mamba_chunk_scan_combined
    monkeypatch.setattr(backend, "_obstacle", lambda name, op, tensor: None)
    backend._missing.cache_clear()
    yield made
    backend._missing.cache_clear()


def inputs(*lengths, needs_gradient=False, dtype=torch.float32):
    T, H, P, N = sum(lengths), 2, 3, 4
    noise = torch.Generator().manual_seed(1)
    shapes = {"x": (T, H, P), "dt": (T, H), "A": (H,), "B": (T, N), "C": (T, N), "D": (H,), "dt_bias": (H,)}
    given = {name: torch.randn(shape, generator=noise).to(dtype) for name, shape in shapes.items()}
    given["A"] = -given["A"].abs() - 0.1
    for value in given.values():
        value.requires_grad_(needs_gradient)
    return given | {"cu_seqlens": row_limits(*lengths)}


def assert_as_the_reference(given) -> None:
    with backend.using("mamba_ssm"):
        found = ssd(**given)
    for value, want in zip(found, reference.ssd(**given), strict=True):
        torch.testing.assert_close(value, want)


def test_packed_rows_are_one_call_without_gradient(calls):
    assert_as_the_reference(inputs(5, 1, 7))
    assert len(calls) == 1
    assert calls[0].keys() == {"seq_idx", "cu_seqlens", "return_varlen_states"}


@pytest.mark.parametrize(
    ("lengths", "n_calls"), [((5, 1, 7), 3), ((0, 5, 0, 2), 2), ((0,), 0), ((), 0)], ids=str
)
def test_rows_with_states_go_one_by_one_and_empty_ones_keep_theirs(calls, lengths, n_calls):
    given = inputs(*lengths)
    given["state"] = torch.randn(len(lengths), 2, 3, 4)
    assert_as_the_reference(given)
    assert len(calls) == n_calls
    assert all(options.keys() == {"initial_states", "return_final_states"} for options in calls)


def test_empty_rows_without_states(calls):
    assert_as_the_reference(inputs(0, 3, 0))
    assert len(calls) == 1


def test_gradients_flow_through_outputs_and_states(calls):
    """The package's backward refuses the states of packed rows."""
    given = inputs(5, 3, needs_gradient=True)
    wanted = [value for value in given.values() if value.requires_grad]
    with backend.using("mamba_ssm"):
        y, states = ssd(**given)
    assert not any("return_varlen_states" in options for options in calls)
    found = torch.autograd.grad(y.sum() + states.square().sum(), wanted)
    y, states = reference.ssd(**given)
    torch.testing.assert_close(found, torch.autograd.grad(y.sum() + states.square().sum(), wanted))


def test_packed_is_one_call_with_gradient(calls):
    given = inputs(5, 1, 7, needs_gradient=True)
    y = mamba_ssm.packed(**given)
    assert [options.keys() for options in calls] == [{"seq_idx"}]
    torch.testing.assert_close(y, reference.ssd(**given)[0])
    assert y.requires_grad


def test_a_dtype_that_it_does_not_have_is_refused(calls):
    with backend.using("mamba_ssm"), pytest.raises(backend.BackendError, match="float64"):
        ssd(**inputs(3, dtype=torch.float64))
    assert not calls
