/* Keeps the text where the eye is: beside the tables and plots that point at it, and in sight when a result has come. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const NARROW = 700; // pixels; as in page.css

  class Sight {
    /* id: of the viewer's component on the page; a viewer in a file of its own has none, and nothing around it. */
    constructor(viewer, id) {
      this.viewer = viewer;
      this.frame = id ? document.getElementById(id) : null;
      if (this.frame) this.frame.classList.add("seg-frame");
    }
    /* Scrolled down to the tables and plots, text and minimap stay on screen: what stands above them leaves it. */
    stick() {
      if (!this.frame) return;
      const { top } = this.viewer.map.node.getBoundingClientRect(),
        frame = this.frame.getBoundingClientRect(),
        above = Math.max(0, Math.floor(top - frame.top));
      this.frame.style.setProperty("--seg-above", `${above}px`);
      // What is scrolled to must not come to lie under it.
      this.frame.parentElement.style.setProperty("--seg-kept", `${Math.ceil(frame.height - above) + 8}px`);
    }
    /* Something points at the text: where the screen is too low for it to stay, it comes. */
    reveal() {
      const { scroller } = this.viewer,
        { top, bottom } = scroller.getBoundingClientRect();
      if (top < 0 || bottom > window.innerHeight) scroller.scrollIntoView({ block: "nearest" });
    }
    /* On a narrow screen the result of a run stands below the controls: it comes up, unless somebody is typing. */
    come() {
      if (!this.awaited) return;
      this.awaited = false;
      const { top } = this.viewer.map.node.getBoundingClientRect(),
        typing = /^(TEXTAREA|INPUT)$/.test(document.activeElement.tagName);
      if (this.frame && window.innerWidth < NARROW && !typing && top > window.innerHeight / 2)
        this.frame.scrollIntoView({ block: "start" });
    }
  }
  hnet.Sight = Sight;
})();
