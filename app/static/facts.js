/* Above the text: what was analysed, in words and figures, and what the marks mean. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});

  hnet.showFacts = (viewer, make, value) => {
    viewer.facts.replaceChildren();
    for (const [name, text] of value.facts || []) {
      const pair = make("div", "", viewer.facts);
      make("dt", "", pair, name);
      make("dd", "", pair, text);
    }
    viewer.note.replaceChildren();
    for (const alert of value.alerts || []) make("span", "seg-alert", viewer.note, alert);
    for (const note of value.notes || []) make("span", "", viewer.note, note);
    viewer.legend.replaceChildren();
    const { groups, differs, moved } = viewer.segments;
    const add = (className, text) => {
      const item = make("span", "", viewer.legend);
      make("i", className, item);
      item.append(text);
    };
    const ramp = make("span", "seg-ramp", viewer.legend, "a chunk, tinted by p of its first cut: 0.5");
    make("i", "seg-key-tint", ramp);
    ramp.append("1");
    add("seg-key-full", "a cut: height is p, the line is the threshold");
    add("seg-key-hollow", "p of a place without a cut");
    if (differs) add("seg-key-differ", "some models cut here, others do not; the line on top: how many do");
    if (moved)
      add(
        "seg-key-differ",
        "moved since the last run: a full mark is a new cut, a hollow one a cut that is gone",
      );
    if (groups.length > 1)
      groups.forEach((group) => make("b", "", viewer.legend, `${group.label}: ${group.name}`));
  };
})();
