"""Every byte is scored once, with context; boundaries are counted at the places they are said to be at."""

import json
import re
from math import log

import numpy as np
import pytest
import torch

from hnet_core import evaluate as module
from hnet_core.checkpoint import read_info, save_model
from hnet_core.data.documents import Document, middle_parts
from hnet_core.encoding import encode
from hnet_core.evaluate import boundaries_by_byte, evaluate, robustness, score
from hnet_core.evaluate.__main__ import main
from hnet_core.evaluate.perturbations import PERTURBATIONS, perturb
from hnet_core.landmarks.coding import CodingPart
from hnet_core.losses import next_byte_nll
from hnet_core.model import HNetForCausalLM
from hnet_core.training.recipe import read_recipe
from tests.tiny import random_bytes, tiny_model


def document(data: bytes, name: str = "x") -> Document:
    return Document(name, 0, np.frombuffer(data, dtype=np.uint8))


@pytest.fixture
def uniform():
    """A model that thinks every byte equally likely: exactly 8 bits a byte, if every byte is scored once."""
    model = tiny_model(1)
    with torch.no_grad():
        model.lm_head.weight.zero_()
    return model


@pytest.mark.parametrize("n", [1, 7, 15, 16, 17, 24, 25, 200])
def test_every_byte_is_scored_once(uniform, n):
    result = evaluate(uniform, [document(random_bytes(n)), document(b"ab")], context=16)
    assert result.bits_per_byte == pytest.approx(8, rel=1e-5)
    assert result.n_bytes == n + 2 and result.n_documents == 2


@pytest.mark.parametrize("name", ["isotropic_transformer", "isotropic_mamba", "fixed_stride", "space_like"])
def test_bits_of_the_baselines_by_hand(name, root):
    """A head of zeros: 8 bits a byte. A head that answers the start marker with one byte for sure: 0 bits for it."""
    recipe = read_recipe(root / "hnet_core" / "training" / "recipes" / f"english_{name}.json")
    model = HNetForCausalLM(recipe.model).init_weights(0)
    with torch.no_grad():
        model.lm_head.weight.zero_()
    assert evaluate(model, [document(b"To be, or not.")]).bits_per_byte == pytest.approx(8, rel=1e-5)
    one = torch.zeros_like(model.lm_head.weight)
    one[ord("x")] = 1e3 * final_output(model, b"x")
    with torch.no_grad():
        model.lm_head.weight.copy_(one)
    assert evaluate(model, [document(b"x")]).bits_per_byte == pytest.approx(0, abs=1e-3)


def final_output(model, data: bytes) -> torch.Tensor:
    """(D,) what the head is given at the start marker, before the first byte."""
    seen = []
    model.lm_head.register_forward_pre_hook(lambda _, given: seen.append(given[0][0].detach()))
    evaluate(model, [document(data)])
    return seen[0]


@pytest.mark.parametrize("n_stages", [0, 1, 2])
def test_enough_context_is_one_forward(n_stages):
    model, data = tiny_model(n_stages), random_bytes(90)
    ids = torch.from_numpy(encode(data).copy()).long()
    output = model(ids, cu_seqlens=torch.tensor([0, 91]))
    want = next_byte_nll(output.logits, ids, torch.tensor([0, 91])).sum().item()
    nll, boundaries = score(model, data, context=91)
    assert nll == pytest.approx(want, rel=1e-5)
    assert (boundaries == boundaries_by_byte(output, 91)[:, 1:]).all() and boundaries.shape == (n_stages, 90)


def test_windows_are_rows_of_their_own_with_context_before():
    model, data, context = tiny_model(1), random_bytes(50), 20
    ids = torch.from_numpy(encode(data).copy()).long()
    want = 0.0
    for low, high, new in [(0, 20, 19), (10, 30, 10), (20, 40, 10), (30, 50, 10), (31, 51, 1)]:
        row = ids[low:high]
        logits = model(row, cu_seqlens=torch.tensor([0, len(row)])).logits
        want += next_byte_nll(logits, row, torch.tensor([0, len(row)]))[:-1][-new:].sum().item()
    assert score(model, data, context=context)[0] == pytest.approx(want, rel=1e-5)


