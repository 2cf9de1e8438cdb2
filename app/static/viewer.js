/* The segment viewer: rows on screen as DOM, everything else as typed arrays. User text enters by textContent only. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const OVERSCAN = 5, TALLEST = 12000000; // browsers clip taller elements; beyond it one pixel stands for several

  function make(tag, className, parent, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    if (parent) parent.appendChild(node);
    return node;
  }

  class Viewer {
    constructor(element) {
      this.root = make("div", "seg", element);
      this.facts = make("dl", "seg-facts", this.root);
      this.note = make("p", "seg-note", this.root);
      this.legend = make("div", "seg-legend", this.root);
      this.map = make("div", "seg-map", this.root);
      this.mapCanvas = make("canvas", "", this.map);
      this.mapCanvas.setAttribute("aria-hidden", "true");
      this.mapWindow = make("div", "seg-map-window", this.map);
      this.scroller = make("div", "seg-scroll", this.root);
      this.spacer = make("div", "seg-spacer", this.scroller);
      this.caretBox = make("div", "seg-caret", this.spacer);
      this.inspector = new hnet.Inspector(this.root, make);
      this.empty = make("p", "seg-empty", this.root);
      this.probe = make("span", "seg-probe", this.root, "0".repeat(100));
      this.rows = new Map();
      this.describe();
      this.listen();
    }

    describe() {
      const { scroller } = this;
      scroller.tabIndex = 0;
      scroller.setAttribute("role", "application");
      scroller.setAttribute("aria-roledescription", "segment viewer");
      scroller.setAttribute("aria-label",
        "Segments. Arrow keys move by character and row, n and p jump to the next and previous boundary, Home and End to the ends.");
    }

    listen() {
      this.scroller.addEventListener("scroll", () => this.schedule());
      this.scroller.addEventListener("pointermove", (event) => this.onPoint(event, false));
      this.scroller.addEventListener("pointerleave", () => this.inspector.show(this.segments, this.caret));
      this.scroller.addEventListener("pointerdown", (event) => this.onPoint(event, true));
      this.scroller.addEventListener("keydown", (event) => hnet.onKey(this, event));
      this.map.addEventListener("pointerdown", (event) => { this.map.setPointerCapture(event.pointerId); this.onMap(event); });
      this.map.addEventListener("pointermove", (event) => { if (event.buttons) this.onMap(event); });
      new ResizeObserver(() => this.onResize()).observe(this.root);
      const redraw = () => { this.colours = null; this.rebuild(); };
      new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
      if (document.fonts) document.fonts.ready.then(() => this.onResize(true));
    }

    /* value: the JSON of app/viewer.py, or null for the empty page with one line on what to do. */
    load(value) {
      const began = performance.now();
      const bare = !value || !value.groups;
      this.root.classList.toggle("seg-is-empty", bare);
      this.empty.textContent = bare ? (value && value.hint) || "" : "";
      if (bare) { this.segments = null; this.clear(); return; }
      this.segments = new hnet.Segments(value);
      this.shape = hnet.paint.geometry(this.segments);
      this.caret = 0;
      this.showFacts(value);
      this.scroller.scrollTop = 0;
      this.width = 0;
      this.onResize(true);
      this.inspector.show(this.segments, 0);
      this.root.dataset.loads = Number(this.root.dataset.loads || 0) + 1;
      this.root.dataset.openMs = (performance.now() - began).toFixed(1);
    }

    showFacts(value) {
      this.facts.replaceChildren();
      for (const [name, text] of value.facts || []) {
        const pair = make("div", "", this.facts);
        make("dt", "", pair, name);
        make("dd", "", pair, text);
      }
      this.note.textContent = (value.notes || []).join(" ");
      this.legend.replaceChildren();
      const { groups, differs } = this.segments;
      const add = (className, text) => { const item = make("span", "", this.legend); make("i", className, item); item.append(text); };
      add("seg-key-tint", "a chunk: the stronger the tint, the surer its first cut");
      add("seg-key-full", "cut, height = p");
      add("seg-key-hollow", "no cut, p ≤ 0.5");
      if (differs) add("seg-key-differ", "one model cuts here, the other does not");
      if (groups.length > 1) groups.forEach((group) => make("b", "", this.legend, `${group.label}: ${group.name}`));
    }

    onResize(force = false) {
      if (!this.segments) return;
      const width = this.scroller.clientWidth;
      if (!width || (!force && width === this.width)) return;
      const keep = this.rowStarts && !force ? this.rowStarts[this.firstRow] : 0;
      this.width = width;
      this.cellWidth = this.probe.getBoundingClientRect().width / 100;
      const digits = String(this.segments.origin + this.segments.data.length).length;
      this.gutter = Math.ceil((Math.max(4, digits) + 1.5) * this.cellWidth * 0.86) + (this.segments.groups.length > 1 ? 12 : 0);
      const room = width - this.gutter - 10, { bases } = this.segments;
      this.columns = bases ? bases.perRow + Math.ceil(bases.perRow / bases.group - 1) * 0.5 : Math.max(8, Math.min(120, Math.floor(room / this.cellWidth)));
      this.rowWidth = Math.ceil(this.columns * this.cellWidth) + 2;
      this.rowStarts = this.segments.layOut(this.columns);
      this.place(keep);
    }

    place(keep) {
      const total = this.rowStarts.length * this.shape.height;
      this.scale = Math.max(1, total / TALLEST);
      this.spacer.style.height = `${total / this.scale}px`;
      this.spacer.style.minWidth = `${this.gutter + this.rowWidth}px`;
      this.root.style.setProperty("--seg-gutter", `${this.gutter}px`);
      this.root.style.setProperty("--seg-cell", `${this.cellWidth}px`);
      if (keep) this.scrollToRow(hnet.floorIndex(this.rowStarts, keep), false);
      this.rebuild();
    }

    clear() { for (const row of this.rows.values()) row.node.remove(); this.rows.clear(); }
    rebuild() { if (this.segments && this.rowStarts) { this.clear(); this.drawMap(); this.render(); } }
    schedule() { if (!this.pending) this.pending = requestAnimationFrame(() => { this.pending = 0; this.render(); }); }

    render() {
      if (!this.segments || !this.width) return;
      this.colours = this.colours || hnet.paint.palette(this.root);
      const { height } = this.shape, view = this.scroller.clientHeight, top = this.scroller.scrollTop;
      const exact = this.scale === 1 ? top / height : (top / Math.max(1, this.spacer.offsetHeight - view)) * (this.rowStarts.length - view / height);
      this.firstRow = Math.max(0, Math.floor(exact));
      this.shift = this.scale === 1 ? 0 : top - exact * height;
      const from = Math.max(0, this.firstRow - OVERSCAN), to = Math.min(this.rowStarts.length, Math.ceil(exact + view / height) + OVERSCAN);
      for (const [index, row] of this.rows) if (index < from || index >= to) { row.node.remove(); this.rows.delete(index); }
      for (let index = from; index < to; index++) {
        if (!this.rows.has(index)) this.rows.set(index, this.build(index));
        this.rows.get(index).node.style.top = `${index * height + this.shift}px`;
      }
      this.showCaret();
      this.showWindow(exact, view / height);
    }

    rowOf(index) {
      const start = this.rowStarts[index];
      const end = index + 1 < this.rowStarts.length ? this.rowStarts[index + 1] : this.segments.data.length;
      return { index, start, end, cells: this.segments.cells(start, end) };
    }

    build(index) {
      const row = this.rowOf(index);
      row.node = make("div", "seg-row", this.spacer);
      row.node.style.height = `${this.shape.height}px`;
      const ruler = make("span", "seg-ruler", row.node, String(row.start + this.segments.origin).padStart(4, "0"));
      ruler.style.top = `${this.shape.text}px`;
      if (this.segments.groups.length > 1) this.segments.groups.forEach((group, g) => {
        make("span", "seg-label", row.node, group.label).style.top = `${this.shape.lanes[g][0] - 2}px`;
      });
      hnet.paint.drawRow(make("canvas", "", row.node), this, row);
      row.node.lastChild.setAttribute("aria-hidden", "true");
      const line = make("div", "seg-text", row.node);
      line.style.top = `${this.shape.text}px`;
      this.fill(line, row.cells);
      return row;
    }

    /* Plain characters share text nodes; whatever could move its neighbours gets a box of exactly its cells. */
    fill(line, cells) {
      let plain = "";
      const flush = () => { if (plain) line.append(plain); plain = ""; };
      for (const cell of cells) {
        if (cell.gap) { flush(); make("span", "seg-gap", line); }
        if (cell.kind === "text" || cell.kind === "space") { plain += cell.text; continue; }
        flush();
        make("span", `seg-${cell.kind}`, line, cell.text).style.width = `${cell.width * this.cellWidth}px`;
      }
      flush();
    }

    drawMap() {
      this.colours = this.colours || hnet.paint.palette(this.root);
      hnet.paint.drawMap(this.mapCanvas, this, this.map.clientWidth, this.map.clientHeight);
    }

    showWindow(first, count) {
      const rows = this.rowStarts.length, width = this.map.clientWidth, n = Math.max(1, this.segments.data.length);
      const byteAt = (row) => row >= rows ? n : this.rowStarts[Math.max(0, Math.floor(row))];
      const from = (byteAt(first) / n) * width, to = (byteAt(Math.ceil(first + count)) / n) * width;
      this.mapWindow.style.left = `${from}px`;
      this.mapWindow.style.width = `${Math.max(6, to - from)}px`;
    }

    onMap(event) {
      if (!this.segments) return;
      const box = this.map.getBoundingClientRect(), share = (event.clientX - box.left) / box.width;
      const byte = Math.max(0, Math.min(1, share)) * this.segments.data.length;
      this.scrollToRow(hnet.floorIndex(this.rowStarts, byte), true);
    }

    scrollToRow(index, centre) {
      const view = this.scroller.clientHeight, rows = view / this.shape.height;
      const exact = Math.max(0, index - (centre ? Math.max(0, (rows - 1) / 2) : 0));
      this.scroller.scrollTop = this.scale === 1 ? exact * this.shape.height
        : (exact / (this.rowStarts.length - rows)) * (this.spacer.offsetHeight - view);
    }

    cellUnder(event) {
      const node = event.target.closest && event.target.closest(".seg-row");
      const row = node && [...this.rows.values()].find((each) => each.node === node);
      if (!row || !row.cells.length) return null;
      const x = (event.clientX - node.getBoundingClientRect().left - this.gutter) / this.cellWidth;
      if (x < 0) return null;
      const cell = row.cells.findLast((each) => each.column <= x);
      return cell && x < cell.column + cell.width ? cell : null;
    }

    onPoint(event, press) {
      const cell = this.segments && this.cellUnder(event);
      if (!cell) return;
      this.inspector.show(this.segments, cell.at);
      if (press) { this.caret = cell.at; this.showCaret(); }
    }

    moveTo(byte) {
      const n = this.segments.data.length;
      this.caret = Math.max(0, Math.min(n - 1, byte));
      const index = hnet.floorIndex(this.rowStarts, this.caret), rows = this.scroller.clientHeight / this.shape.height;
      if (index < this.firstRow + 1 || index > this.firstRow + rows - 2) this.scrollToRow(index, true);
      this.render();
      this.inspector.show(this.segments, this.caret, true);
    }

    showCaret() {
      const index = hnet.floorIndex(this.rowStarts, this.caret), row = this.rows.get(index);
      this.caretBox.hidden = !row;
      if (!row || !row.cells.length) return;
      const cell = row.cells.findLast((each) => each.at <= this.caret);
      this.caretBox.style.top = `${index * this.shape.height + this.shift + this.shape.text}px`;
      this.caretBox.style.left = `${this.gutter + cell.column * this.cellWidth}px`;
      this.caretBox.style.width = `${cell.width * this.cellWidth}px`;
    }
  }

  hnet.Viewer = Viewer;
})();
