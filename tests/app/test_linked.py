"""Text, plots and chunk table point at each other; an address leads to a place; saved runs, as a person uses them."""

import re

import pytest

from tests.app.conftest import running
from tests.app.test_browser import paste, toast, wait_loaded

pytestmark = pytest.mark.browser

TEXT = "It was the best of times, it was the worst of times.\n" * 12
VIEWER = "hnet.viewers['explore-viewer']"
IN_PLOT = """([k, at]) => {
    const graph = document.querySelector(`#explore-plot-${k} .js-plotly-plot`);
    const {_size: size, xaxis} = graph._fullLayout;
    graph.scrollIntoView({block: "center"});
    const box = graph.getBoundingClientRect();
    return [box.left + size.l + xaxis.d2p(at), box.top + size.t + size.h / 2];
}"""
DRAWN = """k => { const graph = document.querySelector(`#explore-plot-${k} .js-plotly-plot`);
    return graph && graph._fullLayout && graph.calcdata && graph.calcdata.length > 0; }"""


def test_plots_table_and_text_are_linked(page, session):
    paste(page, TEXT)
    for plot in range(4):
        page.wait_for_function(DRAWN, arg=plot)
    starts = page.evaluate(f"[...{VIEWER}.segments.groups[0].stages[0].starts]")
    prob = page.evaluate(f"[...{VIEWER}.segments.groups[0].stages[0].prob].map(p => p / 65535)")
    bin_ = int(sorted(prob)[len(prob) // 2] * 40)
    want = [i for i, p in enumerate(prob) if bin_ / 40 <= p < (bin_ + 1) / 40]
    x, y = page.evaluate(IN_PLOT, [0, (bin_ + 0.5) / 40])
    page.mouse.move(x, y)
    page.wait_for_function(f"{VIEWER}.lit.length > 0")
    assert page.evaluate(f"[...{VIEWER}.lit]") == [edge for i in want for edge in (i, i + 1)]
    page.mouse.click(x, y)
    page.wait_for_function(f"{VIEWER}.search.found.length === {2 * len(want)}")
    assert page.evaluate(f"{VIEWER}.caret") in want
    page.mouse.click(*page.evaluate(IN_PLOT, [2, 300]))
    page.wait_for_function(f"Math.abs({VIEWER}.caret - 300) <= 3")
    chunk = max(i for i, start in enumerate(starts) if start <= page.evaluate(f"{VIEWER}.caret"))
    page.wait_for_function(
        f"{VIEWER}.linked.rule.textContent.includes('data-index=\"{chunk % 100}\"')"
        f" && document.querySelector('#explore-page input').value === '{chunk // 100 + 1}'"
    )
    line = page.locator("#explore-plot-2 .seg-here")
    assert not line.is_hidden()
    row = page.locator("#explore-table .virtual-row").first
    row.scroll_into_view_if_needed()
    row.locator("[role=gridcell]").nth(1).hover()
    page.wait_for_function(f"{VIEWER}.lit.length === 2")
    assert page.evaluate(f"{VIEWER}.lit[0]") in starts
    page.wait_for_function("document.querySelector('#explore-bits textarea').value.includes('bits per byte')")
    page.wait_for_function(f"{VIEWER}.segments.bits")
    assert re.search(
        r"surprisal\s+\d+\.\d\d bits", page.locator("#explore-viewer .seg-inspector").inner_text()
    )


def test_figures_of_earlier_runs_are_forgotten(page):
    """A person who leaves the page open all day draws hundreds of them: each is a few hundred elements."""
    memory, nodes = page.context.new_cdp_session(page), []
    for n in range(4):
        paste(page, f"{n}{TEXT}", loads=n + 1)
        for plot in range(4):
            page.wait_for_function(DRAWN, arg=plot)
        page.wait_for_timeout(1000)  # old figures are looked for at most every 0.4 s
        memory.send("HeapProfiler.collectGarbage")
        nodes.append(memory.send("Memory.getDOMCounters")["nodes"])
    assert max(nodes[2:]) < 1.25 * nodes[1], nodes


def test_an_address_leads_to_model_sample_place_and_threshold(page, server):
    page.goto(f"{server.rstrip('/')}/?tab=explore&model=english_b&sample=python&at=120&threshold=0.4,")
    wait_loaded(page, "explore")
    page.wait_for_function(f"{VIEWER}.caret === 120")
    assert page.evaluate(f"{VIEWER}.segments.thresholds") == [0.4, None]
    assert "English, 2 stages" in page.locator("#explore-viewer .seg-facts").inner_text()
    page.locator("#explore-viewer .seg-address button").click()
    page.wait_for_function("location.search.includes('at=120')")
    assert set(page.evaluate("[...new URLSearchParams(location.search)].map(String)")) == {
        "tab,explore",
        "model,english_b",
        "sample,python",
        "at,120",
        "threshold,0.4,",
    }


def test_a_hostile_address_is_refused_and_the_page_works(page, server):
    page.goto(f"{server.rstrip('/')}/?sample=<img src=x onerror=window.hacked=1>&at=5")
    assert "asks for a sample that is not here" in toast(page)
    paste(page, "secret words")
    page.locator("#explore-viewer .seg-address button").click()
    page.wait_for_function("location.search.includes('model=')")
    assert "secret" not in page.url and page.evaluate("window.hacked") is None


def test_runs_are_saved_opened_and_deleted_by_clicks(visit, models_dir, tmp_path):
    with running(models_dir, "--runs", str(tmp_path / "runs")) as url:
        _save_open_delete(visit(url))


def _save_open_delete(page):
    paste(page, TEXT + "<b>${1}</b>")
    page.click("#explore-save")
    page.locator("#explore-saved").wait_for()
    assert page.locator("#explore-saved input, #explore-saved textarea").input_value().startswith("Saved")
    page.get_by_role("tab", name="Runs").click()
    page.locator("#runs-list .virtual-row [role=gridcell]").first.click()
    page.wait_for_function("document.querySelector('#runs-picked input').value.includes('pasted text')")
    page.click("#runs-open")
    wait_loaded(page, "runs")
    assert page.locator("#runs-viewer .seg-text").first.inner_text().startswith("It was the best")
    page.click("#runs-delete")
    page.wait_for_function("document.querySelector('#runs-line-said textarea').value.includes('tick')")
    page.locator("#runs-sure input").check()
    page.click("#runs-delete")
    page.wait_for_function("document.querySelector('#runs-line-said textarea').value.endsWith('is deleted.')")
    page.wait_for_function("!document.querySelector('#runs-list').innerText.includes('pasted text')")
