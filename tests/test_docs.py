"""Pages that people read: for whom they are, how long they may be, and that what they name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
LONGEST = {"findings.md": 150, "training.md": 250}
"""Page -> its most lines."""
SCREEN = 45
"""Lines of the README before the tree of folders."""
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def name_of(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_first_line_says_for_whom_the_page_is(page):
    first, blank, title = page.read_text(encoding="utf-8").splitlines()[:3]
    assert first.startswith("For ") and first.endswith(".") and len(first) <= 120
    assert not blank and title.startswith("# ")


@pytest.mark.parametrize("name", LONGEST)
def test_pages_that_were_long_stay_short(name):
    assert len((ROOT / "docs" / name).read_text(encoding="utf-8").splitlines()) <= LONGEST[name]


def test_the_readme_is_one_screen_before_the_tree():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines.index("## The tree") <= SCREEN
    assert len([line for line in lines if re.match(r"\d\. \*\*", line)]) == 5


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=name_of)
def test_links_lead_to_files_that_are_there(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_that_are_named_are_there(page):
    for name in re.findall(
        r"python -m ((?:analysis|app|hnet_core|kernels)[\w.]*)", page.read_text(encoding="utf-8")
    ):
        path = ROOT / name.rstrip(".").replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name


def test_a_link_and_its_place_are_told_apart():
    assert LINK.findall("[a](b.md#c) and [d](e.csv), [f](https://g)") == ["b.md", "e.csv", "https://g"]
