"""docs/python.md and its notebook: every block runs, from top to bottom, in the clone."""

import json
import re

import pytest


@pytest.fixture
def clone(root, monkeypatch):
    """The clone as the working folder, and figures that are drawn nowhere."""
    monkeypatch.chdir(root)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    return root


def run_all(blocks: list[str], name: str) -> dict:
    scope: dict = {}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{name}, block {number}", "exec"), scope)
    return scope


def test_the_examples_run(clone, capsys):
    text = (clone / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    assert len(blocks) == 10
    scope = run_all(blocks, "docs/python.md")
    printed = capsys.readouterr().out
    assert "bits per byte" in printed and "model.safetensors" in printed
    assert b"".join(scope["model"].chunks("The cat")) == b"The cat"


def test_the_notebook_runs(clone):
    book = json.loads((clone / "docs" / "python.ipynb").read_text(encoding="utf-8"))
    blocks = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    assert blocks and not any(cell.get("outputs") for cell in book["cells"])
    scope = run_all(blocks, "docs/python.ipynb")
    assert scope["axis"].get_ylabel() == "boundary probability"
