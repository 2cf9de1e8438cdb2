"""SSD: the kernels against the reference, and the reference against the recurrence written out."""

from importlib import import_module

import pytest
import torch
import torch.nn.functional as F

from kernels import backend
from kernels.ssd import cpu, reference, ssd
from tests.kernels.gradients import assert_as_exact_as_eager, nan_filled_allocations, row_limits
from tests.kernels.places import GPU, INTERPRETER, NUMBA, TRITON, Place

ROWS = [(1,), (33,), (100, 0, 1, 257), (0, 0), (257, 130)]
WIDTHS = [(1, 5, 7), (2, 16, 32), (3, 64, 16), (2, 32, 64)]
"""Heads, head width, state width: with and without padding, vectors of 16 and of 32, several blocks of them."""


def example(lengths, widths, with_state=True, seed=0) -> dict:
    """x, dt, B and C are column slices of one wide tensor, as a layer's projection gives them."""
    noise, (H, P, N), T = torch.Generator().manual_seed(seed), widths, sum(lengths)
    projected = torch.randn(T, 3 + H * P + 2 * N + H, generator=noise)
    x, B, C, dt = projected[:, 3:].split([H * P, N, N, H], dim=1)
    return {
        "x": x.view(T, H, P),
        "dt": dt,
        "A": -0.5 - 8 * torch.rand(H, generator=noise),
        "B": B,
        "C": C,
        "D": torch.randn(H, generator=noise),
        "dt_bias": torch.randn(H, generator=noise) - 2,
        "cu_seqlens": row_limits(*lengths),
        "state": torch.randn(len(lengths), H, P, N, generator=noise) if with_state else None,
    }


def written_out(x, dt, A, B, C, D, dt_bias, cu_seqlens, state):
    """The recurrence, one position after the other."""
    y, finals = torch.empty_like(x), []
    for row, state_of_row in enumerate(state):
        S = state_of_row
        for t in range(cu_seqlens[row], cu_seqlens[row + 1]):
            step = F.softplus(dt[t] + dt_bias)[:, None, None]
            S = torch.exp(step * A[:, None, None]) * S + step * x[t, :, :, None] * B[t]
            y[t] = S @ C[t] + D[:, None] * x[t]
        finals.append(S)
    return y, torch.stack(finals)


def in_double(inputs: dict) -> dict:
    return {k: v.double() if torch.is_tensor(v) and v.is_floating_point() else v for k, v in inputs.items()}


def test_reference_is_the_recurrence():
    inputs = in_double(example((130, 0, 1, 64), (2, 5, 3)))
    for got, want in zip(reference.ssd(**inputs), written_out(**inputs), strict=True):
        torch.testing.assert_close(got, want)


def test_gradients_of_the_reference(monkeypatch):
    monkeypatch.setattr(reference, "CHUNK", 2)
    inputs = in_double(example((3, 0, 1), (2, 2, 3)))
    cu_seqlens = inputs.pop("cu_seqlens")
    leaves = [value.clone().requires_grad_() for value in inputs.values()]

    def op(*values):
        return reference.ssd(**dict(zip(inputs, values, strict=True)), cu_seqlens=cu_seqlens)

    assert torch.autograd.gradcheck(op, leaves)


def judge(place: Place, inputs: dict, output: int | None = None) -> None:
    """Both outputs of the kernel, or one alone, against the reference."""
    kernel = place.kernel("ssd")
    which = slice(None) if output is None else output
    assert_as_exact_as_eager(
        lambda **given: kernel(**given)[which],
        lambda **given: reference.ssd(**given)[which],
        inputs,
        place.dtype,
        place.device,
    )


@pytest.mark.parametrize("place", [NUMBA, *GPU])
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("lengths", ROWS, ids=str)
def test_kernel_is_as_exact_as_torch(place, lengths, widths, monkeypatch):
    with nan_filled_allocations(monkeypatch):
        judge(place, example(lengths, widths))


@pytest.mark.parametrize("place", INTERPRETER)
@pytest.mark.parametrize(
    ("lengths", "widths"),
    [
        ((1,), (1, 5, 7)),
        ((33,), (2, 16, 32)),
        ((100, 0, 1), (1, 33, 16)),
        ((257,), (1, 16, 5)),
        ((0, 0), (1, 5, 7)),
    ],
    ids=str,
)
def test_interpreted_kernel_is_as_exact_as_torch(place, lengths, widths, monkeypatch):
    with nan_filled_allocations(monkeypatch):
        judge(place, example(lengths, widths))


@pytest.mark.parametrize("place", TRITON)
def test_a_row_in_segments_and_a_short_one_beside_it(place, monkeypatch):
    """What long rows take: every segment on its own, states carried from one to the next."""
    monkeypatch.setattr(import_module("kernels.ssd.tiles"), "SEGMENTS", (64, 64))
    with nan_filled_allocations(monkeypatch):
        judge(place, example((200, 0, 5), (1, 16, 16)))


@pytest.mark.parametrize("place", INTERPRETER)
def test_chunks_as_short_as_older_gpus_take(place, monkeypatch):
    tiles = import_module("kernels.ssd.tiles")
    monkeypatch.setattr(tiles, "CHUNK", tiles.SMALL_CHUNK)
    judge(place, example((70, 0, 5), (1, 16, 16)))


@pytest.mark.parametrize("place", TRITON)
def test_single_steps(place):
    judge(place, example((1, 0, 1), (2, 16, 16)))