def test_inner_boundaries_are_among_outer_ones():
    model, data = tiny_model(2), random_bytes(300)
    ids = torch.from_numpy(encode(data).copy()).long()
    output = model(ids, cu_seqlens=torch.tensor([0, 301]))
    outer, inner = boundaries_by_byte(output, 301)
    assert (
        outer.sum() == output.stages[0].is_boundary.sum()
        and inner.sum() == output.stages[1].is_boundary.sum()
    )
    assert not (inner & ~outer).any()
    kept = np.flatnonzero(outer)[output.stages[1].is_boundary.numpy()]
    assert kept.tolist() == np.flatnonzero(inner).tolist()


def fixed(monkeypatch, boundaries):
    """Make `score` report these boundaries and a surprise of 1 bit a byte."""
    monkeypatch.setattr(
        module,
        "score",
        lambda model, data, *, context, tokenizer: (log(2) * len(data), np.array(boundaries, dtype=bool)),
    )


def test_shares_of_words(monkeypatch, uniform):
    #                    a  b     c  d     e  f
    fixed(monkeypatch, [[1, 0, 1, 0, 0, 0, 1, 1]])
    result = evaluate(uniform, [document(b"ab cd ef")])
    assert result.bits_per_byte == pytest.approx(1) and result.bytes_per_chunk == (2.0,)
    assert result.shares[0]["space_before_word"] == 0.5
    assert result.shares[0]["first_letter"] == pytest.approx(2 / 3)
    assert result.shares[0]["space_or_first_letter"] == 1.0
    assert result.shares[0]["inside_word"] == pytest.approx(1 / 3)
    assert result.shares[0]["all"] == 0.5
    info = result.info("english")
    assert info["boundary_shares"]["stage0_all"] == 0.5 and info["learned"] == "words"


def test_shares_of_codons(monkeypatch, uniform):
    fixed(monkeypatch, [[0, 1, 1, 0, 1, 0, 1, 1]])
    result = evaluate(uniform, [document(b"ATGATGCC")], annotation={"x": [CodingPart(0, 6, True, 0)]})
    assert result.shares[0]["codon_1"] == 0 and result.shares[0]["codon_2"] == 1
    assert result.shares[0]["codon_3"] == 0.5 and result.shares[0]["outside_genes"] == 1
    assert "reverse_codon_1" not in result.shares[0], "no site, no share"
    assert result.info("dna")["learned"] == "codons"


def test_middle_parts_keep_shares_and_coordinates():
    parts = middle_parts([Document("x", 100, np.arange(100, dtype=np.uint8)), document(b"a" * 300)], 40)
    assert [len(part.data) for part in parts] == [10, 30]
    assert parts[0].start == 145 and parts[0].data[0] == 45
    assert middle_parts([document(b"abc")], 99)[0].data.tobytes() == b"abc"


@pytest.fixture
def folder(tmp_path):
    save_model(tmp_path / "model", tiny_model(1), {"name": "tiny", "domain": "english", "row_bytes": 64})
    (tmp_path / "a.txt").write_text("the cat sat on the mat " * 9)
    return tmp_path


def test_command_prints_json_and_saves(folder, capsys):
    call = ["--model", str(folder / "model"), "--data", str(folder / "a.txt")]
    assert main([*call, "--json", "--save"]) == 0
    figures = json.loads(capsys.readouterr().out)
    info = read_info(folder / "model")
    assert info["name"] == "tiny" and info["bits_per_byte"] == pytest.approx(
        figures["bits_per_byte"], abs=1e-4
    )
    assert figures["n_bytes"] == 23 * 9 and set(info["boundary_shares"]) == {
        f"stage0_{k}" for k in figures["shares"][0]
    }
    assert main([*call, "--limit", "50"]) == 0
    assert "50 bytes in 1 documents" in capsys.readouterr().out


