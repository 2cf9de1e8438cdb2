/* While a run is under way, and after one that gave nothing, what stands on the tab is of the run before: it says so. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});

  /* name: prefix of the tab's element ids */
  hnet.former = (name) => {
    hnet.begun(name);
    const shown = hnet.viewers[`${name}-viewer`];
    if (shown) shown.sight.awaited = true;
    const viewer = document.querySelector(`#${name}-viewer .seg`),
      loads = viewer && viewer.dataset.loads;
    if (!Number(loads)) return;
    const results = viewer.closest(".picture");
    results.classList.add("former");
    const below = results.querySelector(".evidence");
    if (below) below.classList.add("late", "late-bits");
    new MutationObserver((_, watching) => {
      if (viewer.dataset.loads === loads) return;
      results.classList.remove("former");
      watching.disconnect();
    }).observe(viewer, { attributes: true, attributeFilter: ["data-loads"] });
  };
  /* What stands below the new picture is of it too now: "late", tables and plots; "late-bits", surprisal. */
  hnet.arrived = (name, what = "late") => {
    const viewer = document.querySelector(`#${name}-viewer`),
      below = viewer && viewer.closest(".picture").querySelector(".evidence");
    if (below) below.classList.remove(what);
  };
})();
