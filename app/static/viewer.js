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
      this.tools = make("div", "seg-tools", this.root);
      this.search = new hnet.Search(this, make, this.tools);
      this.unsure = new hnet.Unsure(this, make, this.tools);
      this.whatIf = new hnet.WhatIf(this, make, this.root);
      this.map = new hnet.Minimap(this, make, this.root);
      this.scroller = make("div", "seg-scroll", this.root);
      this.spacer = make("div", "seg-spacer", this.scroller);
      this.caretBox = make("div", "seg-caret", this.spacer);
      this.inspector = new hnet.Inspector(this.root, make);
      this.empty = make("p", "seg-empty", this.root);
      this.probe = make("span", "seg-probe", this.root, "0".repeat(100));
      this.help = hnet.helpDialog(make, this.root);
      this.rows = new Map();
      this.hovered = [];
      this.marked = [];
      this.describe();
      this.listen();
    }

    describe() {
      const { scroller } = this;
      scroller.tabIndex = 0;
      scroller.setAttribute("role", "application");
      scroller.setAttribute("aria-roledescription", "segment viewer");
      scroller.setAttribute("aria-label", "Segments. Arrow keys move by character and row, n and p to the next and previous boundary; ? lists all keys.");
      const open = make("button", "seg-keys", this.tools, "? keys");
      Object.assign(open, { type: "button", title: "all keys (?)" });
      open.addEventListener("click", () => this.help.showModal());
    }

    listen() {
      this.scroller.addEventListener("scroll", () => this.schedule());
      this.scroller.addEventListener("pointermove", (event) => this.onPoint(event, false));
      this.scroller.addEventListener("pointerleave", () => { this.hover = null; this.showMarks(); this.inspect(); });
      this.scroller.addEventListener("pointerdown", (event) => this.onPoint(event, true));
      this.scroller.addEventListener("keydown", (event) => hnet.onKey(this, event));
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
      this.anchor = this.hover = null;
      this.search.clear();
      this.unsure.load(this.segments);
      this.whatIf.load(this.segments);
      this.whatIf.tell(this.segments);
      hnet.showFacts(this, make, value);
      this.scroller.scrollTop = this.firstRow = this.width = 0;
      this.onResize(true);
      if (value.live) this.moveTo(this.segments.data.length - 1, false, false); // what is being written stays in sight
      this.inspect();
      this.root.dataset.loads = Number(this.root.dataset.loads || 0) + 1;
      this.root.dataset.openMs = (performance.now() - began).toFixed(1);
    }

    onResize(force = false) {
      if (!this.segments) return;
      const width = this.scroller.clientWidth;
      if (!width || (!force && width === this.width)) return;
      const keep = this.rowStarts && this.firstRow ? this.rowStarts[this.firstRow] : 0;
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
    rebuild() { if (this.segments && this.rowStarts) { this.clear(); this.redraw(); } }
    /* Other colours or marks on the same rows. */
    redraw() {
      if (!this.segments || !this.width) return;
      this.colours = this.colours || hnet.paint.palette(this.root);
      for (const row of this.rows.values()) hnet.paint.drawRow(row.canvas, this, row);
      this.map.draw();
      this.render();
    }
    /* Other boundaries: they move cells only where one splits a character. */
    onRecut() {
      if (this.segments.plain) this.redraw();
      else this.onResize(true);
      this.inspect();
    }
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
      this.showMarks();
      this.map.showWindow(exact, view / height);
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
      row.canvas = make("canvas", "", row.node);
      row.canvas.setAttribute("aria-hidden", "true");
      hnet.paint.drawRow(row.canvas, this, row);
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
      if (press) this.anchor = event.shiftKey ? this.anchor ?? this.caret : null;
      else if (event.buttons & 1) this.anchor = this.anchor ?? this.caret;
      if (press || event.buttons & 1) this.caret = cell.at;
      this.hover = cell.at;
      this.showMarks();
      this.inspect();
    }

    /* extend: from where the selection began; else it is the one character at the caret. */
    moveTo(byte, extend = false, speak = true) {
      const n = this.segments.data.length;
      this.anchor = extend ? this.anchor ?? this.caret : null;
      this.caret = Math.max(0, Math.min(n - 1, byte));
      const index = hnet.floorIndex(this.rowStarts, this.caret), rows = this.scroller.clientHeight / this.shape.height;
      if (index < this.firstRow + 1 || index > this.firstRow + rows - 2) this.scrollToRow(index, true);
      this.hover = null;
      this.render();
      this.inspect(speak);
    }

    /* Select bytes [from, to), the caret at their start. */
    select(from, to) {
      this.moveTo(from);
      if (to - from > 1) this.anchor = to - 1;
      this.showMarks();
      this.inspect();
    }

    /* Bytes [from, to) of the selection: from the caret's character to the one it began at. */
    get range() {
      const { caret, anchor, segments } = this, last = Math.max(caret, anchor ?? caret), whole = segments.characterAt(last);
      const end = whole && !segments.isSplit(whole.at, whole.length) ? whole.at + whole.length : last + 1;
      return [Math.min(caret, anchor ?? caret), end];
    }

    inspect(speak = false) {
      if (!this.segments) return;
      this.inspector.show(this.segments, this.hover ?? this.caret, this.anchor === null ? null : this.range, speak);
    }

    /* The caret or selection, and the chunk under the pointer. */
    showMarks() {
      if (!this.segments || !this.rowStarts) return;
      this.caretBox.hidden = !this.cover([this.caretBox], this.caret, this.caret + 1);
      this.cover(this.marked, ...(this.anchor === null ? [0, 0] : this.range), "seg-marked");
      const stage = this.segments.groups[0].stages[0];
      const chunk = this.hover === null || !stage ? -1 : stage.chunkAt(this.hover);
      this.cover(this.hovered, ...(chunk < 0 ? [0, 0] : [stage.starts[chunk], stage.endOf(chunk)]), "seg-hovered");
    }

    /* Boxes of the pool over bytes [from, to) in the rows on screen; how many there are. */
    cover(pool, from, to, className) {
      let used = 0;
      for (const [index, row] of this.rows) {
        if (row.end <= from || row.start >= to || !row.cells.length) continue;
        const first = row.cells.findLast((each) => each.at <= Math.max(from, row.start));
        const last = row.cells.findLast((each) => each.at < to);
        const box = pool[used] || (pool[used] = make("div", className, this.spacer));
        used++;
        box.hidden = false;
        box.style.top = `${index * this.shape.height + this.shift + this.shape.text}px`;
        box.style.left = `${this.gutter + first.column * this.cellWidth}px`;
        box.style.width = `${(last.column + last.width - first.column) * this.cellWidth}px`;
      }
      for (const box of pool.slice(used)) box.hidden = true;
      return used;
    }
  }

  hnet.Viewer = Viewer;
  hnet.viewers = {}; // by the id of their component
  /* A row of a table was picked: go to its bytes, or look for them. */
  hnet.follow = (id, at) => {
    const viewer = hnet.viewers[id], { segments } = viewer || {};
    if (!segments || !at) return;
    if (at.hex) { viewer.search.ask(segments, "hex", at.hex, 1); viewer.search.show("hex", at.hex); return; }
    const n = segments.data.length, from = at.start - segments.origin, to = at.end - segments.origin;
    if (to > 0 && from < n) viewer.select(Math.max(0, from), Math.min(n, to));
  };
})();
