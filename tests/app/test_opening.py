"""The page before anybody asked for anything, and the three ways into it."""

import base64
import json

import numpy as np
import pytest

from app.explore import opening
from app.server.session import Session
from tests.app.conftest import ROOT, running
from tests.app.test_browser import shown_text, wait_loaded

BUNDLED = ROOT / "assets" / "models"


def unpacked(stage: dict) -> tuple[np.ndarray, bytes]:
    return np.frombuffer(base64.b64decode(stage["prob"]), "<u2").astype(int), base64.b64decode(stage["bits"])


def test_what_is_kept_is_what_the_model_says():
    kept, made = opening.kept(Session(BUNDLED, "cpu")), opening.made(Session(BUNDLED, "cpu"))
    for name in ("bytes", "facts", "notes", "alerts", "link", "key", "opening"):
        assert kept[name] == json.loads(json.dumps(made[name])), name
    assert [group["name"] for group in kept["groups"]] == [group["name"] for group in made["groups"]]
    for one, other in zip(kept["groups"][0]["stages"], made["groups"][0]["stages"], strict=True):
        (p, bits), (q, cuts) = unpacked(one), unpacked(other)
        assert (
            bits == cuts and np.abs(p - q).max() <= 65
        )  # a thousandth: another processor adds in another order


def test_it_is_not_shown_where_another_model_cuts(models_dir):
    assert opening.kept(Session(models_dir, "cpu")) is None


@pytest.fixture(scope="module")
def bundled():
    with running(BUNDLED) as url:
        yield url


@pytest.mark.browser
def test_the_page_opens_with_a_result_and_says_what_it_is(visit, bundled):
    page = visit(bundled)
    wait_loaded(page, "explore")
    assert shown_text(page, "explore").startswith("Arthur Conan Doyle↵")
    box = page.locator("#explore-viewer .seg-scroll").bounding_box()
    assert box["y"] + 200 < 900
    assert "An H-Net reads bytes and learns by itself where to cut them" in page.locator(".top").inner_text()
    links = page.locator(".top a").evaluate_all("nodes => nodes.map(node => node.href)")
    assert links[0].endswith("arxiv.org/abs/2507.07955")
    assert base64.b64decode(links[1].partition("base64,")[2]) == (ROOT / "README.md").read_bytes()
    for below in ("#explore-table", "#explore-csv-all", "#explore-plot-0", "#explore-bits"):
        assert not page.locator(below).is_visible()


@pytest.mark.browser
def test_three_entrances_lead_to_chunks(visit, bundled):
    page = visit(bundled)
    wait_loaded(page, "explore")
    page.click("#enter-code")
    wait_loaded(page, "explore", 2)
    assert "python_textwrap.py" in page.locator("#explore-viewer .seg-facts").inner_text()
    assert page.locator("#explore-table").is_visible()
    page.click("#enter-text")
    wait_loaded(page, "explore", 3)
    assert "english_hound.txt" in page.locator("#explore-viewer .seg-facts").inner_text()
    page.click("#enter-dna")
    wait_loaded(page, "dna")
    assert page.locator("#dna-viewer").is_visible()