def test_an_annotation_is_read_as_the_analysis_reads_it(folder, capsys):
    """Other usual names, parts without a phase, GTF: the same figures. Of another genome: one line."""
    data, genes = folder / "d.fa", folder / "d.gff3"
    data.write_bytes(b"\xef\xbb\xbf>chr1 x\n" + b"ACGTTGCAGT" * 6 + b"\n")
    row = "{}\ts\tCDS\t{}\t.\t-\t{}\t{}\n"
    places = ("1\t10", "21\t32")
    call = ["--model", str(folder / "model"), "--data", str(data), "--annotation", str(genes), "--json"]
    figures = []
    for name, phases, about in (
        ("chr1", "00", "ID=c"),
        ("1", "00", "ID=c"),
        ("chr1", "..", "ID=c"),
        ("chr1", "..", 'transcript_id "t";'),
    ):
        genes.write_text(
            "".join(row.format(name, at, p, about) for at, p in zip(places, phases, strict=True))
        )
        assert main(call) == 0
        figures.append(json.loads(capsys.readouterr().out))
    assert all(each == figures[0] for each in figures) and "reverse_codon_1" in figures[0]["shares"][0]
    genes.write_text(row.format("chr2", places[0], "0", "ID=c"))
    assert main(call) == 2
    error = capsys.readouterr().err
    assert "is of another genome: its sequences are 'chr2', the input's are 'chr1'" in error


def test_command_multiplies_in_float32_unless_told_otherwise(folder, capsys):
    found = {}
    for name in ("fp32", "bf16", "auto", None):
        more = ["--matmul-precision", name] if name else []
        call = ["--model", str(folder / "model"), "--data", str(folder / "a.txt"), "--json", *more]
        assert main(call) == 0
        out, err = capsys.readouterr()
        found[name] = json.loads(out)["bits_per_byte"]
        if name == "auto":
            taken = re.fullmatch(r"matrix products in (fp32|bf16): measured .+\n", err)[1]
    assert found[None] == found["fp32"] != found["bf16"] == pytest.approx(found["fp32"], rel=0.05)
    assert found["auto"] == found[taken]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--model", "nobody"], "nobody"),
        (["--data", "nowhere.txt"], "no such file"),
        (["--annotation", "a.gff3"], "only FASTA"),
        (["--save", "--matmul-precision", "auto"], "leave --matmul-precision out"),
    ],
)
def test_wrong_calls_end_with_one_line(folder, capsys, more, words):
    assert main(["--model", str(folder / "model"), "--data", str(folder / "a.txt"), *more]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_robustness_scores_the_disturbed_bytes(uniform):
    documents = [document(random_bytes(90)), document(b"ab")]
    found = robustness(uniform, documents, seed=1, context=32)
    assert list(found) == [*PERTURBATIONS, "mean"]
    assert all(bpb == pytest.approx(8, rel=1e-5) for bpb in found.values())


def test_robustness_is_evaluate_on_the_disturbed_text():
    model, texts = tiny_model(1), [random_bytes(90), random_bytes(40, seed=1)]
    found = robustness(model, [document(t) for t in texts], seed=7, context=32)
    for kind in PERTURBATIONS:
        disturbed = [document(perturb(t, kind, 7, i)) for i, t in enumerate(texts)]
        assert found[kind] == pytest.approx(evaluate(model, disturbed, context=32).bits_per_byte)
    assert found["mean"] == pytest.approx(sum(found[kind] for kind in PERTURBATIONS) / 5)
    assert len({round(bpb, 6) for bpb in found.values()}) == 6


def test_command_reports_and_keeps_robustness(folder, capsys):
    call = ["--model", str(folder / "model"), "--data", str(folder / "a.txt"), "--robustness"]
    assert main([*call, "--json", "--save", "--seed", "3"]) == 0
    figures = json.loads(capsys.readouterr().out)["robustness"]
    assert read_info(folder / "model")["robustness"] == pytest.approx(figures, abs=1e-4)
    assert main(call) == 0
    assert "antspeak" in capsys.readouterr().out
    (folder / "a.fa").write_text(">x\nACGT\n")
    assert main([*call[:3], str(folder / "a.fa"), "--robustness"]) == 2
    assert "not DNA" in capsys.readouterr().err


def test_the_command_scores_in_bfloat16(samples, capsys):
    found = []
    for dtype in ("float32", "bfloat16"):
        call = [
            "--model",
            "english-1stage-seed0",
            "--data",
            str(samples / "english_hound.txt"),
            "--limit",
            "3000",
        ]
        assert main([*call, "--json", "--dtype", dtype]) == 0
        found.append(json.loads(capsys.readouterr().out)["bits_per_byte"])
    assert found[0] != found[1] and found[1] == pytest.approx(found[0], rel=2e-3)
