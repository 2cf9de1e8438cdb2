"""Generation by prefill and step: what it draws, when it stops, what it prints."""

import numpy as np
import pytest
import torch

from hnet_core import generate as generate_module
from hnet_core.checkpoint import save_model, write_folder
from hnet_core.commands import run
from hnet_core.encoding import EOS, encode
from hnet_core.errors import CheckpointError, InputError
from hnet_core.generate import Utf8Stream, generate, main
from hnet_core.generation.sampling import Sampling
from tests.tiny import random_bytes, tiny_model

PROMPT = b"The cat sat on "


def full_forward(model, data: bytes, bos: bool):
    ids = torch.from_numpy(encode(data, bos=bos).astype(np.int64))
    with torch.no_grad():
        return model(ids, cu_seqlens=torch.tensor([0, len(ids)]))


@pytest.mark.parametrize("n_stages", [0, 1, 2])
@pytest.mark.parametrize("bos", [True, False])
def test_greedy_equals_the_likeliest_byte_of_the_full_forward(n_stages, bos):
    model, data = tiny_model(n_stages), PROMPT
    written = list(generate(model, PROMPT, max_bytes=20, temperature=0, bos=bos))
    assert written
    for item in written:
        assert item.byte == int(full_forward(model, data, bos).logits[-1].argmax())
        data += bytes([item.byte])


@pytest.mark.parametrize("n_stages", [1, 2])
def test_boundaries_of_written_bytes_equal_those_of_the_full_forward(n_stages):
    model = tiny_model(n_stages)
    written = list(generate(model, PROMPT, max_bytes=40, seed=3))
    out = full_forward(model, PROMPT + bytes(w.byte for w in written), bos=True)
    position = np.arange(-1, len(PROMPT) + len(written))
    for s, stage in enumerate(out.stages):
        prob = dict(zip(position.tolist(), stage.prob.tolist(), strict=True))
        position = position[stage.is_boundary.numpy()]
        for i, item in enumerate(written, start=len(PROMPT)):
            assert item.boundary[s] == (i in position)
            assert item.prob[s] == (pytest.approx(prob[i], abs=1e-5) if i in prob else None)
    assert {w.boundary[0] for w in written} == {True, False}


def test_a_long_prompt_is_taken_in_windows_without_changing_the_answer(monkeypatch):
    model, prompt = tiny_model(2), random_bytes(300)
    whole = [w.byte for w in generate(model, prompt, max_bytes=20)]
    monkeypatch.setattr(generate_module, "WINDOW", 7)
    assert [w.byte for w in generate(model, prompt, max_bytes=20)] == whole


def test_seed_decides():
    model = tiny_model(1)
    first, again, other = (
        bytes(w.byte for w in generate(model, PROMPT, max_bytes=30, seed=s)) for s in (1, 1, 2)
    )
    assert first == again != other


def test_an_empty_prompt_starts_from_the_start_marker():
    model = tiny_model(1)
    assert len(list(generate(model, b"", max_bytes=3, seed=1))) == 3
    with pytest.raises(InputError, match="empty"):
        generate(model, b"", bos=False)


def test_the_end_marker_stops_and_is_not_shown():
    model = tiny_model(1)
    with torch.no_grad():
        model.lm_head.weight[EOS] = 100 * full_forward_direction(model)
    assert list(generate(model, PROMPT, temperature=0)) == []


def full_forward_direction(model) -> torch.Tensor:
    """The vector that lm_head sees after the prompt: the row of weights along it wins."""
    seen = []
    hook = model.lm_head.register_forward_hook(lambda module, args, output: seen.append(args[0][-1]))
    full_forward(model, PROMPT, bos=True)
    hook.remove()
    return seen[0]


LOGITS = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))


def drawn(temperature: float, top_p: float, n: int = 2000) -> np.ndarray:
    generator = torch.Generator().manual_seed(0)
    counts = np.bincount(
        [Sampling(temperature=temperature, top_p=top_p).draw(LOGITS, generator)[0] for _ in range(n)],
        minlength=4,
    )
    return counts / n


@pytest.mark.parametrize(
    ("temperature", "top_p", "share"),
    [
        (1, 1, [0.5, 0.3, 0.15, 0.05]),
        (1, 0.8, [0.625, 0.375, 0, 0]),
        (1, 0.81, [0.526, 0.316, 0.158, 0]),
        (1, 1e-9, [1, 0, 0, 0]),
        (0.5, 1, [0.685, 0.247, 0.062, 0.007]),
        (0, 1, [1, 0, 0, 0]),
        (1e-300, 1, [1, 0, 0, 0]),
    ],
)
def test_temperature_and_top_p_shape_the_draw(temperature, top_p, share):
    np.testing.assert_allclose(drawn(temperature, top_p), share, atol=0.035)
    assert ((drawn(temperature, top_p) > 0) <= (np.array(share) > 0)).all()


