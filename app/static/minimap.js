/* The whole input in one strip: boundary rate, matches, and the window on screen, which can be dragged. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});

  class Minimap {
    constructor(viewer, make, parent) {
      this.viewer = viewer;
      this.node = make("div", "seg-map", parent);
      this.node.title = "the whole input: click or drag to go there";
      this.canvas = make("canvas", "", this.node);
      this.canvas.setAttribute("aria-hidden", "true"); // its keys are those of the text: Home, End, Page Up and Down
      this.window = make("div", "seg-map-window", this.node);
      this.node.addEventListener("pointerdown", (event) => this.onDown(event));
      this.node.addEventListener("pointermove", (event) => {
        if (event.buttons && this.held !== null) this.onDrag(event);
      });
    }
    draw() {
      hnet.paint.drawMap(this.canvas, this.viewer, this.node.clientWidth, this.node.clientHeight);
    }
    /* The rows [first, first + count) are on screen. */
    showWindow(first, count) {
      const { rowStarts, segments } = this.viewer,
        n = Math.max(1, segments.data.length),
        width = this.node.clientWidth;
      const byteAt = (row) => (row >= rowStarts.length ? n : rowStarts[Math.max(0, Math.floor(row))]);
      this.from = byteAt(first) / n;
      this.to = Math.max(byteAt(Math.ceil(first + count)) / n, this.from + 6 / Math.max(6, width));
      this.window.style.left = `${this.from * width}px`;
      this.window.style.width = `${(this.to - this.from) * width}px`;
    }
    shareOf(event) {
      const box = this.node.getBoundingClientRect();
      return (event.clientX - box.left) / box.width;
    }
    /* Grabbed inside, the window keeps its place under the pointer; elsewhere its middle comes to the pointer. */
    onDown(event) {
      if (!this.viewer.segments) return;
      this.node.setPointerCapture(event.pointerId);
      const share = this.shareOf(event),
        middle = (this.from + this.to) / 2;
      this.held = share >= this.from && share <= this.to ? share - middle : 0;
      if (!this.held) this.onDrag(event);
    }
    onDrag(event) {
      const { viewer } = this,
        share = Math.max(0, Math.min(1, this.shareOf(event) - this.held));
      viewer.scrollToRow(hnet.floorIndex(viewer.rowStarts, share * viewer.segments.data.length), true);
    }
  }
  hnet.Minimap = Minimap;
})();
