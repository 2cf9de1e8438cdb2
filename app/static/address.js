/* The address as a link: tab, models, place, thresholds, and the sample or saved run; never what somebody typed. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});

  class Address {
    constructor(viewer, make, parent) {
      this.viewer = viewer;
      this.also = {}; // parts that other controls of the tab have set
      this.node = make("span", "seg-address", parent);
      this.button = make("button", "", this.node, "link");
      Object.assign(this.button, {
        type: "button",
        title: "copy an address that leads to these models, this place and threshold",
      });
      this.told = make("output", "seg-told", this.node);
      this.button.addEventListener("click", () => this.copy());
    }
    load(link) {
      this.link = link || {};
      this.told.textContent = "";
      this.node.hidden = !Object.keys(this.link).length || !location.protocol.startsWith("http");
    }
    get url() {
      const { segments, caret, anchor, range } = this.viewer,
        query = new URLSearchParams({ ...this.link, ...this.also });
      if (caret) query.set("at", String(caret + segments.origin));
      if (anchor !== null && !segments.bases)
        query.set("region", range.map((each) => each + segments.origin).join("-"));
      if (segments.whatIf) query.set("threshold", segments.thresholds.map((each) => each ?? "").join(","));
      return `${location.origin}${location.pathname}?${query}`;
    }
    async copy() {
      const { url } = this,
        whole = this.link.sample || this.link.run || this.link.example;
      history.replaceState(null, "", url);
      let words = "link in the address bar";
      try {
        await navigator.clipboard.writeText(url);
        words = "link copied";
      } catch {
        /* no clipboard without https */
      }
      this.told.textContent = whole ? words : `${words}; your input is not in it`;
    }
    /* The place and thresholds that the address asked for, once what it asked for is shown. */
    arrive() {
      const goal = hnet.goal,
        { viewer } = this,
        { origin, bases, data } = viewer.segments;
      if (!goal || viewer.id !== `${goal.tab}-viewer`) return;
      hnet.goal = null;
      if (goal.threshold) viewer.whatIf.set(goal.threshold);
      const [from, to] = (!bases && goal.region ? goal.region : [0, 0]).map((each) => each - origin);
      if (to > from && from < data.length) viewer.select(from, Math.min(to, data.length));
      else if (goal.at) viewer.moveTo(goal.at - origin);
    }
  }

  /* The page was opened with such an address; the server has checked it. */
  hnet.goto = (asked) => {
    if (!asked || !asked.tab) return;
    // On a narrow screen the last tabs are entries of a menu.
    const tab = [...document.querySelectorAll("[role=tab], .overflow-menu button")].find(
      (each) => each.textContent.trim().toLowerCase() === asked.tab,
    );
    if (tab) tab.click();
    if (!asked.starts) return;
    hnet.goal = asked;
    const start = asked.tab !== "runs" ? `#${asked.tab}-run` : asked.with ? "#runs-compare" : "#runs-open";
    setTimeout(() => document.querySelector(start).click(), 100); // its fields are filled by now
  };
  /* A control of the tab was changed that the link is to carry. */
  hnet.also = (id, name, value) => {
    if (hnet.viewers[id]) hnet.viewers[id].address.also[name] = String(value);
  };
  hnet.Address = Address;
})();