def test_ids_beyond_the_byte_values_are_never_drawn():
    logits = torch.zeros(300)
    logits[299] = 50
    assert Sampling(temperature=0).draw(logits, torch.Generator())[0] == 0


def test_logits_that_are_not_numbers_are_an_error():
    with pytest.raises(CheckpointError, match="not numbers"):
        Sampling().draw(torch.tensor([0.0, float("nan")]), torch.Generator())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"max_bytes": 0}, "bytes=0"),
        ({"max_bytes": -5}, "bytes=-5"),
        ({"temperature": -0.1}, "temperature=-0.1"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"temperature": float("inf")}, "temperature=inf"),
        ({"top_p": 0.0}, "top-p=0.0"),
        ({"top_p": 1.01}, "top-p=1.01"),
        ({"top_p": float("nan")}, "top-p=nan"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**63}, "seed="),
    ],
)
def test_wrong_arguments_are_refused_before_anything_runs(changed, named):
    with pytest.raises(InputError, match=named):
        generate(tiny_model(1), PROMPT, **changed)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        ("ä漢😀".encode(), "ä漢😀"),
        (b"\xe4bc", "\\xE4bc"),
        (b"a\xff\xfe", "a\\xFF\\xFE"),
        ("漢".encode()[:2], "\\xE6\\xBC"),
        ("漢".encode()[:2] + b"x", "\\xE6\\xBCx"),
        (b"\xed\xa0\x80", "\\xED\\xA0\\x80"),
        (b"\xc0\xaf", "\\xC0\\xAF"),
        (b"\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"),
        ("\ud7ff\ue000\U0010ffff\x00".encode(), "\ud7ff\ue000\U0010ffff\x00"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_only_valid_utf8_and_hex_comes_out(data, text, size):
    stream = Utf8Stream()
    parts = [stream.feed(data[i : i + size]) for i in range(0, len(data), size)]
    assert "".join([*parts, stream.flush()]) == text
    "".join(parts).encode("utf-8", "strict")


def test_an_unfinished_character_is_held_back():
    stream = Utf8Stream()
    assert [stream.feed(bytes([b])) for b in "é!".encode()] == ["", "é", "!"]
    assert stream.flush() == ""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One whole model, one boundary-only."""
    folder, model = tmp_path_factory.mktemp("models"), tiny_model(1)
    save_model(folder / "whole", model, {"name": "whole"})
    kept = {n: model.state_dict()[n] for n in model.boundary_parameters()}
    write_folder(folder / "edges", model.config, kept, {"name": "edges"}, torch.float32)
    return folder


def call(models, *args: str) -> int:
    return run(main, ["--models", str(models), *args])


def test_command_prints_what_the_function_writes(models, capfdbinary):
    assert call(models, "--model", "whole", "--prompt", "Zoë", "--bytes", "50", "--seed", "4") == 0
    stream = Utf8Stream()
    want = [
        stream.feed(bytes([w.byte])) for w in generate(tiny_model(1), "Zoë".encode(), max_bytes=50, seed=4)
    ]
    printed = capfdbinary.readouterr()
    assert printed.out.decode("utf-8") == "".join(want) + stream.flush() + "\n"
    assert "\\x" in printed.out.decode() and printed.err == b""


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--model", "edges", "--prompt", "a"], "boundary weights"),
        (["--model", "wohle", "--prompt", "a"], "did you mean 'whole'"),
        (["--model", "whole", "--prompt", "a", "--bytes", "-1"], "bytes=-1"),
        (["--model", "whole", "--prompt", "a", "--bytes", "many"], "many"),
        (["--model", "whole", "--prompt", "a", "--top-p", "0"], "top-p=0.0"),
        (["--model", "whole", "--prompt", "a", "--temperature", "-1"], "temperature=-1"),
        (["--model", "whole"], "--prompt"),
        (["--model", "whole", "--prompt", "a", "--beams", "3"], "--beams"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_2(models, args, named, capsys):
    assert call(models, *args) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and named in printed.err


def test_the_command_writes_the_same_in_bfloat16_where_the_model_is_sure(capfdbinary):
    """A bundled model, greedy, at half the memory."""
    call = ["--model", "english-1stage-seed0", "--prompt", "It is a truth universally ack"]
    written = []
    for dtype in ("float32", "bfloat16"):
        assert run(main, [*call, "--bytes", "24", "--temperature", "0", "--dtype", dtype]) == 0
        written.append(capfdbinary.readouterr().out)
    assert written[0] == written[1] and len(written[0]) >= 24
