"""What the README says of the tree and of commands is so."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "analysis", "hnet_core", "kernels")
NOT_PROJECT = {".git", ".venv", ".pytest_cache", ".ruff_cache", ".hypothesis", "__pycache__"}
TREE_LINE = re.compile(r"^    (?P<indent> *)(?P<name>[\w.]+/?) {2,}(?P<purpose>\S.*)$")


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def tree(text: str) -> dict[str, str]:
    """Path -> purpose, from the indented block under the heading "The tree"; folders end in a slash."""
    block = text.split("## The tree\n")[1].split("\n## ")[0]
    found: dict[str, str] = {}
    parent = ""
    for line in filter(str.strip, block.splitlines()):
        match = TREE_LINE.match(line)
        assert match, f"not `name   purpose`: {line!r}"
        if not match["indent"]:
            parent = match["name"]
        path = match["name"] if not match["indent"] else parent + match["name"]
        assert path not in found, f"{path} is there twice"
        found[path] = match["purpose"]
    return found


def tracked_top_level() -> set[str]:
    """What git would hold of the top level; without git, all that is there but caches."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        top = {name.split("/")[0].strip('"') for name in names if (ROOT / name).exists()}
    else:
        top = {path.name for path in ROOT.iterdir()} - NOT_PROJECT
    return {name + "/" if (ROOT / name).is_dir() else name for name in top}


def inner_folders() -> set[str]:
    """Folders directly inside the packages and the assets."""
    inside = [path for name in (*PACKAGES, "assets") for path in (ROOT / name).iterdir() if path.is_dir()]
    return {path.relative_to(ROOT).as_posix() + "/" for path in inside if path.name != "__pycache__"}


def test_tree_names_what_is_there():
    named = set(tree(readme()))
    there = tracked_top_level() | inner_folders()
    assert sorted(named - there) == [], "in the README only"
    assert sorted(there - named) == [], "in the tree only"


def test_every_purpose_is_its_own():
    purposes = list(tree(readme()).values())
    assert len(purposes) == len(set(purposes))


def test_a_line_without_purpose_is_seen():
    with pytest.raises(AssertionError, match="purpose"):
        tree("## The tree\n\n    app/\n\n## Licence\n")


def test_make_targets_exist():
    named = set(re.findall(r"\bmake (\w+)\b", "\n".join(code(readme()))))
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    assert {"app", "test"} <= named
    assert named <= targets


def test_modules_exist():
    named = set(re.findall(r"python -m ([\w.]+)", readme()))
    assert "hnet_core.convert" in named
    for name in named:
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), f"python -m {name}"


def test_paths_exist():
    """Every path of the tree's folders that is named in a command or a link, placeholders left out."""
    words = re.findall(r"(?:assets|docs|tests)/[\w./-]+", readme())
    assert words
    for word in words:
        path = word.rstrip(".")
        assert path == "assets/models/mine" or (ROOT / path).exists(), path


def code(text: str) -> list[str]:
    """Indented lines and spans in backquotes."""
    return re.findall(r"`([^`]+)`", text) + [line for line in text.splitlines() if line.startswith("    ")]
