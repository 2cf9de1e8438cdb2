"""What counts as a failed operator, and what a run then computes with."""

import importlib.util

import torch

from hnet_core.lab.device import proof
from hnet_core.lab.device.choice import kernels_for
from hnet_core.lab.device.proof import PLACES, failed_operators, read_report, repeated
from kernels.backend import OPERATORS, using

REPORT = """<testsuites><testsuite>
<testcase name="a" /><testcase name="b"><skipped message="no" /></testcase>
<testcase name="c"><failure message="assert 3 &lt; 2&#10;more">trace</failure></testcase>
</testsuite></testsuites>"""


def test_a_report_is_counted(tmp_path):
    (tmp_path / "x.xml").write_text(REPORT)
    found = read_report(tmp_path / "x.xml")
    assert found == {"passed": 1, "failed": 1, "failures": ["c: assert 3 < 2"]}


def test_no_report_is_a_failure(tmp_path):
    assert read_report(tmp_path / "none.xml")["failed"] == 1


def test_failed_are_those_with_failures_without_tests_and_those_that_move():
    good = {"passed": 3, "failed": 0}
    found = {
        "operators": {"ssd": good, "smoothing": {"passed": 0, "failed": 0}, "routing": good | {"failed": 1}},
        "repeated": [
            {"operator": "ssd", "moved": 0.0, "obstacle": None},
            {"operator": "chunking", "moved": 1e-3, "obstacle": None},
            {"operator": "rms_norm", "moved": None, "obstacle": "RuntimeError: x"},
        ],
    }
    assert failed_operators(found) == ["smoothing", "routing", "chunking", "rms_norm"]


def test_a_failed_operator_falls_back(monkeypatch):
    assert kernels_for([], "cuda") == "auto"
    assert kernels_for(["ssd"], "cpu") == "auto"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert kernels_for(["ssd", "routing"], "cuda") == "triton,ssd=reference,routing=reference"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert kernels_for(["ssd", "routing"], "cuda") == "triton,ssd=mamba_ssm,routing=reference"


def test_equal_inputs_give_equal_answers_here():
    found = list(repeated(PLACES["cpu"], ("routing", "smoothing")))
    assert {each["operator"] for each in found} == {"routing", "smoothing"}
    assert all(each["moved"] == 0 and each["obstacle"] is None for each in found)


def test_an_answer_that_moves_is_seen(monkeypatch):
    class Moving:
        folder, function, inputs, bytes = "swiglu", "swiglu", {"x": torch.ones(3)}, (1, None)

        def ours(self):
            return lambda x: x + torch.rand(3)

    monkeypatch.setattr(proof, "operators", lambda *args: [Moving()])
    (found,) = repeated(PLACES["cpu"], ("swiglu",))
    assert found["moved"] > 0


def test_a_wrong_gradient_is_seen(monkeypatch):
    from kernels.smoothing import reference

    right = reference.smoothing
    assert proof.one_step(PLACES["cpu"])["ok"]
    monkeypatch.setattr(reference, "smoothing", lambda *a, **k: tuple(each * 1.02 for each in right(*a, **k)))
    assert not proof.one_step(PLACES["cpu"])["ok"]


def test_every_operator_is_proved(root):
    assert sorted(proof.OPERATORS) == sorted(OPERATORS)
    for op in OPERATORS:
        assert (root / "tests" / "kernels" / f"test_{op}.py").exists()


def test_a_fallback_is_a_request_that_the_kernels_understand():
    for failed in (["ssd"], ["routing", "smoothing"], list(OPERATORS)):
        with using(kernels_for(failed, "cuda")):
            pass
