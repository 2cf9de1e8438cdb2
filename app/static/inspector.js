/* The line under the text: everything known about one byte; and the keys that move the caret. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});

  /* How the bytes around `byte` read: the character with its code point, or why there is none. */
  function characterLine(segments, byte) {
    const whole = segments.characterAt(byte);
    if (!whole) return "not UTF-8";
    const name = `U+${hnet.hex(whole.point, 4)}`;
    const shown = segments.visible(whole.at, whole.at + whole.length).replace(/^‹U\+.*›$/, "");
    const glyph = segments.isSplit(whole.at, whole.length) ? String.fromCodePoint(whole.point) : shown;
    const part = whole.length > 1 ? `, byte ${byte - whole.at + 1} of ${whole.length}` : "";
    const split = segments.isSplit(whole.at, whole.length) ? ", split by a boundary" : "";
    return `${glyph ? `${glyph}  ` : ""}${name}${part}${split}`;
  }

  /* p of every stage at `byte`; a dash where a stage does not look. */
  function probLine(group, byte) {
    return group.stages.map((stage) => {
      const i = stage.indexAt(byte);
      return i < 0 ? "–" : (stage.prob[i] / 65535).toFixed(4);
    }).join(" / ");
  }

  /* The chunk of stage s at `byte`: its text, length and place in the sequence. */
  function chunkLine(segments, stage, byte) {
    const chunk = stage.chunkAt(byte), from = stage.starts[chunk], to = stage.endOf(chunk);
    const start = chunk === 0 && stage.clipped ? stage.lead.start : from + segments.origin;
    const end = chunk + 1 === stage.starts.length ? stage.tail : to + segments.origin;
    const size = end - start;
    return `“${segments.visible(from, to)}”  ${size} ${segments.unit}${size === 1 ? "" : "s"}  [${start}, ${end})`;
  }

  function featureLine(segments, byte) {
    return segments.features.filter((each) => each.start <= byte && byte < each.end).map((each) => `${each.name} (${each.strand})`).join(", ");
  }

  class Inspector {
    constructor(root, make) {
      this.make = make;
      this.node = make("div", "seg-inspector", root);
      this.spoken = make("div", "seg-spoken", root);
      this.spoken.setAttribute("role", "status");
      this.spoken.setAttribute("aria-live", "polite");
    }
    lines(segments, byte) {
      const many = segments.groups.length > 1;
      const out = [[segments.unit, String(byte + segments.origin)]];
      if (segments.bases) out.push(["base", segments.visible(byte, byte + 1)]);
      else out.push(["character", characterLine(segments, byte)], ["hex", hnet.hex(segments.data[byte], 2)]);
      const genes = featureLine(segments, byte);
      if (genes) out.push(["gene", genes]);
      for (const group of segments.groups) {
        const label = many ? ` ${group.label}` : "";
        out.push([`p${label}`, probLine(group, byte)]);
        group.stages.forEach((stage, s) => {
          out.push([`${s ? `parent, stage ${s}` : "chunk"}${label}`, chunkLine(segments, stage, byte)]);
        });
      }
      return out;
    }
    /* speak: the caret moved by key, so a screen reader hears it; hovering stays silent. */
    show(segments, byte, speak = false) {
      this.node.replaceChildren();
      if (!segments || !segments.data.length) return;
      const lines = this.lines(segments, byte);
      for (const [name, text] of lines) {
        const pair = this.make("span", "", this.node);
        this.make("small", "", pair, name);
        this.make("code", "", pair, text);
      }
      if (speak) this.spoken.textContent = lines.slice(0, 4).map((pair) => pair.join(" ")).join(", ");
    }
  }

  function nextBoundary(segments, from, step) {
    for (let byte = from + step; byte >= 0 && byte < segments.data.length; byte += step) if (segments.starts[byte]) return byte;
    return from;
  }

  /* The first byte of the character after (or before) the one at the caret. */
  function neighbour(segments, caret, step) {
    if (step < 0) {
      if (caret === 0) return 0;
      const whole = segments.characterAt(caret - 1);
      return whole && !segments.isSplit(whole.at, whole.length) ? whole.at : caret - 1;
    }
    return caret + segments.cellAt(caret).length;
  }

  function onKey(viewer, event) {
    const { segments, caret, rowStarts } = viewer;
    if (!segments || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = hnet.floorIndex(rowStarts, caret), within = caret - rowStarts[row];
    const page = Math.max(1, Math.floor(viewer.scroller.clientHeight / viewer.shape.height) - 1);
    const inRow = (index) => {
      const at = Math.max(0, Math.min(rowStarts.length - 1, index));
      const end = at + 1 < rowStarts.length ? rowStarts[at + 1] : segments.data.length;
      const byte = Math.min(rowStarts[at] + within, end - 1), whole = segments.characterAt(byte);
      return whole && !segments.isSplit(whole.at, whole.length) ? whole.at : byte;
    };
    const targets = {
      ArrowRight: () => neighbour(segments, caret, 1), ArrowLeft: () => neighbour(segments, caret, -1),
      ArrowDown: () => inRow(row + 1), ArrowUp: () => inRow(row - 1), PageDown: () => inRow(row + page), PageUp: () => inRow(row - page),
      Home: () => 0, End: () => segments.data.length - 1,
      n: () => nextBoundary(segments, caret, 1), p: () => nextBoundary(segments, caret, -1),
    };
    if (!targets[event.key]) return;
    event.preventDefault();
    viewer.moveTo(targets[event.key]());
  }

  hnet.Inspector = Inspector;
  hnet.onKey = onKey;
})();
