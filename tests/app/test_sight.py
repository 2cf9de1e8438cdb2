"""What the eye meets: tints that mean p, a text that stays in sight, nothing that jumps, dark that is remembered."""

from itertools import pairwise

import pytest

from tests.app.conftest import ROOT, running
from tests.app.test_browser import choose, paste, problem, wait_loaded

pytestmark = pytest.mark.browser

TEXT = "It was the best of times, it was the worst of times.\n" * 12
VIEWER = "hnet.viewers['explore-viewer']"
TINTS = f"""() => {{
    const viewer = {VIEWER}, stage = viewer.segments.groups[0].stages[0], out = [];
    for (const row of viewer.rows) {{
        const {{ canvas }} = row, context = canvas.getContext('2d'), ratio = canvas.width / canvas.clientWidth;
        stage.starts.forEach((start, i) => {{
            if (start < row.start || stage.endOf(i) > row.end) return;
            const x = row.edges.right[stage.endOf(i) - 1 - row.start] - 2, y = viewer.shape.text + 2;
            const alpha = context.getImageData(Math.round(x * ratio), Math.round(y * ratio), 1, 1).data[3];
            const edge = row.edges.left[start - row.start] + 0.5;
            const gap = context.getImageData(Math.round(edge * ratio), Math.round(y * ratio), 1, 1).data[3];
            out.push([stage.startProb[i] / 65535, alpha, gap]);
        }});
    }}
    return out;
}}"""
"""Of every chunk on screen: p of its first cut, opacity of its tint near its end and in the gap before it."""
IN_SIGHT = f"""() => {{
    const {{ top, bottom }} = {VIEWER}.scroller.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight && scrollY > 200;
}}"""


def test_the_surer_of_two_chunks_is_the_darker_one(page):
    paste(page, TEXT)
    tints = page.evaluate(TINTS)
    assert len(tints) > 40 and all(gap == 0 for _, _, gap in tints[1:])
    pairs = [(a, b) for a in tints for b in tints if a[0] > b[0] + 0.01]
    assert len(pairs) > 100 and all(sure[1] > unsure[1] for sure, unsure in pairs)
    assert max(alpha for _, alpha, _ in tints) > 3 * min(alpha for _, alpha, _ in tints)


def test_the_legend_shows_the_ramp_and_its_ends(page):
    paste(page, TEXT)
    legend = page.locator("#explore-viewer .seg-legend")
    assert "tinted by p of its first cut: 0.51" in legend.text_content()
    ramp = legend.locator(".seg-key-tint").evaluate("node => getComputedStyle(node).backgroundImage")
    assert ramp.startswith("linear-gradient(to right")


def test_a_tick_is_a_height_and_the_threshold_a_line(page):
    paste(page, TEXT)
    lane, height = page.evaluate(f"[{VIEWER}.shape.laneHeight, {VIEWER}.shape.lanes[0][0]]")
    assert lane >= 16
    line = f"""at => {{
        const row = [...{VIEWER}.rows][0], context = row.canvas.getContext('2d');
        const ratio = row.canvas.width / row.canvas.clientWidth, bytes = row.end - row.start;
        let drawn = 0;
        for (let i = 0; i < bytes; i++) {{
            const x = row.edges.right[i] - 1;
            drawn += context.getImageData(Math.round(x * ratio), Math.round(at * ratio) - 1, 1, 2).data[3] > 0;
        }}
        return drawn / bytes;
    }}"""
    assert page.evaluate(line, height + lane / 2) > 0.9
    page.evaluate(f"{VIEWER}.whatIf.set([0.75])")
    assert page.evaluate(line, height + lane / 4) > 0.9


def test_a_click_in_a_table_or_plot_moves_a_text_that_is_in_sight(page):
    paste(page, TEXT * 4)
    page.wait_for_selector("#explore-table .virtual-row")
    page.wait_for_selector("#explore-plot-2 .js-plotly-plot .main-svg")
    row = page.locator("#explore-table .virtual-row").nth(3)
    row.scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#explore-table').scrollIntoView({ block: 'end' })")
    row.locator("[role=gridcell]").nth(1).click()
    page.wait_for_function(f"{VIEWER}.caret === {VIEWER}.segments.groups[0].stages[0].starts[3]")
    assert page.evaluate(IN_SIGHT)
    page.evaluate("document.querySelector('#explore-plot-2').scrollIntoView({ block: 'end' })")
    box = page.locator("#explore-plot-2 .nsewdrag").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function(f"{VIEWER}.caret > 500")
    assert page.evaluate(IN_SIGHT)
    page.set_viewport_size({"width": 1100, "height": 450})  # twice as large letters: no room for both
    page.evaluate("document.querySelector('#explore-table').scrollIntoView({ block: 'end' })")
    row.locator("[role=gridcell]").nth(1).click()
    page.wait_for_function(f"{VIEWER}.scroller.getBoundingClientRect().top >= -1")


