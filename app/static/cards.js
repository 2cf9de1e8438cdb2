/* The model cards: text of model.json, entered by textContent only. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const add = (parent, tag, text, className) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    node.textContent = text;
    parent.appendChild(node);
    return node;
  };
  /* One curve over the bytes seen: a line, its last and first value in words beside it. A long chunk early on is cut off at the top. */
  const NS = "http://www.w3.org/2000/svg",
    WIDTH = 250,
    HEIGHT = 46;
  const addCurve = (parent, { name, points }) => {
    const sorted = points.map(([, y]) => y).sort((a, b) => a - b),
      low = sorted[0],
      high = sorted[Math.floor(0.95 * (sorted.length - 1))];
    const last = points[points.length - 1],
      figure = add(parent, "figure", "");
    const svg = document.createElementNS(NS, "svg"),
      line = document.createElementNS(NS, "polyline");
    const words = `${name}: ${last[1].toFixed(2)} after ${(last[0] / 1e6).toFixed(1)} MB`;
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", words);
    const at = ([x, y]) =>
      `${((x / last[0]) * WIDTH).toFixed(1)},${(2 + (HEIGHT - 4) * (1 - (Math.min(y, high) - low) / (high - low || 1))).toFixed(1)}`;
    line.setAttribute("points", points.map(at).join(" "));
    svg.appendChild(line);
    figure.appendChild(svg);
    add(figure, "figcaption", `${words}, ${points[0][1].toFixed(2)} at first`);
  };
  hnet.showCards = (element, value) => {
    const list = document.createElement("div");
    list.className = "cards";
    for (const card of (value && value.cards) || []) {
      const article = add(list, "article", "");
      const heading = add(article, "h3", card.title);
      if (card.early) add(heading, "span", "early", "cards-early");
      if (card.note) add(article, "p", card.note);
      if (card.goal) {
        const { met, words, reached } = card.goal,
          goal = add(
            article,
            "p",
            "",
            `cards-goal ${met ? (card.early ? "cards-early-met" : "") : "cards-missed"}`,
          );
        // A modest goal can be met by a model that is early all the same: nothing to be green about.
        add(
          goal,
          "b",
          met ? (card.early ? "goal met, and early all the same: " : "✓ goal met: ") : "✗ goal missed: ",
        );
        goal.append(`${reached}. `);
        add(goal, "span", `The goal: ${words}.`);
      }
      const facts = add(article, "dl", "");
      if (card.curves && card.curves.length) {
        const details = add(article, "details", "");
        details.open = true;
        add(details, "summary", "training curves");
        for (const curve of card.curves) addCurve(details, curve);
      }
      const fill = (list, pairs) => {
        for (const [name, text] of pairs) {
          add(list, "dt", name);
          add(list, "dd", text);
        }
      };
      fill(facts, card.facts);
      for (const section of card.sections) {
        const details = add(article, "details", "");
        add(details, "summary", section.name);
        fill(add(details, "dl", ""), section.facts);
      }
    }
    if (!list.children.length)
      add(
        list,
        "p",
        "No model was found. Start the app with --models DIR, or put model folders into assets/models.",
      );
    element.replaceChildren(list);
  };
})();
