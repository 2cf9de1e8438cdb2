/* The rows on screen. Their elements are used again and again: making, sizing and removing them costs more than drawing. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});

  class Rows {
    constructor(viewer, make) {
      Object.assign(this, { viewer, make, shown: new Map(), spare: [] });
    }
    [Symbol.iterator]() {
      return this.shown.values();
    }
    /* Rows from a node on screen; null for any other element. */
    of(node) {
      return node ? [...this].find((each) => each.node === node) || null : null;
    }
    /* Show rows [from, to); what has left the screen lends its elements to what comes. */
    show(from, to) {
      for (const [index, row] of this.shown) if (index < from || index >= to) this.release(index, row);
      for (let index = from; index < to; index++)
        if (!this.shown.has(index)) this.shown.set(index, this.build(index));
      for (const row of this.spare) row.node.remove();
    }
    release(index, row) {
      this.shown.delete(index);
      this.spare.push(row);
    }
    /* Every row is to be built again; after another shape, from new elements. */
    clear(reshape = false) {
      for (const [index, row] of this.shown) this.release(index, row);
      if (reshape) for (const row of this.spare.splice(0)) row.node.remove();
    }
    /* Other colours or marks on the same rows. */
    redraw() {
      for (const row of this.shown.values()) hnet.paint.drawRow(row.canvas, this.viewer, row);
    }

    build(index) {
      const { viewer } = this,
        row = this.spare.pop() || this.element();
      const start = viewer.rowStarts[index],
        { segments } = viewer;
      const end = index + 1 < viewer.rowStarts.length ? viewer.rowStarts[index + 1] : segments.data.length;
      Object.assign(row, { index, start, end, cells: segments.cells(start, end) });
      if (!row.node.isConnected) viewer.spacer.append(row.node);
      row.ruler.textContent = String(start + segments.origin + segments.counted).padStart(4, "0");
      hnet.paint.drawRow(row.canvas, viewer, row);
      this.fill(row.line, row.cells);
      return row;
    }
    element() {
      const { make } = this,
        { shape, segments, spacer } = this.viewer,
        node = make("div", "seg-row", spacer);
      node.style.height = `${shape.height}px`;
      const ruler = make("span", "seg-ruler", node);
      if (segments.groups.length > 1)
        segments.groups.forEach((group, g) => {
          make("span", "seg-label", node, group.label).style.top = `${shape.lanes[g][0] - 2}px`;
        });
      const canvas = make("canvas", "", node),
        line = make("div", "seg-text", node);
      canvas.setAttribute("aria-hidden", "true");
      ruler.style.top = line.style.top = `${shape.text}px`;
      return { node, ruler, canvas, line };
    }

    /* Plain characters share text nodes, one a syntax colour; whatever could move its neighbours gets a box of exactly
    its cells. */
    fill(line, cells) {
      const { syntax } = this.viewer.segments,
        parts = [];
      let plain = "",
        colour = 0;
      const flush = () => {
        if (plain) parts.push(colour ? this.coloured(plain, colour) : plain);
        plain = "";
      };
      for (const cell of cells) {
        if (cell.gap) {
          flush();
          parts.push(this.make("span", "seg-gap"));
        }
        if (cell.kind === "text" || cell.kind === "space") {
          const next = syntax ? syntax[cell.at] : 0;
          if (next !== colour) {
            flush();
            colour = next;
          }
          plain += cell.text;
          continue;
        }
        flush();
        const box = this.make("span", `seg-${cell.kind}`, null, cell.text);
        box.style.width = `${cell.width * this.viewer.cellWidth}px`;
        parts.push(box);
      }
      flush();
      line.replaceChildren(...parts);
    }
    coloured(text, colour) {
      return this.make("i", `seg-syntax-${hnet.SYNTAX[colour]}`, null, text);
    }
  }

  hnet.SYNTAX = ["", "keyword", "string", "comment", "number", "name"];
  hnet.Rows = Rows;
})();
