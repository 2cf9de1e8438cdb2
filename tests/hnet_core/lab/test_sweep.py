"""A sweep is what its file says: every run trained, measured on validation data, in a folder of its own."""

import json

import pytest

from hnet_core.checkpoint import load_model, read_info
from hnet_core.data.documents import read_documents
from hnet_core.evaluate import evaluate
from hnet_core.lab import families, sweep_file, train_families
from hnet_core.lab.results import sweeps as page
from hnet_core.lab.sweep import main
from hnet_core.lab.sweep_file import SWEEPS, find_sweep, read_sweep
from hnet_core.training.__main__ import main as training
from hnet_core.training.recipe import read_recipe
from tests.hnet_core.training.recipes import write_recipe, write_text


def content(**changes) -> dict:
    arm = {"recipe": "recipe", "bytes": 1200}
    return {
        "name": "tiny",
        "question": "Which?",
        "data": "x",
        "seeds": [0, 1],
        "data_seeds": [0],
        "set": ["row_bytes=64"],
        "arms": [
            {"name": "base", "title": "Base", **arm},
            {"name": "prior", "title": "Prior", **arm, "set": ["prior_bytes=600"]},
        ],
        **changes,
    }


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Data, a recipe, and a sweep of two arms and two seeds, whose trainings run in this process."""
    write_text(tmp_path)
    write_recipe(tmp_path, checkpoint_minutes=0, warmup=0, decay=0)
    held_out = [{"name": half, "data": "text.jsonl", "documents": half} for half in ("even", "odd")]
    data = {"x": {"train": ["text.jsonl"], "valid": held_out[:1], "tests": held_out[1:]}}
    (tmp_path / "families.json").write_text(json.dumps({"data": data, "families": {}}))
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "tiny.json").write_text(json.dumps(content()))
    monkeypatch.setattr(families, "FAMILIES", tmp_path / "families.json")
    monkeypatch.setattr(families, "RECIPES", tmp_path)
    monkeypatch.setattr(sweep_file, "SWEEPS", tmp_path / "sweeps")
    monkeypatch.setattr(page, "SWEEPS", tmp_path / "sweeps")

    class Training:
        def __init__(self, call, **_):
            self.returncode = training(call[call.index("hnet_core.training") + 1 :])

        def poll(self):
            return self.returncode

    monkeypatch.setattr(train_families.subprocess, "Popen", Training)
    return tmp_path


def arguments(folder, *more, sweep="tiny"):
    places = [word for name in ("runs", "docs") for word in (f"--{name}", str(folder / name))]
    return [sweep, "--data", str(folder), *places, "--device", "cpu", *more]


def test_every_run_is_trained_measured_and_in_the_table(small, capsys):
    assert main(arguments(small, "--only", "base")) == 0
    page.write(small / "docs")
    half = (small / "docs" / "sweeps.md").read_text()
    assert "2 of 4 runs have come to their end" in half and "| Prior | 0 of 2 |" in half
    assert half.count("| `prior` |") == 2, "runs that are missing have their rows"
    assert main(arguments(small)) == 0
    assert "tiny: 4 of 4 measured" in capsys.readouterr().out
    runs, kept = small / "runs" / "tiny", small / "docs" / "results" / "sweeps" / "tiny"
    assert json.loads((runs / "sweep.json").read_text()) == content()
    names = [f"{arm}_s{seed}_o0" for arm in ("base", "prior") for seed in (0, 1)]
    assert sorted(p.stem for p in kept.iterdir()) == names
    run = json.loads((kept / "prior_s1_o0.json").read_text())
    assert (run["seed"], run["success"], run["title"]) == (1, False, "Prior, warm-started")
    assert (
        run["seconds"] > 0
        and run["cpu_seconds"] is not None
        and run["kb_per_cpu_s"] > 0
        and run["mflops_per_byte"] > 0
    )
    # Figures are those of the validation half, by the model at the end of its training.
    model = load_model(runs / "prior_s1_o0" / "model").model
    documents = list(read_documents([small / "text.jsonl"], "english", documents="even"))
    want = evaluate(model, documents, context=64, domain="english")
    (test,) = run["tests"]
    assert (
        test["bits_per_byte"] == pytest.approx(want.bits_per_byte, rel=1e-9) and test["documents"] == "even"
    )
    assert test["shares"] == [pytest.approx(stage) for stage in want.shares]
    page.write(small / "docs")
    text = (small / "docs" / "sweeps.md").read_text()
    assert "4 of 4 runs have come to their end" in text and "| 0 of 2 | 0% to 66% |" in text
    assert f"| `prior` | 1 | 0 | {want.bits_per_byte:.3f} |" in text


def test_a_second_call_trains_and_writes_nothing(small, capsys):
    assert main(arguments(small)) == 0
    before = {p: p.stat().st_mtime_ns for p in (small / "docs").rglob("*") if p.is_file()}
    weights = (small / "runs" / "tiny" / "base_s0_o0" / "checkpoint.safetensors").stat().st_mtime_ns
    capsys.readouterr()
    assert main(arguments(small)) == 0
    assert capsys.readouterr().out.startswith("tiny: 4 of 4 measured")
    assert {p: p.stat().st_mtime_ns for p in (small / "docs").rglob("*") if p.is_file()} == before
    assert (small / "runs" / "tiny" / "base_s0_o0" / "checkpoint.safetensors").stat().st_mtime_ns == weights


def test_a_training_that_diverged_is_no_success_and_has_its_row(small, capsys):
    wild = ["learning_rate=1e30", "lr_multipliers=[1, 1]", "warmup=0", "clip=1e30"]
    path = written(small, arms=arm(set=wild), seeds=[0])
    assert main(arguments(small, sweep=path)) == 1
    assert main(arguments(small, sweep=path)) == 0, "a second call does not train it again"
    assert "base_s0_o0: diverged at step" in capsys.readouterr().out
    run = json.loads((small / "docs" / "results" / "sweeps" / "tiny" / "base_s0_o0.json").read_text())
    assert run["success"] is False and run["diverged"].startswith("step ") and run["tests"] == []
    sweep = read_sweep(small / "other.json")
    text = page.section(sweep, page.read_runs(small / "docs" / "results" / "sweeps" / "tiny", sweep))
    assert "| `base` | 0 | 0 | diverged |" in text and "| Base | 1 of 1 |  |  | 0 of 1 |" in text


def test_runs_that_were_begun_by_hand_are_taken_up(small, capsys):
    out = small / "runs" / "tiny" / "base_s0_o0"
    out.mkdir(parents=True)
    paths = ["--config", str(small / "recipe.json"), "--data", str(small / "text.jsonl"), "--out", str(out)]
    assert training([*paths, "--bytes", "600", "--device", "cpu", "--set", "row_bytes=64"]) == 0
    assert main(arguments(small, "--only", "base")) == 0
    assert read_info(out / "model")["bytes_seen"] >= 1200


def test_a_rehearsal_leaves_no_result(small, capsys):
    assert main(arguments(small, "--bytes", "600", "--only", "base")) == 0
    assert not (small / "docs").exists() and not (small / "runs" / "tiny").exists()
    assert (small / "runs" / "tiny.rehearsal" / "figures" / "base_s0_o0.json").is_file()
    assert main(arguments(small, "--bytes", "700", "--only", "base")) == 2
    assert "holds the runs of another sweep" in capsys.readouterr().err
    assert main(arguments(small, "--finished-only")) == 0
    assert "left out, not trained to their length: base_s0_o0" in capsys.readouterr().out


def written(small, file="other", **changes):
    path = small / f"{file}.json"
    path.write_text(json.dumps(content(**changes)))
    return str(path)


def test_a_folder_is_of_one_sweep(small, capsys):
    assert main(arguments(small, "--finished-only")) == 0
    pinned = (small / "runs" / "tiny" / "sweep.json").read_bytes()
    changed = written(small, seeds=[0, 1, 2])
    assert main(arguments(small, sweep=changed)) == 2
    error = capsys.readouterr().err
    assert "holds the runs of another sweep, or of this one before its file was changed" in error
    assert error.count("\n") == 1
    assert (small / "runs" / "tiny" / "sweep.json").read_bytes() == pinned
    stranger = small / "runs" / "mixed"
    (stranger / "nobody_s0_o0").mkdir(parents=True)
    assert main(arguments(small, sweep=written(small, name="mixed"))) == 2
    assert "holds nobody_s0_o0, which is no run of sweep mixed" in capsys.readouterr().err
    assert not (stranger / "sweep.json").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--only", "nobody"], "--only 'nobody': no arm of sweep tiny; there are base, prior"),
        (["--jobs", "0"], "--jobs and --bytes must be 1 or more"),
        (["--data", "nowhere"], "there is no such file"),
    ],
)
def test_wrong_calls_end_with_one_line(small, capsys, more, words):
    assert main(arguments(small, *more)) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not (small / "runs").exists()


def arm(**changes):
    return [{"name": "base", "title": "Base", "recipe": "recipe", "bytes": 1200, **changes}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": [0, 0]}, "seeds=[0, 0] must be a list of different whole numbers"),
        ({"seeds": ["a"]}, "seeds=['a'] must be a list"),
        ({"data_seeds": []}, "data_seeds=[] must be a list"),
        ({"seeds": [True]}, "seeds=[True] must be"),
        ({"data": "latin"}, "data 'latin' must be one of x"),
        ({"measure": "luck"}, "measure 'luck' must be one of success"),
        ({"sed": 1}, "the sweep: unknown key 'sed'"),
        ({"arms": []}, "arms must be a list"),
        ({"arms": [*arm(), *arm()]}, "arm 'base' is there twice"),
        ({"arms": arm(recipe="nothing")}, "there is no recipe"),
        ({"arms": arm(set=["alpa=1"])}, "arm base: "),
        ({"arms": arm(set="alpha=1")}, "arm base: set must be a list of KEY=VALUE"),
        ({"arms": arm(bytes=0)}, "arm base: bytes=0 must be a whole number"),
        ({"arms": arm(name="a/b")}, "name 'a/b' must be letters, digits and underscores"),
        ({"arms": [{"name": "base"}]}, "arm base lacks title, recipe, bytes"),
        ({"name": "../up"}, "name '../up' must be"),
    ],
)
def test_a_wrong_file_is_refused(small, capsys, changes, words):
    assert main(arguments(small, sweep=written(small, **changes))) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not (small / "runs").exists()


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_file_that_is_no_sweep_is_refused(small, capsys, text):
    (small / "bad.json").write_text(text)
    assert main(arguments(small, sweep=str(small / "bad.json"))) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(arguments(small, sweep="nothing")) == 2
    assert "nothing: is no sweep and no file; there are tiny" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(SWEEPS.glob("*.json")), ids=lambda path: path.stem)
def test_the_sweeps_of_the_project_can_run(path):
    sweep = read_sweep(path)
    assert sweep.name == path.stem and find_sweep(sweep.name) == sweep
    members = sweep.members()
    assert (
        len({member.run for member in members})
        == len(members)
        == (len(sweep.arms) * len(sweep.seeds) * len(sweep.data_seeds))
    )


def test_the_arms_of_english_differ_in_what_they_are_named_for_alone():
    sweep = find_sweep("english_4mb")
    recipes = {m.arm: read_recipe(m.config, m.set).to_dict() for m in sweep.members() if m.seed == 0}
    assert sweep.seeds == (0, 1, 2, 3) and sweep.data_seeds == (0,)
    assert {arm.bytes for arm in sweep.arms} == {4_000_000} and {arm.recipe for arm in sweep.arms} == {
        "english_1stage"
    }
    base = recipes.pop("base")
    for name, recipe in recipes.items():
        options = {k for k, v in recipe["training"].items() if v != base["training"][k]}
        model = {k for k, v in (recipe["model"] | {}).items() if v != base["model"].get(k)}
        assert 1 <= len(options | model) <= 5 and model <= {"chunking", "arch_layout"}, name
        assert recipe["model"]["d_model"] == [32, 96], "one size for all"
