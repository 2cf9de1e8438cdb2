/* On Explore a short text is analysed while it is typed; on every tab Ctrl+Enter starts the work at once. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const PAUSE = 1000,
    LARGEST = 5000, // ms without a key; bytes
    FRESH = 3000; // ms in which pressing the button too asks for nothing new
  let waiting = 0,
    began = -Infinity;

  const soon = (field) => {
    clearTimeout(waiting);
    began = -Infinity; // what has begun is of another text
    if (!field.value || new Blob([field.value]).size >= LARGEST) return;
    waiting = setTimeout(() => {
      document.querySelector("#explore-run").click();
      began = performance.now();
    }, PAUSE);
  };
  /* A run has begun: what was typed is under way. */
  hnet.begun = (tab) => {
    if (tab === "explore") clearTimeout(waiting);
  };

  const controls = (event) => event.target.closest && event.target.closest(".controls");
  document.addEventListener(
    "input",
    (event) => {
      if (!controls(event)) return;
      if (event.target.matches("#explore-text textarea")) soon(event.target);
      else began = -Infinity; // another model: the button asks for something new
    },
    true,
  );
  window.addEventListener(
    "click",
    (event) => {
      if (!controls(event) || !event.isTrusted) return;
      const pressed = event.target.closest("#explore-run") && performance.now() - began < FRESH;
      if (pressed) event.stopImmediatePropagation();
      else if (!event.target.closest("#explore-text")) began = -Infinity;
    },
    true,
  );

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
    const around = event.target.matches && event.target.matches("textarea") && controls(event),
      start = around && around.querySelector("button[id$='-run']");
    if (!start || start.disabled) return;
    event.preventDefault();
    start.click();
  });
})();
