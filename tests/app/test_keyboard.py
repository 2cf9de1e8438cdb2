"""The page without a mouse: the main job of Explore and DNA by keys alone, and every stop of Tab is seen."""

import pytest

from tests.app.test_browser import TEXT, shown_text, wait_loaded
from tests.app.test_genome_page import note, tracks_at

pytestmark = pytest.mark.browser

MOST = 140
"""Presses of Tab after which something is not reachable."""
# How an element and what stands close around it look, without and with the focus.
WATCH = """() => {
    const look = node => {
        const seen = [];
        for (let at = node, i = 0; at && i < 4; at = at.parentElement, i++) {
            const { outlineStyle, outlineWidth, boxShadow, borderColor, backgroundColor } = getComputedStyle(at);
            const outline = outlineStyle === "none" ? "" : outlineStyle + outlineWidth;
            seen.push([outline, boxShadow, borderColor, backgroundColor].join());
        }
        return seen.join("; ");
    };
    const plain = new Map();
    for (const node of document.querySelectorAll("a, button, input, textarea, select, [tabindex]")) {
        if (node !== document.activeElement) plain.set(node, look(node));
    }
    window.unseen = () => {
        const node = document.activeElement;
        return plain.has(node) && plain.get(node) === look(node);
    };
}"""
HERE = """() => {
    const node = document.activeElement, around = node.closest("[id]");
    const name = node.getAttribute("aria-label") || node.textContent.slice(0, 30);
    return `${node.tagName} ${name} #${around && around.id}`;
}"""


@pytest.fixture
def keys(page):
    """The page with colours at rest."""
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    return page


def tab_to(page, selector: str) -> None:
    """Press Tab until the focus is there."""
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{MOST} times Tab do not lead to {selector}; the last was {page.evaluate(HERE)}")


def open_tab(page, name: str) -> None:
    tab = page.get_by_role("tab", name=name, exact=True)
    tab.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("node => node.getAttribute('aria-selected') === 'true'", arg=tab.element_handle())


def unseen_stops(page) -> list[str]:
    """Where Tab stops from here to the end of the page without a sign."""
    page.evaluate(WATCH)
    found = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            return found
        if page.evaluate("window.unseen()"):
            found.append(page.evaluate(HERE))
    raise AssertionError(f"Tab never leaves the page; it stands at {page.evaluate(HERE)}")


def test_explore_by_keys(keys):
    page = keys
    tab_to(page, "#explore-source input:checked")
    page.keyboard.press("ArrowRight")  # a text of one's own
    tab_to(page, "#explore-text textarea")
    page.keyboard.insert_text(TEXT)
    tab_to(page, "#explore-run")
    page.keyboard.press("Enter")
    wait_loaded(page, "explore")
    assert shown_text(page, "explore") == TEXT.replace("\n", "↵")
    tab_to(page, "#explore-viewer .seg-scroll")
    page.keyboard.press("End")
    page.wait_for_function(
        "text => document.querySelector('#explore-viewer .seg-inspector').textContent.includes(text)",
        arg=f"{len(TEXT) - 1}",
    )
    page.keyboard.press("?")
    page.wait_for_selector("#explore-viewer dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#explore-viewer dialog", state="hidden")
    page.wait_for_selector("#explore-csv-all:not([disabled])")
    open_tab(page, "Explore")
    assert unseen_stops(page) == []


def test_dna_by_keys(keys):
    page = keys
    open_tab(page, "DNA")
    tab_to(page, "#dna-run")
    page.keyboard.press("Enter")
    page.wait_for_selector("#dna-genome .genome[data-loads='1']")
    tab_to(page, "#dna-find input, #dna-find textarea")
    page.keyboard.insert_text("nu3")
    page.keyboard.press("Enter")
    assert note(page, "dna-place-found").startswith("gene nu3 5,132-5,737 (+)")
    tracks_at(page, 5101, 5767)
    tab_to(page, "#dna-genome .genome-stage")
    page.keyboard.press("Home")
    tracks_at(page, 0, 48_502)
    page.keyboard.press("+")
    page.wait_for_selector("#dna-genome .genome[data-start='12126']")
    page.wait_for_selector("#dna-csv-all:not([disabled])")
    open_tab(page, "DNA")
    assert unseen_stops(page) == []


def test_every_stop_of_the_other_tabs_is_seen(keys):
    found = {}
    for name in ("Compare", "Generate", "Runs", "Models"):
        open_tab(keys, name)
        found[name] = unseen_stops(keys)
    assert not any(found.values()), found