@pytest.mark.parametrize("place", TRITON)
def test_activations_in_bfloat16_and_the_rest_in_float32(place):
    """What a model in bfloat16 passes: each gradient comes back in the dtype of its input."""
    inputs = example((9, 1), (2, 16, 16))
    for name in ("x", "dt", "B", "C"):
        inputs[name] = inputs[name].bfloat16()
    given = {k: v.to(place.device).requires_grad_(v.is_floating_point()) for k, v in inputs.items()}
    y, final = place.kernel("ssd")(**given)
    assert (y.dtype, final.dtype) == (torch.bfloat16, torch.float32)
    (y.sum() + final.sum()).backward()
    floating = [value for value in given.values() if value.is_floating_point()]
    assert all(value.grad.dtype == value.dtype and value.grad.isfinite().all() for value in floating)


@pytest.mark.parametrize("place", [NUMBA, *TRITON])
@pytest.mark.parametrize("output", [0, 1])
def test_either_output_alone_is_differentiable_without_a_state(place, output):
    judge(place, example((100, 0, 33), (2, 16, 16), with_state=False), output)


@pytest.mark.parametrize("place", [NUMBA, INTERPRETER[0], GPU[0]])
def test_heads_that_forget_everything_at_once(place):
    """Decays down to exp(-500): dividing by them would overflow."""
    inputs = example((100, 9), (2, 16, 16), with_state=False)
    inputs["dt_bias"] = torch.tensor([5.0, 9.0])
    inputs["A"] = torch.tensor([-1.0, -60.0])
    judge(place, inputs, 0)


def test_contiguous_inputs_and_an_expanded_gradient_give_the_same():
    inputs = example((50,), (2, 16, 16))
    grads = []
    for given in (inputs, {k: v.contiguous() for k, v in inputs.items()}):
        x = given["x"].detach().requires_grad_()
        cpu.ssd(**{**given, "x": x})[0].sum().backward()
        grads.append(x.grad)
    assert torch.equal(*grads)
    assert grads[0].abs().min() > 0


@pytest.mark.parametrize(
    ("name", "cut"),
    [(name, cut) for name in ("numba", "reference") for cut in (0, 1, 63, 129, 200)]
    + [("triton", 1), ("triton", 129)],
)
def test_a_carried_state_continues_the_row(name, cut):
    inputs = example((200,), (2, 16, 16))
    state = inputs.pop("state")
    weights = {key: inputs[key] for key in ("A", "D", "dt_bias")}

    def piece(start, stop, state):
        part = {key: inputs[key][start:stop] for key in ("x", "dt", "B", "C")}
        return ssd(**part, **weights, cu_seqlens=row_limits(stop - start), state=state)

    with backend.using(name):
        y, final = ssd(**inputs, state=state)
        first, carried = piece(0, cut, state)
        second, end = piece(cut, 200, carried)
    torch.testing.assert_close(torch.cat([first, second]), y, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(end, final, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["numba", "reference", "triton"])
def test_rows_do_not_see_each_other_and_empty_rows_keep_their_state(name):
    inputs = example((40, 0, 70), (2, 16, 16))
    alone = {key: inputs[key][40:] for key in ("x", "dt", "B", "C")}
    weights = {key: inputs[key] for key in ("A", "D", "dt_bias")}
    with backend.using(name):
        y, final = ssd(**inputs)
        y_alone, final_alone = ssd(**alone, **weights, cu_seqlens=row_limits(70), state=inputs["state"][2:])
    # Not bit by bit: torch rounds the last few steps of a tensor, which fill no vector, another way.
    torch.testing.assert_close(y[40:], y_alone, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(final[2:], final_alone, rtol=1e-5, atol=1e-5)
    assert torch.equal(final[1], inputs["state"][1])


@pytest.mark.parametrize("lengths", [(300,), (10, 200, 0, 90)], ids=["over heads", "over rows"])
def test_two_threads_give_what_one_gives(lengths, monkeypatch):
    monkeypatch.setattr(cpu, "WORTH_A_THREAD", 1)
    inputs = example(lengths, (3, 16, 16))
    results = []
    for threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        x, B = inputs["x"].detach().requires_grad_(), inputs["B"].detach().requires_grad_()
        y, final = cpu.ssd(**{**inputs, "x": x, "B": B})
        (y.square().sum() + final.square().sum()).backward()
        results.append((y, final, x.grad, B.grad))
    for one, two in zip(*results, strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize(
    ("dtype", "name", "kernel"),
    [(torch.float32, "auto", True), (torch.float32, "reference", False), (torch.float64, "auto", False)],
)
def test_the_backend_decides(dtype, name, kernel, monkeypatch):
    inputs = {k: v.to(dtype) if v.is_floating_point() else v for k, v in example((3,), (1, 5, 7)).items()}
    monkeypatch.setattr(cpu, "ssd", lambda *args: "the kernel")
    with backend.using(name):
        assert (ssd(**inputs) == "the kernel") is kernel


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": torch.zeros(9, 8)}, r"x must be \(T, H, P\)"),
        ({"dt": torch.zeros(9, 3)}, r"dt must be \(9, 2\).*got \(9, 3\)"),
        ({"C": torch.zeros(8, 3)}, r"C must be \(9, 3\)"),
        ({"state": torch.zeros(1, 2, 3, 4)}, r"state must be \(1, 2, 4, 3\)"),
        ({"A": torch.zeros(2).double()}, "A must be .* torch.float32 .* got .* torch.float64"),
        ({"cu_seqlens": torch.tensor([0, 10])}, "rise from 0 to 9"),
        ({"cu_seqlens": torch.tensor([1, 9])}, "rise from 0 to 9"),
        ({"cu_seqlens": torch.tensor([0, 8, 3, 9]), "state": None}, "rise from 0 to 9"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_inputs_that_do_not_fit_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        ssd(**{**example((9,), (2, 4, 3)), **changed})
