/* The rows on screen, or those selected, as a figure: SVG or PNG. What paint.js draws is recorded as shapes; text of the
input becomes text nodes, so that none of it is ever markup. Always on white, whatever the page looks like. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const NS = "http://www.w3.org/2000/svg",
    MOST_ROWS = 300,
    LINE = 17,
    PAD = 10,
    LARGEST = 16000; // pixels a side of a canvas

  const add = (parent, tag, attributes, text) => {
    const node = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes))
      node.setAttribute(name, typeof value === "number" ? +value.toFixed(2) : value);
    if (text !== undefined) node.textContent = text;
    return parent.appendChild(node);
  };

  /* The part of a canvas and its context that paint.js uses. */
  class Recorder {
    constructor(parent, clips) {
      Object.assign(this, { parent, clips, outer: [], style: {}, globalAlpha: 1, lineWidth: 1, path: "" });
    }
    getContext() {
      return this;
    }
    setTransform() {}
    clearRect() {}
    fillRect(x, y, width, height) {
      this.shape("rect", { x, y, width, height });
    }
    strokeRect(x, y, width, height) {
      add(this.parent, "rect", {
        x,
        y,
        width,
        height,
        fill: "none",
        stroke: this.strokeStyle,
        "stroke-width": this.lineWidth,
      });
    }
    beginPath() {
      this.path = "";
    }
    moveTo(x, y) {
      this.path += `M${x.toFixed(2)} ${y.toFixed(2)}`;
    }
    lineTo(x, y) {
      this.path += `L${x.toFixed(2)} ${y.toFixed(2)}`;
    }
    rect(x, y, width, height) {
      this.path += `M${x} ${y}h${width}v${height}h${-width}z`;
    }
    arc(x, y, r) {
      this.path += `M${(x - r).toFixed(2)} ${y.toFixed(2)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
    }
    fill() {
      this.shape("path", { d: this.path });
    }
    clip() {
      const id = `clip-${this.clips.childElementCount}`;
      add(add(this.clips, "clipPath", { id }), "path", { d: this.path });
      this.parent = add(this.parent, "g", { "clip-path": `url(#${id})` });
    }
    save() {
      this.outer.push(this.parent);
    }
    restore() {
      this.parent = this.outer.pop();
    }
    fillText(text, x, y) {
      add(this.parent, "text", { x, y: y + 4, fill: this.fillStyle, "font-size": 11 }, text);
    }
    shape(tag, attributes) {
      add(this.parent, tag, {
        ...attributes,
        fill: this.fillStyle,
        ...(this.globalAlpha < 1 ? { "fill-opacity": this.globalAlpha } : {}),
      });
    }
  }

  /* The characters of a row, each in its own cells whatever font shows the file. */
  function writeRow(parent, view, row, ink) {
    const { syntax } = view.segments,
      middle = view.shape.text + view.shape.textHeight / 2,
      style = { keyword: { "font-weight": 700 }, name: { "text-decoration": "underline" } };
    let run = null;
    for (const cell of row.cells) {
      const left = cell.column * view.cellWidth,
        width = cell.width * view.cellWidth;
      if (cell.kind === "text" || cell.kind === "space") {
        const kind = syntax ? hnet.SYNTAX[syntax[cell.at]] : "";
        if (!run || run.kind !== kind) {
          run = { kind, text: "", x: [] };
          run.node = add(parent, "text", { y: middle + 5, fill: ink[kind] || ink.text, ...style[kind] });
        }
        run.text += cell.text;
        run.x.push(left.toFixed(2));
        run.node.textContent = run.text;
        run.node.setAttribute("x", run.x.join(" "));
        continue;
      }
      run = null;
      const small = cell.kind === "box" || cell.kind === "bad" || cell.kind === "split",
        bad = cell.kind === "bad";
      if (small) {
        add(parent, "rect", {
          x: left + 1,
          y: middle - 7,
          width: width - 2,
          height: 14,
          rx: 3,
          fill: bad ? ink.text : "none",
          stroke: bad ? ink.text : ink.muted,
          ...(cell.kind === "split" ? { "stroke-dasharray": "2 1.5" } : {}),
        });
      }
      add(
        parent,
        "text",
        {
          x: left + width / 2,
          y: middle + (small ? 3 : 5),
          "text-anchor": "middle",
          "font-size": small ? 9 : 14,
          fill: bad ? ink.page : cell.kind === "mark" ? ink.muted : ink.text,
        },
        cell.text,
      );
    }
  }

  /* Colours of the light page, read outside of the body, which may be dark. */
  function lightColours() {
    const probe = document.documentElement.appendChild(document.createElement("div"));
    probe.className = "seg";
    const style = getComputedStyle(probe),
      read = (name) => style.getPropertyValue(`--seg-${name}`).trim();
    const ink = {
      text: read("text"),
      muted: read("muted"),
      page: read("page"),
      font: read("font"),
      string: read("string"),
      number: read("number-ink"),
      comment: read("muted"),
    };
    const colours = hnet.paint.palette(probe);
    probe.remove();
    return { ink, colours };
  }

  /* Bytes [from, to) of the rows that the figure holds: those selected, else those on screen. */
  function rowsOf(viewer) {
    const { rowStarts, segments, shape, scroller } = viewer,
      chosen = viewer.anchor !== null;
    const last = Math.max(0, Math.ceil(scroller.clientHeight / shape.height) - 1) + viewer.firstRow;
    const [first, end] = chosen
      ? viewer.range.map((byte, i) => hnet.floorIndex(rowStarts, byte - i))
      : [viewer.firstRow, last];
    const stop = Math.min(end + 1, first + MOST_ROWS, rowStarts.length);
    return {
      first,
      stop,
      cut: end + 1 > first + MOST_ROWS,
      from: rowStarts[first],
      to: stop < rowStarts.length ? rowStarts[stop] : segments.data.length,
    };
  }

  function headOf(viewer, { from, to }) {
    const { segments } = viewer,
      { origin } = segments;
    const lines = segments.groups.map((group) => `${group.label ? `${group.label}: ` : ""}${group.name}`);
    lines.push(
      `${segments.unit}s ${(from + origin).toLocaleString("en")} to ${(to + origin).toLocaleString("en")} (not included)`,
    );
    lines.push("a chunk's tint and the height of its tick: p of its first cut; the line is the threshold");
    if (segments.whatIf)
      lines.push(
        `what if a cut needed p above ${segments.thresholds.map((each) => each ?? 0.5).join(", ")}; not the trained rule`,
      );
    return lines;
  }

  function draw(viewer, part) {
    const { ink, colours } = lightColours(),
      view = Object.assign(Object.create(viewer), { colours, lit: new Int32Array(0), firstRow: part.first });
    const { shape, segments, gutter } = view,
      head = headOf(viewer, part),
      top = PAD + head.length * LINE + 6;
    const width = Math.ceil(2 * PAD + gutter + view.rowWidth),
      height = top + (part.stop - part.first) * shape.height + PAD;
    const svg = document.createElementNS(NS, "svg");
    Object.entries({
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      "font-family": ink.font.replaceAll('"', "'"),
      "font-size": 14,
      direction: "ltr",
      style: "white-space: pre; font-variant-ligatures: none",
    }).forEach(([name, value]) => svg.setAttribute(name, value));
    const clips = add(svg, "defs", {});
    add(svg, "rect", { width, height, fill: ink.page });
    head.forEach((line, i) =>
      add(svg, "text", { x: PAD, y: PAD + 12 + i * LINE, fill: ink.text, "font-size": 12 }, line),
    );
    for (let index = part.first; index < part.stop; index++) {
      const start = view.rowStarts[index],
        end = index + 1 < view.rowStarts.length ? view.rowStarts[index + 1] : segments.data.length;
      const row = { index, start, end, cells: segments.cells(start, end) },
        y = top + (index - part.first) * shape.height;
      const around = add(svg, "g", { transform: `translate(${PAD} ${y})` }),
        inside = add(around, "g", { transform: `translate(${gutter} 0)` });
      add(
        around,
        "text",
        { x: 0, y: shape.text + 15, fill: ink.muted, "font-size": 11 },
        String(start + segments.origin).padStart(4, "0"),
      );
      if (segments.groups.length > 1)
        segments.groups.forEach((group, g) =>
          add(
            around,
            "text",
            { x: gutter - 14, y: shape.lanes[g][0] + 9, fill: ink.text, "font-size": 11, "font-weight": 700 },
            group.label,
          ),
        );
      hnet.paint.drawRow(new Recorder(inside, clips), view, row);
      writeRow(inside, view, row, ink);
    }
    return svg;
  }

  async function pngOf(svg) {
    const width = Number(svg.getAttribute("width")),
      height = Number(svg.getAttribute("height")),
      scale = Math.min(2, LARGEST / Math.max(width, height));
    const image = new Image(),
      canvas = document.createElement("canvas");
    image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
    await image.decode();
    Object.assign(canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    return new Uint8Array(await blob.arrayBuffer());
  }

  class Picture {
    constructor(viewer, make, parent) {
      this.viewer = viewer;
      this.node = make("span", "seg-picture", parent);
      this.node.setAttribute("role", "group");
      this.node.setAttribute("aria-label", "Figure of the rows");
      make("span", "seg-lead", this.node, "figure");
      for (const format of ["svg", "png"]) {
        const words = `save the rows selected, else those on screen, as ${format.toUpperCase()}`;
        const button = make("button", "", this.node, format.toUpperCase());
        Object.assign(button, { type: "button", title: words });
        button.setAttribute("aria-label", words);
        button.addEventListener("click", () => this.save(format));
      }
      this.told = make("output", "seg-told", this.node);
    }
    async save(format) {
      const { viewer } = this,
        { segments } = viewer;
      if (!segments || !viewer.rowStarts) return;
      const part = rowsOf(viewer),
        svg = draw(viewer, part),
        stem = segments.groups.length > 1 ? "comparison" : "segmentation";
      const bytes = [part.from + segments.origin, part.to + segments.origin];
      const about = JSON.stringify({
        ...(viewer.about || {}),
        figure: { bytes, thresholds: segments.thresholds },
      });
      hnet.saveBlob(
        format === "svg" ? hnet.svgWith(svg, about) : hnet.pngWith(await pngOf(svg), about),
        `${stem}.${format}`,
      );
      this.told.textContent = part.cut ? `the first ${MOST_ROWS} rows of the selection` : "";
    }
  }
  hnet.Picture = Picture;
})();
