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
  hnet.showCards = (element, value) => {
    const list = document.createElement("div");
    list.className = "cards";
    for (const card of (value && value.cards) || []) {
      const article = add(list, "article", "");
      const heading = add(article, "h3", card.title);
      if (card.early) add(heading, "span", "early", "cards-early");
      if (card.note) add(article, "p", card.note);
      const facts = add(article, "dl", "");
      for (const [name, text] of card.facts) { add(facts, "dt", name); add(facts, "dd", text); }
    }
    if (!list.children.length) add(list, "p", "No model was found. Start the app with --models DIR, or put model folders into assets/models.");
    element.replaceChildren(list);
  };
})();
