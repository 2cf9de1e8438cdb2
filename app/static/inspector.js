/* The line under the text: everything known about one byte, and about what is selected. */
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
    /* The range as a whole: its length, and how many chunks it cuts into. */
    selectionLine(segments, [from, to]) {
      const n = to - from, cuts = segments.groups.map((group) => {
        const counts = group.stages.map((stage) => stage.chunkAt(to - 1) - stage.chunkAt(from) + 1);
        return `${group.label ? `${group.label} ` : ""}${counts.join(" / ")} chunk${counts.join("") === "1" ? "" : "s"}`;
      });
      return `[${from + segments.origin}, ${to + segments.origin})  ${n} ${segments.unit}${n === 1 ? "" : "s"}  ${cuts.join(", ")}`;
    }
    lines(segments, byte, range) {
      const many = segments.groups.length > 1;
      const out = [[segments.unit, String(byte + segments.origin)]];
      if (range && range[1] - range[0] > 1) out.unshift(["selected", this.selectionLine(segments, range)]);
      if (segments.bases) out.push(["base", segments.visible(byte, byte + 1)]);
      else out.push(["character", characterLine(segments, byte)], ["hex", hnet.hex(segments.data[byte], 2)]);
      const genes = featureLine(segments, byte);
      if (genes) out.push(["gene", genes]);
      if (segments.votes) out.push(["cut by", `${segments.votes[byte]} of ${segments.groups.length} models`]);
      if (segments.bits) out.push(["surprisal", `${(segments.bits[byte] / segments.steps).toFixed(2)} bits`]);
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
    show(segments, byte, range, speak = false) {
      this.node.replaceChildren();
      if (!segments || !segments.data.length) return;
      const lines = this.lines(segments, byte, range);
      for (const [name, text] of lines) {
        const pair = this.make("span", "", this.node);
        this.make("small", "", pair, name);
        this.make("code", "", pair, text);
      }
      if (speak) this.spoken.textContent = lines.slice(0, 5).map((pair) => pair.join(" ")).join(", ");
    }
  }

  hnet.Inspector = Inspector;
})();
