/* The segment viewer: rows on screen as DOM, everything else as typed arrays. User text enters by textContent only. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const OVERSCAN = 2,
    TALLEST = 12000000; // browsers clip taller elements; beyond it one pixel stands for several

  function make(tag, className, parent, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    if (parent) parent.appendChild(node);
    return node;
  }

  class Viewer {
    /* id: of its component on the page, whose plots and table it is linked with. */
    constructor(element, id = "") {
      this.id = id;
      this.root = make("div", "seg", element);
      this.facts = make("dl", "seg-facts", this.root);
      this.note = make("p", "seg-note", this.root);
      this.legend = make("div", "seg-legend", this.root);
      this.tools = make("div", "seg-tools", this.root);
      this.search = new hnet.Search(this, make, this.tools);
      this.unsure = new hnet.Unsure(this, make, this.tools);
      this.address = new hnet.Address(this, make, this.tools);
      this.picture = new hnet.Picture(this, make, this.tools);
      this.whatIf = new hnet.WhatIf(this, make, this.root);
      this.map = new hnet.Minimap(this, make, this.root);
      this.scroller = make("div", "seg-scroll", this.root);
      this.spacer = make("div", "seg-spacer", this.scroller);
      this.caretBox = make("div", "seg-caret", this.spacer);
      this.inspector = new hnet.Inspector(this.root, make);
      this.empty = make("p", "seg-empty", this.root);
      this.probe = make("span", "seg-probe", this.root, "0".repeat(100));
      this.help = hnet.helpDialog(make, this.root);
      this.rows = new hnet.Rows(this, make);
      this.lit = new Int32Array(0); // start, end, start, end, ...: what the pointer means elsewhere on the page
      this.hovered = [];
      this.marked = [];
      this.linked = new hnet.Linked(this, id);
      this.sight = new hnet.Sight(this, id);
      this.describe();
      this.listen();
    }

    describe() {
      const { scroller } = this;
      scroller.tabIndex = 0;
      scroller.setAttribute("role", "application");
      scroller.setAttribute("aria-roledescription", "segment viewer");
      scroller.setAttribute(
        "aria-label",
        "Segments. Arrow keys move by character and row, n and p to the next and previous boundary; ? lists all keys.",
      );
      const open = make("button", "seg-keys", this.tools, "? keys");
      Object.assign(open, { type: "button", title: "all keys (?)" });
      open.addEventListener("click", () => this.help.showModal());
    }

    listen() {
      this.scroller.addEventListener("scroll", () => this.schedule());
      this.scroller.addEventListener("pointermove", (event) => this.onPoint(event, false));
      this.scroller.addEventListener("pointerleave", () => {
        this.hover = null;
        this.showMarks();
        this.inspect();
      });
      this.scroller.addEventListener("pointerdown", (event) => this.onPoint(event, true));
      this.scroller.addEventListener("keydown", (event) => hnet.onKey(this, event));
      new ResizeObserver(() => this.onResize()).observe(this.root);
      const redraw = () => {
        this.colours = null;
        this.rebuild();
      };
      new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
      if (document.fonts) document.fonts.ready.then(() => this.onResize(true));
    }

    /* value: the JSON of app/picture/viewer.py, or null for the empty page with one line on what to do. */
    load(value) {
      const began = performance.now();
      const bare = !value || !value.groups;
      this.root.classList.toggle("seg-is-empty", bare);
      this.empty.textContent = bare ? (value && value.hint) || "" : "";
      if (bare) {
        this.segments = null;
        this.rows.clear(true);
        return;
      }
      this.rows.clear(true);
      this.segments = new hnet.Segments(value);
      this.shape = hnet.paint.geometry(this.segments);
      this.splits = this.segments.splits;
      this.caret = 0;
      this.anchor = this.hover = null;
      this.search.clear();
      this.unsure.load(this.segments);
      this.whatIf.load(this.segments);
      this.whatIf.tell(this.segments);
      hnet.showFacts(this, make, value);
      this.address.load(value.link);
      this.about = value.about;
      this.linked.unmark();
      this.scroller.scrollTop = this.firstRow = this.width = 0;
      this.scroller.style.removeProperty("--seg-rows");
      this.onResize(true);
      if (value.live) this.moveTo(this.segments.data.length - 1, false, false); // what is being written stays in sight
      this.inspect();
      if (!value.live && !value.opening) this.address.arrive();
      this.root.dataset.results = value.opening ? "" : "here"; // what stands below comes with a run
      if (!value.opening) this.sight.come();
      this.root.dataset.loads = Number(this.root.dataset.loads || 0) + 1;
      this.root.dataset.openMs = (performance.now() - began).toFixed(1);
    }

    onResize(force = false) {
      if (!this.segments) return;
      const width = this.scroller.clientWidth;
      if (!width) return;
      this.sight.stick();
      if (!force && width === this.width) {
        this.schedule();
        return;
      } // higher or lower: other rows are on screen
      const keep = this.rowStarts && this.firstRow ? this.rowStarts[this.firstRow] : 0;
      this.width = width;
      this.cellWidth = this.probe.getBoundingClientRect().width / 100;
      const digits = String(this.segments.origin + this.segments.data.length).length;
      this.gutter =
        Math.ceil((Math.max(4, digits) + 1.5) * this.cellWidth * 0.86) +
        (this.segments.groups.length > 1 ? 12 : 0);
      const room = width - this.gutter - 10,
        { bases } = this.segments;
      if (bases) this.segments.fit(room / this.cellWidth);
      this.columns = bases
        ? this.segments.baseColumns
        : Math.max(8, Math.min(120, Math.floor(room / this.cellWidth)));
      this.rowWidth = Math.ceil(this.columns * this.cellWidth) + 2;
      this.rowStarts = this.segments.layOut(this.columns);
      this.place(keep);
    }

    place(keep) {
      const total = this.rowStarts.length * this.shape.height;
      this.scale = Math.max(1, total / TALLEST);
      this.spacer.style.height = `${total / this.scale}px`;
      this.scroller.style.setProperty("--seg-rows", `${Math.ceil(total / this.scale) + 18}px`);
      this.sight.stick();
      this.spacer.style.minWidth = `${this.gutter + this.rowWidth}px`;
      this.root.style.setProperty("--seg-gutter", `${this.gutter}px`);
      this.root.style.setProperty("--seg-cell", `${this.cellWidth}px`);
      if (keep) this.scrollToRow(hnet.floorIndex(this.rowStarts, keep), false);
      this.rebuild();
    }

    rebuild() {
      if (this.segments && this.rowStarts) {
        this.rows.clear();
        this.redraw();
      }
    }
    /* Other colours or marks on the same rows. */
    redraw() {
      if (!this.segments || !this.width) return;
      this.colours = this.colours || hnet.paint.palette(this.root);
      this.rows.redraw();
      this.map.draw();
      this.render();
    }
    /* Other boundaries: they move cells only where one splits a character, or no longer does. */
    onRecut() {
      if (this.segments.splits === this.splits) this.redraw();
      else this.onResize(true);
      this.splits = this.segments.splits;
      this.inspect();
    }
    schedule() {
      if (!this.pending)
        this.pending = requestAnimationFrame(() => {
          this.pending = 0;
          this.render();
        });
    }

    render() {
      if (!this.segments || !this.width) return;
      this.colours = this.colours || hnet.paint.palette(this.root);
      const { height } = this.shape,
        view = this.scroller.clientHeight,
        top = this.scroller.scrollTop;
      const exact =
        this.scale === 1
          ? top / height
          : (top / Math.max(1, this.spacer.offsetHeight - view)) * (this.rowStarts.length - view / height);
      this.firstRow = Math.max(0, Math.floor(exact));
      this.shift = this.scale === 1 ? 0 : top - exact * height;
      const from = Math.max(0, this.firstRow - OVERSCAN),
        to = Math.min(this.rowStarts.length, Math.ceil(exact + view / height) + OVERSCAN);
      this.rows.show(from, to);
      for (const row of this.rows) row.node.style.top = `${row.index * height + this.shift}px`;
      this.showMarks();
      this.map.showWindow(exact, view / height);
    }

    scrollToRow(index, centre) {
      const view = this.scroller.clientHeight,
        rows = view / this.shape.height;
      const exact = Math.max(0, index - (centre ? Math.max(0, (rows - 1) / 2) : 0));
      this.scroller.scrollTop =
        this.scale === 1
          ? exact * this.shape.height
          : (exact / (this.rowStarts.length - rows)) * (this.spacer.offsetHeight - view);
    }

    cellUnder(event) {
      const node = event.target.closest && event.target.closest(".seg-row");
      const row = this.rows.of(node);
      if (!row || !row.cells.length) return null;
      const x = (event.clientX - node.getBoundingClientRect().left - this.gutter) / this.cellWidth;
      if (x < 0) return null;
      const cell = row.cells.findLast((each) => each.column <= x);
      return cell && x < cell.column + cell.width ? cell : null;
    }

    onPoint(event, press) {
      const cell = this.segments && this.cellUnder(event);
      if (!cell) return;
      if (press) this.anchor = event.shiftKey ? (this.anchor ?? this.caret) : null;
      else if (event.buttons & 1) this.anchor = this.anchor ?? this.caret;
      if (press || event.buttons & 1) this.caret = cell.at;
      if (press) this.linked.mark();
      this.hover = cell.at;
      this.showMarks();
      this.inspect();
    }

    /* extend: from where the selection began; else it is the one character at the caret. */
    moveTo(byte, extend = false, speak = true) {
      const n = this.segments.data.length;
      this.anchor = extend ? (this.anchor ?? this.caret) : null;
      this.caret = Math.max(0, Math.min(n - 1, byte));
      const index = hnet.floorIndex(this.rowStarts, this.caret),
        rows = this.scroller.clientHeight / this.shape.height;
      if (index < this.firstRow + 1 || index > this.firstRow + rows - 2) this.scrollToRow(index, true);
      this.hover = null;
      if (speak) this.linked.mark();
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
      const { caret, anchor, segments } = this,
        last = Math.max(caret, anchor ?? caret),
        whole = segments.characterAt(last);
      const end = whole && !segments.isSplit(whole.at, whole.length) ? whole.at + whole.length : last + 1;
      return [Math.min(caret, anchor ?? caret), end];
    }

    inspect(speak = false) {
      if (!this.segments) return;
      this.linked.here(this.hover ?? this.caret);
      this.inspector.show(
        this.segments,
        this.hover ?? this.caret,
        this.anchor === null ? null : this.range,
        speak,
      );
    }

    /* The caret or selection, and the chunk under the pointer. */
    showMarks() {
      if (!this.segments || !this.rowStarts) return;
      this.caretBox.hidden = !this.cover([this.caretBox], this.caret, this.caret + 1);
      this.cover(this.marked, ...(this.anchor === null ? [0, 0] : this.range), "seg-marked");
      const stage = this.segments.groups[0].stages[0];
      const chunk = this.hover === null || !stage ? -1 : stage.chunkAt(this.hover);
      this.cover(
        this.hovered,
        ...(chunk < 0 ? [0, 0] : [stage.starts[chunk], stage.endOf(chunk)]),
        "seg-hovered",
      );
    }

    /* Boxes of the pool over bytes [from, to) in the rows on screen; how many there are. */
    cover(pool, from, to, className) {
      let used = 0;
      for (const row of this.rows) {
        if (row.end <= from || row.start >= to || !row.cells.length) continue;
        const first = row.cells.findLast((each) => each.at <= Math.max(from, row.start));
        const last = row.cells.findLast((each) => each.at < to);
        const box = pool[used] || (pool[used] = make("div", className, this.spacer));
        used++;
        box.hidden = false;
        box.style.top = `${row.index * this.shape.height + this.shift + this.shape.text}px`;
        box.style.left = `${this.gutter + first.column * this.cellWidth}px`;
        box.style.width = `${(last.column + last.width - first.column) * this.cellWidth}px`;
      }
      for (const box of pool.slice(used)) box.hidden = true;
      return used;
    }
  }

  hnet.Viewer = Viewer;
  hnet.viewers = {}; // by the id of their component
  /* A row of a table was picked: go to its place, as the table counts, or look for its bytes. */
  hnet.follow = (id, at) => {
    const viewer = hnet.viewers[id],
      { segments } = viewer || {};
    if (!segments || !at) return;
    viewer.sight.reveal();
    if (at.hex) {
      viewer.search.ask(segments, "hex", at.hex, 1);
      viewer.search.show("hex", at.hex);
      return;
    }
    const n = segments.data.length,
      from = at.start - segments.origin - segments.counted,
      to = at.end - segments.origin;
    if (to > 0 && from < n) viewer.select(Math.max(0, from), Math.min(n, to));
  };
})();
