/* The address as a link: model, tab, place, thresholds, and the sample or saved run; never what somebody typed. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});

  class Address {
    constructor(viewer, make, parent) {
      this.viewer = viewer;
      this.node = make("span", "seg-address", parent);
      this.button = make("button", "", this.node, "link");
      Object.assign(this.button, { type: "button", title: "copy an address that leads to this model, place and threshold" });
      this.told = make("output", "seg-told", this.node);
      this.button.addEventListener("click", () => this.copy());
    }
    load(link) {
      this.link = link || {};
      this.told.textContent = "";
      this.node.hidden = !Object.keys(this.link).length || !location.protocol.startsWith("http");
    }
    get url() {
      const { segments, caret } = this.viewer, query = new URLSearchParams(this.link);
      if (caret) query.set("at", String(caret + segments.origin));
      if (segments.whatIf) query.set("threshold", segments.thresholds.map((each) => each ?? "").join(","));
      return `${location.origin}${location.pathname}?${query}`;
    }
    async copy() {
      const { url } = this, whole = this.link.sample || this.link.run;
      history.replaceState(null, "", url);
      let words = "link in the address bar";
      try { await navigator.clipboard.writeText(url); words = "link copied"; } catch { /* no clipboard without https */ }
      this.told.textContent = whole ? words : `${words}; your input is not in it`;
    }
    /* The place and thresholds that the address asked for, once what it asked for is shown. */
    arrive() {
      const goal = hnet.goal, { viewer } = this;
      if (!goal || viewer.id !== (goal.run ? "runs-viewer" : "explore-viewer")) return;
      hnet.goal = null;
      if (goal.threshold) viewer.whatIf.set(goal.threshold);
      if (goal.at) viewer.moveTo(goal.at - viewer.segments.origin);
    }
  }

  /* The page was opened with such an address; the server has checked it. */
  hnet.goto = (asked) => {
    if (!asked || !Object.keys(asked).length) return;
    hnet.goal = asked;
    const tab = [...document.querySelectorAll("[role=tab]")].find((each) => each.textContent.trim().toLowerCase() === asked.tab);
    if (tab) tab.click();
    const start = asked.run ? "#runs-open" : asked.sample ? "#explore-run" : "";
    if (start) setTimeout(() => document.querySelector(start).click(), 100); // its fields are filled by now
  };
  hnet.Address = Address;
})();