def test_on_a_phone_a_result_comes_up_once(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.click("#explore-run")
    wait_loaded(page, "explore")
    in_sight = "document.querySelector('#explore-viewer .seg-map').getBoundingClientRect().top < innerHeight"
    page.wait_for_function(in_sight)
    assert page.evaluate("scrollY") > 100
    page.evaluate("scrollTo(0, 0)")
    page.evaluate(f"{VIEWER}.sight.come()")  # as for every picture that no run has asked for
    assert page.evaluate("scrollY") == 0


def test_tables_end_at_their_frame(page):
    paste(page, TEXT)
    page.wait_for_selector("#explore-table .virtual-row")
    edges = """id => {
        const right = node => node.getBoundingClientRect().right;
        const cells = document.querySelectorAll(`${id} .virtual-row:first-child > [role=gridcell]`);
        return [right(cells[cells.length - 1]), right(document.querySelector(id))];
    }"""
    last, frame = page.evaluate(edges, "#explore-table")
    assert frame - 3 <= last <= frame
    page.get_by_role("tab", name="Compare").click()
    page.click("#compare-run")
    page.wait_for_selector("#compare-table .virtual-row")
    last, frame = page.evaluate(edges, "#compare-table")
    assert last <= frame  # q is in sight


def test_nothing_jumps_while_the_viewer_speaks(page):
    paste(page, TEXT)
    where = f"{VIEWER}.scroller.getBoundingClientRect().top"
    before = page.evaluate(where)
    page.locator("#explore-viewer .seg-search input").fill("times")
    page.locator("#explore-viewer .seg-search input").press("Enter")
    page.wait_for_function(f"{VIEWER}.search.told.textContent.includes('1 of')")
    page.evaluate(f"{VIEWER}.unsure.step(1)")
    page.evaluate(f"{VIEWER}.whatIf.set([0.8])")
    assert "trained rule" in page.locator("#explore-viewer .seg-warning").inner_text()
    assert abs(page.evaluate(where) - before) <= 2


def test_what_is_not_of_the_controls_is_dimmed(page):
    paste(page, TEXT)
    page.wait_for_selector("#explore-table .virtual-row")
    opacity = "document.querySelector('#explore-table').closest('.evidence > *')"
    shown = f"Number(getComputedStyle({opacity}).opacity)"
    assert page.evaluate(shown) == 1
    page.evaluate(f"{VIEWER}.whatIf.set([0.8])")
    assert page.evaluate(shown) < 0.7
    page.evaluate(f"{VIEWER}.whatIf.toTrained()")
    page.wait_for_function(f"{shown} === 1")
    page.locator("#explore-text textarea").fill("")
    page.click("#explore-run")
    assert "empty" in problem(page, "explore")
    page.wait_for_function(
        "Number(getComputedStyle(document.querySelector('#explore-viewer')).opacity) < 0.7"
    )


def test_tables_plots_and_surprisal_of_the_run_before_are_dim_until_theirs_have_come(page):
    paste(page, TEXT)
    below = "document.querySelector('.picture:has(#explore-viewer) .evidence').classList"
    page.wait_for_function("document.querySelector('#explore-bits textarea').value.includes('bits per byte')")
    page.wait_for_function(f"!{below}.contains('late') && !{below}.contains('late-bits')")
    page.evaluate(
        f"""() => {{
            window.seen = new Set();
            new MutationObserver(() => {below}.forEach(each => seen.add(
                each + (document.querySelector('.former') ? '' : ' below a new picture')
            ))).observe(document.body, {{ subtree: true, attributes: true, attributeFilter: ['class'] }});
        }}"""
    )
    paste(page, "Another text. " * 30, 2)
    page.wait_for_function(f"!{below}.contains('late') && !{below}.contains('late-bits')")
    assert page.evaluate("[...seen]").count("late-bits below a new picture") == 1
    assert "late below a new picture" in page.evaluate("[...seen]")


def test_dark_stays(page):
    page.click("#theme")
    assert page.evaluate("document.body.classList.contains('dark')")
    page.reload()
    page.wait_for_function("document.body && document.body.classList.contains('dark')")
    page.click("#theme")
    page.reload()
    page.wait_for_selector("#explore-run")
    page.wait_for_timeout(500)
    assert not page.evaluate("document.body.classList.contains('dark')")


def test_a_short_text_is_analysed_while_it_is_typed_and_a_long_one_by_ctrl_enter(page):
    choose(page, "explore", "Paste")
    field = page.locator("#explore-text textarea")
    field.press_sequentially("It was the best of times")
    page.wait_for_function("document.querySelector('#explore-stop:not([disabled])')")
    page.click("#explore-run")  # a moment later, by hand: it is under way, or done
    wait_loaded(page, "explore")
    page.wait_for_timeout(2000)
    assert page.evaluate(f"{VIEWER}.root.dataset.loads") == "1"
    field.fill("x" * 6000)
    page.wait_for_timeout(1500)
    assert page.evaluate(f"{VIEWER}.root.dataset.loads") == "1"
    field.press("Control+Enter")
    wait_loaded(page, "explore", 2)


def test_a_paste_that_is_too_long_is_refused_not_cut(page):
    choose(page, "explore", "Paste")
    page.locator("#explore-text textarea").evaluate(
        """node => { node.value = 'It was. '.repeat(150_001); node.dispatchEvent(new Event('input')); }"""
    )
    page.click("#explore-run")
    assert problem(page, "explore").startswith("pasted text: 1,200,008 characters, at most 1,000,000")


def test_bare_bases_are_dna(page):
    paste(page, "acgtTGCAGGAT" * 10 + "\n" + "ACGTN" * 4)
    facts = page.locator("#explore-viewer .seg-facts").inner_text().replace("\n", " ")
    assert "DNA" in facts and "140" in facts and "DNA, 2 stages" in facts
    page.get_by_role("tab", name="DNA", exact=True).click()
    choose(page, "dna", "Paste")
    page.locator("#dna-text textarea").fill("1 acgttgcagg atacgttgca\n21 ggatacgttg")
    page.click("#dna-run")
    wait_loaded(page, "dna")
    assert "pasted" in page.locator("#dna-viewer .seg-facts").inner_text()


def test_a_foreign_input_is_told_in_a_line_that_is_seen(page):
    paste(page, "Der Hund ist nicht im Haus, und die Katze auch nicht.")
    alert = page.locator("#explore-viewer .seg-alert").first
    assert alert.inner_text() == (
        "This model was trained on English; this input does not look like English: expect noise."
    )
    colour = "getComputedStyle(document.querySelector('#explore-viewer .seg-alert')).color"
    warn = "getComputedStyle(document.querySelector('#explore-viewer .seg-note')).color"
    assert page.evaluate(colour) != page.evaluate(warn)


def test_radio_buttons_are_one_group_with_a_ring(page):
    page.wait_for_function(
        "new Set([...document.querySelectorAll('#explore-source input')].map(each => each.name)).size === 1"
    )
    page.locator("#explore-source input").first.focus()
    page.keyboard.press("ArrowRight")
    page.locator("#explore-text").wait_for()
    ring = """() => {
        const label = document.activeElement.closest('label');
        return getComputedStyle(label).outlineStyle + ' ' + document.activeElement.value;
    }"""
    assert page.evaluate(ring) == "solid paste"


def test_models_come_domain_by_domain_the_best_first_with_their_figures(visit):
    with running(ROOT / "assets" / "models") as url:
        page = visit(url)
        page.locator("#explore-model input").click()
        listed = page.get_by_role("option").all_inner_texts()
    figures = [each.rsplit(" · ", 1) for each in listed if " · " in each]
    domains = [title.split(",")[0] for title, _ in figures]
    english = [float(bits.split()[0]) for title, bits in figures if title.startswith("English")]
    assert len(english) > 3 and english == sorted(english)
    assert domains[: len(english)] == ["English"] * len(english) and len(figures) >= 16
    assert [domain for domain, after in pairwise([*domains, ""]) if domain != after] == [
        "English",
        "Chinese",
        "Python",
        "Python and JavaScript",
        "DNA",
    ]


def test_plots_have_one_toolbar(page):
    paste(page, TEXT)
    page.wait_for_selector("#explore-plot-0 .save-figure")
    page.locator("#explore-plot-0 .js-plotly-plot").hover()
    assert page.locator("#explore-plot-0 .modebar-btn").filter(visible=True).count() == 0
