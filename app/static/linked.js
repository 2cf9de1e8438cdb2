/* Text, plots and chunk table point at each other: what is under the pointer in one is marked in the others. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const BINS = 40,
    LONGEST = 40,
    PAGE = 100,
    NEAR = 12; // as app/evidence/plots.py and app/picture/value.py draw them; pixels to a point
  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

  /* Places [from, to, from, to, ...] of positions or chunks of a stage that pass `test`. */
  function positionsWhere(stage, test) {
    const out = [];
    for (let i = 0; i < stage.prob.length; i++)
      if (test(stage.prob[i] / 65535)) out.push(stage.positionAt(i), stage.positionAt(i) + 1);
    return out;
  }
  function chunksWhere(stage, test) {
    const out = [];
    for (let c = 0; c < stage.starts.length; c++)
      if (test(stage.endOf(c) - stage.starts[c])) out.push(stage.starts[c], stage.endOf(c));
    return out;
  }
  /* Bars of several stages share a bin: the one under the pointer. */
  const stageIn = (segments, share) =>
    clamp(Math.floor(share * segments.groups[0].stages.length), 0, segments.groups[0].stages.length - 1);

  /* What a place in plot k stands for: its name, the places in the text, and whether it is one place to go to. */
  const MEANINGS = [
    (segments, at) => {
      const bin = clamp(Math.floor(at.x * BINS), 0, BINS - 1),
        s = stageIn(segments, at.x * BINS - bin);
      const low = bin / BINS,
        high = bin === BINS - 1 ? 1.1 : (bin + 1) / BINS;
      return {
        name: `stage ${s}, p ${low.toFixed(3)} to ${Math.min(1, high).toFixed(3)}`,
        places: () => positionsWhere(segments.groups[0].stages[s], (p) => p >= low && p < high),
      };
    },
    (segments, at) => {
      const length = clamp(Math.round(at.x), 1, LONGEST),
        s = stageIn(segments, at.x - length + 0.5),
        last = length === LONGEST;
      return {
        name: `stage ${s}, ${length} ${segments.unit}s${last ? " and more" : ""}`,
        places: () => chunksWhere(segments.groups[0].stages[s], (n) => (last ? n >= length : n === length)),
      };
    },
    (segments, at) => {
      const byte = Math.round(at.x) - segments.origin - segments.counted;
      return byte < 0 || byte >= segments.data.length ? null : place(segments, byte);
    },
    (segments, at) => {
      const byte = nearest(at);
      return byte === null ? null : place(segments, byte - segments.origin - segments.counted);
    },
  ];
  const place = (segments, byte) => ({
    name: `${segments.unit} ${segments.called(byte)}`,
    go: byte,
    places: () => [byte, byte + 1],
  });
  /* The byte of the point next to the pointer; null where none is near. */
  function nearest({ graph, left, top }) {
    const { xaxis, yaxis } = graph._fullLayout;
    let best = NEAR ** 2,
      found = null;
    graph.calcdata.forEach((points, k) => {
      const trace = graph._fullData[k];
      if (trace.visible !== true) return;
      for (const point of points) {
        const far = (xaxis.d2p(point.x) - left) ** 2 + (yaxis.d2p(point.y) - top) ** 2;
        if (far < best) {
          best = far;
          found = Number(trace.customdata[point.i]);
        }
      }
    });
    return found;
  }

  class Linked {
    constructor(viewer, id) {
      Object.assign(this, { viewer, name: id.replace(/-viewer$/, "") });
      const around = viewer.root.closest(".picture");
      if (!around) return;
      this.around = around;
      this.rule = document.head.appendChild(document.createElement("style"));
      around.addEventListener("pointermove", (event) => this.onMove(event));
      around.addEventListener("pointerleave", () => this.light(null));
      around.addEventListener("click", (event) => this.onClick(event));
      around.addEventListener("input", (event) => {
        if (event.isTrusted && event.target.closest(`#${this.name}-page, #${this.name}-stage`)) this.unmark();
      });
    }
    /* The plot under the pointer, and the place in it as data; null outside of its axes. */
    plotUnder(event) {
      const node = event.target.closest && event.target.closest(`[id^="${this.name}-plot-"]`);
      const graph = node && node.querySelector(".js-plotly-plot"),
        layout = graph && graph._fullLayout;
      if (!layout || !layout.xaxis) return null;
      const box = graph.getBoundingClientRect(),
        left = event.clientX - box.left - layout._size.l,
        top = event.clientY - box.top - layout._size.t;
      if (left < 0 || top < 0 || left > layout._size.w || top > layout._size.h) return null;
      return { k: Number(node.id.slice(-1)), graph, left, top, x: layout.xaxis.p2d(left) };
    }
    meaning(event) {
      const { segments } = this.viewer;
      if (!segments || segments.groups.length !== 1) return null;
      const at = this.plotUnder(event);
      return at && MEANINGS[at.k](segments, at);
    }
    onMove(event) {
      if (this.viewer.root.contains(event.target)) return;
      const row = event.target.closest(`#${this.name}-table .virtual-row`);
      this.light(row ? this.chunkOf(row) : this.meaning(event));
    }
    chunkOf(row) {
      const { segments } = this.viewer;
      if (!segments || segments.groups.length !== 1) return null;
      const [, first, end] = [...row.querySelectorAll("[role=gridcell]")].map(
        (cell) => parseInt(cell.innerText.replace(/\D/g, ""), 10) - segments.origin,
      );
      const start = first - segments.counted;
      return end > 0 ? { name: `chunk ${start}`, places: () => [Math.max(0, start), end] } : null;
    }
    /* Mark in the text and the minimap what the pointer means elsewhere. */
    light(meaning) {
      const name = meaning ? meaning.name : "";
      if (name === (this.lit || "")) return;
      this.lit = name;
      this.viewer.lit = Int32Array.from(meaning ? meaning.places() : []);
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => this.viewer.redraw());
    }
    onClick(event) {
      const meaning = this.meaning(event);
      if (!meaning) return;
      this.light(null);
      this.viewer.sight.reveal();
      if (meaning.go !== undefined) this.viewer.moveTo(meaning.go);
      else this.viewer.search.take(Int32Array.from(meaning.places()), meaning.name);
    }

    /* In every plot a line where the byte under the pointer or caret stands. */
    here(byte) {
      cancelAnimationFrame(this.lines);
      if (this.around) this.lines = requestAnimationFrame(() => this.drawHere(byte));
    }
    drawHere(byte) {
      const { segments } = this.viewer,
        stage = segments && segments.groups.length === 1 && segments.groups[0].stages[0];
      const chunk = stage ? stage.chunkAt(byte) : 0;
      const at = stage
        ? [
            stage.prob[stage.indexAt(byte)] / 65535,
            Math.min(LONGEST, stage.endOf(chunk) - stage.starts[chunk]),
            byte + segments.origin + segments.counted,
            segments.bits && segments.bits[byte] / segments.steps,
          ]
        : [];
      for (let k = 0; k < 4; k++) {
        const graph = document.querySelector(`#${this.name}-plot-${k} .js-plotly-plot`),
          layout = graph && graph._fullLayout;
        if (!layout || !layout.xaxis) continue;
        let line = graph.querySelector(".seg-here");
        if (!line) {
          line = document.createElement("div");
          line.className = "seg-here";
          graph.appendChild(line);
        }
        const x = typeof at[k] === "number" ? layout.xaxis.d2p(at[k]) : NaN;
        line.hidden = !(x >= 0 && x <= layout._size.w);
        Object.assign(line.style, {
          left: `${layout._size.l + x}px`,
          top: `${layout._size.t}px`,
          height: `${layout._size.h}px`,
        });
      }
    }

    /* The caret was moved: mark its chunk in the table, on the page of the table that has it. */
    mark() {
      clearTimeout(this.marking);
      const { segments } = this.viewer;
      if (
        !this.around ||
        !this.viewer.root.dataset.results ||
        segments.groups.length !== 1 ||
        segments.whatIf
      ) {
        this.unmark();
        return;
      }
      this.marking = setTimeout(() => this.markRow(), 200);
    }
    unmark() {
      clearTimeout(this.marking);
      if (this.rule) this.rule.textContent = "";
    }
    async markRow() {
      const find = (what) => document.querySelector(`#${this.name}-${what}`),
        { segments, caret } = this.viewer;
      const stages = find("stage"),
        number = find("page") && find("page").querySelector("input");
      if (!segments || !stages || !number) return;
      const s = [...stages.querySelectorAll("input")].findIndex((each) => each.checked),
        stage = segments.groups[0].stages[Math.max(0, s)];
      const chunk = stage.chunkAt(caret),
        page = Math.floor(chunk / PAGE) + 1,
        row = chunk % PAGE;
      this.rule.textContent = `#${this.name}-table .virtual-row[data-index="${row}"] { outline: 2px solid var(--color-accent); outline-offset: -2px; }`;
      if (Number(number.value) !== page) {
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(number, page);
        number.dispatchEvent(new Event("input", { bubbles: true }));
        const line = () => (find("line").querySelector("textarea, input") || {}).value || "";
        for (let wait = 0; wait < 50 && !line().includes(`page ${page} of`); wait++)
          await new Promise((next) => setTimeout(next, 100));
      }
      const any = find("table").querySelector(".virtual-row");
      let scroller = any && any.parentElement;
      while (
        scroller &&
        scroller.id !== `${this.name}-table` &&
        scroller.scrollHeight <= scroller.clientHeight + 1
      )
        scroller = scroller.parentElement;
      if (scroller && any)
        scroller.scrollTop = Math.max(0, row * any.offsetHeight - scroller.clientHeight / 2);
    }
  }

  /* Surprisal for a viewer, if it still shows what the bits are of. */
  hnet.attach = (id, found) => {
    hnet.arrived(id.replace(/-viewer$/, ""), "late-bits");
    const { segments } = hnet.viewers[id] || {};
    if (!segments || !found || found.key !== segments.key) return;
    segments.bits = new Uint16Array(hnet.bytesOf(found.bits).buffer);
    segments.steps = found.steps;
    hnet.viewers[id].inspect();
  };
  hnet.Linked = Linked;
})();
