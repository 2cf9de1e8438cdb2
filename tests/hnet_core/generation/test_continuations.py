"""Many continuations at once: each is what it would be alone, and sampling does what its options say."""

from collections import Counter

import numpy as np
import pytest
import torch

from hnet_core.encoding import EOS
from hnet_core.errors import CheckpointError, InputError
from hnet_core.generate import generate
from hnet_core.generation import continuations
from hnet_core.generation.continuations import continue_all
from hnet_core.generation.sampling import Sampling
from tests.tiny import random_bytes, tiny_model

PROMPTS = [b"The cat sat on ", b"", b"a", random_bytes(90)]


@pytest.mark.parametrize("n_stages", [0, 1, 2])
def test_a_batch_is_what_each_would_be_alone(n_stages):
    model, sampling = tiny_model(n_stages), Sampling(seed=3, temperature=0.8)
    together = continue_all(model, PROMPTS, n_samples=2, max_bytes=15, sampling=sampling)
    assert [len(each) for each in together] == [2] * len(PROMPTS)
    for prompt, samples in zip(PROMPTS, together, strict=True):
        (alone,) = continue_all(model, [prompt], n_samples=2, max_bytes=15, sampling=sampling)
        for a, b in zip(samples, alone, strict=True):
            assert a.data == b.data and np.allclose(a.logprobs, b.logprobs, atol=1e-4)
        assert samples[0].data != samples[1].data


@pytest.mark.parametrize("how", [{"temperature": 0}, {"temperature": 0.9, "top_p": 0.8, "seed": 5}], ids=str)
def test_the_first_sample_is_what_the_stream_writes(how):
    model = tiny_model(1)
    written = bytes(w.byte for w in generate(model, b"The cat", max_bytes=30, **how))
    ((one,),) = continue_all(model, [b"The cat"], max_bytes=30, sampling=Sampling(**how))
    assert one.data == written and one.ended == ("length" if len(written) == 30 else "end marker")


def test_long_prompts_are_read_in_windows(monkeypatch):
    model = tiny_model(2)
    want = continue_all(model, PROMPTS, max_bytes=10)
    monkeypatch.setattr(continuations, "WINDOW", 7)
    got = continue_all(model, PROMPTS, max_bytes=10)
    assert [s[0].data for s in got] == [s[0].data for s in want]


def test_log_probabilities_are_the_models_own():
    model, prompt = tiny_model(1), b"the "
    ((one,),) = continue_all(model, [prompt], max_bytes=12, sampling=Sampling(temperature=3, top_k=9))
    ids = torch.tensor([254, *prompt, *one.data])
    with torch.no_grad():
        logits = model(ids, cu_seqlens=torch.tensor([0, len(ids)])).logits
    known = torch.log_softmax(logits.double(), -1)
    first = len(prompt)
    want = [float(known[first + i, byte]) for i, byte in enumerate(one.data)]
    assert np.allclose(one.logprobs, want, atol=1e-4)


def test_it_ends_behind_a_stop_string():
    model = tiny_model(1)
    ((free,),) = continue_all(model, [b"x"], max_bytes=40)
    stop = free.data[10:12]
    ((cut,),) = continue_all(model, [b"x"], max_bytes=40, stop=[stop])
    assert cut.ended == "stop" and cut.data == free.data[: free.data.index(stop) + 2]


def test_the_end_marker_ends_it_and_is_not_written():
    model = tiny_model(0)
    with torch.no_grad():
        model.lm_head.weight.zero_()
    always = model.forward

    def certain(*args, **kwargs):
        out = always(*args, **kwargs)
        out.logits[:, EOS] = 50.0
        return out

    model.forward = certain
    ((one,),) = continue_all(model, [b"x"], max_bytes=5)
    assert one.data == b"" and one.ended == "end marker" and len(one.logprobs) == 0


def test_only_the_alphabet_is_written():
    model = tiny_model(1)
    (samples,) = continue_all(
        model, [b"AC"], n_samples=3, max_bytes=60, sampling=Sampling(alphabet=b"ACGT", temperature=2)
    )
    assert all(set(s.data) <= set(b"ACGT") and s.ended == "length" for s in samples)
    assert len({s.data for s in samples}) == 3


def draws(sampling: Sampling, logits: torch.Tensor, n: int = 4000) -> dict[int, float]:
    generator = sampling.generator(0)
    counted = Counter(sampling.draw(logits, generator)[0] for _ in range(n))
    return {byte: count / n for byte, count in counted.items()}


def test_draws_follow_the_options():
    logits = torch.full((256,), -20.0)
    logits[[65, 66, 67]] = torch.tensor([0.5, 0.3, 0.2]).log()
    assert draws(Sampling(), logits) == pytest.approx({65: 0.5, 66: 0.3, 67: 0.2}, abs=0.03)
    assert draws(Sampling(top_k=2), logits) == pytest.approx({65: 0.625, 66: 0.375}, abs=0.03)
    assert draws(Sampling(top_p=0.45), logits) == {65: 1.0}
    assert draws(Sampling(alphabet=b"BC"), logits) == pytest.approx({66: 0.6, 67: 0.4}, abs=0.03)
    assert draws(Sampling(temperature=0, alphabet=b"C"), logits, 3) == {67: 1.0}
    sharp = {65: 25 / 38, 66: 9 / 38, 67: 4 / 38}
    assert draws(Sampling(temperature=0.5), logits) == pytest.approx(sharp, abs=0.03)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"temperature": -1}, "temperature=-1"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"top_k": -1}, "top-k=-1"),
        ({"top_k": 257}, "top-k=257"),
        ({"top_p": 0}, "top-p=0"),
        ({"alphabet": b""}, "alphabet is empty"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_impossible_sampling_is_refused(wrong, says):
    with pytest.raises(InputError, match=says):
        Sampling(**wrong)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"prompts": []}, "no prompt"),
        ({"n_samples": 0}, "n_samples=0"),
        ({"max_bytes": 0}, "max_bytes=0"),
        ({"stop": [b""]}, "stop string is empty"),
        ({"prompts": [b""], "bos": False}, "no start marker"),
    ],
)
def test_impossible_calls_are_refused(wrong, says):
    with pytest.raises(InputError, match=says):
        continue_all(tiny_model(0), **({"prompts": [b"a"]} | wrong))


def test_damaged_weights_are_named():
    with pytest.raises(CheckpointError, match="not numbers"):
        Sampling().draw(torch.full((256,), torch.nan), Sampling().generator(0))
