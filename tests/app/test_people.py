"""The page for everybody: names for screen readers, contrast in light and dark, nothing wider than a phone."""

import pytest

pytestmark = pytest.mark.browser

TABS = ("Explore", "Compare", "DNA", "Generate", "Runs", "Models")
ROLES = {
    "button",
    "checkbox",
    "combobox",
    "link",
    "listbox",
    "menuitem",
    "option",
    "radio",
    "searchbox",
    "slider",
    "spinbutton",
    "switch",
    "tab",
    "textbox",
}
_COLOURS = """
  const parse = text => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith("color(srgb") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const over = (top, under) => under.map((c, i) => (i === 3 ? 1 : top[i] * top[3] + c * (1 - top[3])));
  const light = color => {
    const [r, g, b] = color.map(c => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = node => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null;
      layers.push(parse(style.backgroundColor));
      if (layers.at(-1)[3] === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const TYPED = "textarea, select, input:not([type=radio], [type=checkbox], [type=range], [type=file])";
  const shown = node => {
    const box = node.getBoundingClientRect();
    const off = node.closest(":disabled, [aria-disabled=true], .seg-row canvas");
    return !off && box.width >= 2 && node.checkVisibility({ visibilityProperty: true });
  };
"""
CONTRAST = (
    """() => {
"""
    + _COLOURS
    + """
  const low = [];
  const check = (node, text, style = getComputedStyle(node)) => {
    let faint = 1;
    for (let at = node; at; at = at.parentElement) faint *= Number(getComputedStyle(at).opacity);
    if (!shown(node) || faint === 0) return;
    const under = behind(node);
    if (!under) return;
    const ink = node.matches("text, tspan") ? style.fill : style.webkitTextFillColor || style.color;
    const color = parse(ink);
    color[3] *= faint;
    const size = parseFloat(style.fontSize);
    const need = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const found = ratio(over(color, under), under);
    if (found < need) {
      const where = node.closest("[id]");
      const name = `${node.tagName}.${node.getAttribute("class")} in #${where && where.id}`;
      low.push(`${found.toFixed(2)} ${text.slice(0, 30)} (${name})`);
    }
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const parent = text.parentElement;
    if (text.data.trim() && !parent.closest("script, style, noscript")) check(parent, text.data.trim());
  }
  for (const field of document.querySelectorAll(TYPED)) {
    const hint = !field.value && field.placeholder && field.placeholder.trim();
    if (hint) check(field, hint, getComputedStyle(field, "::placeholder"));
    else check(field, field.value || "field");
  }
  return [...new Set(low)];
}"""
)
EDGES = (
    """() => {
"""
    + _COLOURS
    + """
  const edge = node => {
    const style = getComputedStyle(node), under = node.parentElement && behind(node.parentElement);
    if (!under) return 0;
    const fill = parse(style.backgroundColor);
    const found = [ratio(over(fill, under), under)];
    for (const side of ["Top", "Right", "Bottom", "Left"]) {
      const drawn = parseFloat(style[`border${side}Width`]) >= 1 && style[`border${side}Style`] !== "none";
      found.push(drawn ? ratio(over(parse(style[`border${side}Color`]), under), under) : 1);
    }
    return Math.max(found[0], Math.min(...found.slice(1)));
  };
  const low = [];
  for (const field of document.querySelectorAll(`${TYPED}, input[type=checkbox], input[type=radio]`)) {
    const own = getComputedStyle(field).appearance !== "none" && field.matches("[type=checkbox], [type=radio]");
    // What only shows text, and the browser's own boxes (WCAG 1.4.11 leaves them out), need no edge.
    if (own || field.readOnly || !shown(field)) continue;
    const around = [field], alone = node => node.querySelectorAll(TYPED).length < 2;
    const room = Math.max(120, field.getBoundingClientRect().height + 24); // a list that holds what was picked
    for (let at = field.parentElement; alone(at) && at.getBoundingClientRect().height <= room; at = at.parentElement) {
      around.push(at);
    }
    const best = Math.max(...around.map(edge));
    const where = field.closest("[id]");
    if (best < 3) low.push(`${best.toFixed(2)} ${field.tagName} ${field.type} in #${where && where.id}`);
  }
  return [...new Set(low)];
}"""
)


def tabs(page) -> list[str]:
    """The tabs of the page, in order."""
    names = page.get_by_role("tab").all_inner_texts()
    assert set(names) <= set(TABS) and len(names) >= 5
    return names


def with_results(page) -> None:
    """An analysis and a comparison on the page, so that there is something to judge."""
    for tab in ("Compare", "Explore"):
        page.get_by_role("tab", name=tab, exact=True).click()
        page.click(f"#{tab.lower()}-run")
        page.wait_for_selector(f"#{tab.lower()}-viewer .seg[data-loads='1']")
        page.wait_for_selector(f"#{tab.lower()}-stop[disabled]")


def unnamed(page) -> list[str]:
    """Controls in Chromium's accessibility tree that have no name."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    found = []
    for node in tree["nodes"]:
        role = node.get("role", {}).get("value")
        if not node.get("ignored") and role in ROLES and not node.get("name", {}).get("value", "").strip():
            found.append(f"{role} {node.get('description', {}).get('value', '')} {node['backendDOMNodeId']}")
    return found


def test_every_tab_has_names_contrast_and_room(page):
    with_results(page)
    # Colours are judged where they come to rest.
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    problems = []
    for tab in tabs(page):
        page.get_by_role("tab", name=tab, exact=True).click()
        problems += [f"{tab}: no name: {each}" for each in unnamed(page)]
        for theme in ("light", "dark"):
            problems += [f"{tab}, {theme}: {each}" for each in page.evaluate(CONTRAST)]
            problems += [f"{tab}, {theme}, edge: {each}" for each in page.evaluate(EDGES)]
            page.click("#theme")
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            problems += [f"{tab}: {wide} px wide at {width}"] if wide > width else []
    assert not problems, "\n".join(["", *problems])


def test_contrast_is_measured(page):
    """The measure itself: grey on white at a known ratio is found, black is not."""
    grey, ink = (f"<p style='color:{color};background:#fff'>word</p>" for color in ("#777", "#000"))
    page.evaluate("html => { document.body.innerHTML = html; }", grey + ink)
    assert [each.split()[:2] for each in page.evaluate(CONTRAST)] == [["4.48", "word"]]
    hint = "<style>::placeholder {{ color: #777; opacity: 1 }}</style><input style='color:#000;background:#fff' {}>"
    page.evaluate("html => { document.body.innerHTML = html; }", hint.format("placeholder=hint"))
    assert [each.split()[:2] for each in page.evaluate(CONTRAST)] == [["4.48", "hint"]]
    page.evaluate("html => { document.body.innerHTML = html; }", hint.format("placeholder=hint value=x"))
    assert page.evaluate(CONTRAST) == []


def test_edges_are_measured(page):
    """The measure itself: a field with a faint edge is found, one with a strong edge or fill is not."""
    field = "<div style='background:#fff'><div><input value=x style='border:1px solid {};background:{}'></div></div>"
    edges = (("#ccc", "#fff"), ("#767676", "#fff"), ("#fff", "#333"), ("#fff", "#eee"))
    found = []
    for edge, fill in edges:
        page.evaluate("html => { document.body.innerHTML = html; }", field.format(edge, fill))
        found.append([each.split()[0] for each in page.evaluate(EDGES)])
    assert found == [["1.61"], [], [], ["1.16"]]
