/* A short text is analysed while it is typed; Ctrl+Enter starts the work of the tab at once. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const PAUSE = 700,
    LARGEST = 5000; // ms without a key; bytes
  const waiting = {};

  hnet.soon = (tab) => {
    clearTimeout(waiting[tab]);
    const field = document.querySelector(`#${tab}-text textarea`);
    if (!field || !field.value || new Blob([field.value]).size >= LARGEST) return;
    waiting[tab] = setTimeout(() => document.querySelector(`#${tab}-run`).click(), PAUSE);
  };
  /* A run has begun: what was typed is under way. */
  hnet.begun = (tab) => clearTimeout(waiting[tab]);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
    const field = event.target.closest && event.target.closest(".controls textarea"),
      start = field && field.closest(".controls").querySelector("button[id$='-run']");
    if (!start || start.disabled) return;
    event.preventDefault();
    start.click();
  });
})();
