/* The line under the text: everything known about one byte, and about what is selected. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});

  /* Text of the input inside a sentence of ours; no such text holds these two characters, which are shown as code points. */
  const apart = (text) => `\u2068${text}\u2069`;
  hnet.counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

  /* How the bytes around `byte` read: the character with its code point, or why there is none. */
  function characterLine(segments, byte) {
    const whole = segments.characterAt(byte);
    if (!whole) return "not UTF-8";
    const name = `U+${hnet.hex(whole.point, 4)}`;
    const shown = segments.visible(whole.at, whole.at + whole.length).replace(/^‹U\+.*›$/, "");
    const glyph = segments.isSplit(whole.at, whole.length) ? String.fromCodePoint(whole.point) : shown;
    const part = whole.length > 1 ? `, byte ${byte - whole.at + 1} of ${whole.length}` : "";
    const split = segments.isSplit(whole.at, whole.length) ? ", split by a boundary" : "";
    return `${glyph ? `${apart(glyph)}  ` : ""}${name}${part}${split}`;
  }

  /* p of every stage at `byte`; a dash where a stage does not look. */
  function probLine(group, byte) {
    return group.stages
      .map((stage) => {
        const i = stage.indexAt(byte);
        return i < 0 ? "–" : (stage.prob[i] / 65535).toFixed(4);
      })
      .join(" / ");
  }

  /* The chunk of stage s at `byte`: its text, length and place in the sequence. */
  function chunkLine(segments, stage, byte) {
    const chunk = stage.chunkAt(byte),
      from = stage.starts[chunk],
      to = stage.endOf(chunk);
    const start = chunk === 0 && stage.clipped ? stage.lead.start : from + segments.origin;
    const end = chunk + 1 === stage.starts.length ? stage.tail : to + segments.origin;
    // What lies outside of what is shown cannot be read here.
    const before = start < from + segments.origin ? "…" : "",
      goesOn = end > to + segments.origin;
    return `“${apart(before + segments.visible(from, to, goesOn))}”  ${hnet.counted(end - start, segments.unit)}  ${segments.span(start, end)}`;
  }

  /* (kind, names) of the features at `byte`: genes, or what the model wrote. */
  function featureLines(segments, byte) {
    const kinds = new Map();
    for (const each of segments.features) {
      if (each.start > byte || byte >= each.end) continue;
      const kind = each.kind || "part",
        name = apart(each.name) + (each.strand === "." ? "" : ` (${each.strand})`);
      kinds.set(kind, kinds.has(kind) ? `${kinds.get(kind)}, ${name}` : name);
    }
    return [...kinds];
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
      const n = to - from,
        cuts = segments.groups.map((group) => {
          const counts = group.stages.map((stage) => stage.chunkAt(to - 1) - stage.chunkAt(from) + 1);
          return `${group.label ? `${group.label} ` : ""}${counts.join(" / ")} chunk${counts.join("") === "1" ? "" : "s"}`;
        });
      return `${segments.span(from + segments.origin, to + segments.origin)}  ${hnet.counted(n, segments.unit)}  ${cuts.join(", ")}`;
    }
    lines(segments, byte, range) {
      const many = segments.groups.length > 1;
      const out = [[segments.bases ? "position" : "byte", segments.called(byte)]];
      if (range && range[1] - range[0] > 1) out.unshift(["selected", this.selectionLine(segments, range)]);
      if (segments.bases) out.push(["base", segments.visible(byte, byte + 1)]);
      else out.push(["character", characterLine(segments, byte)], ["hex", hnet.hex(segments.data[byte], 2)]);
      out.push(...featureLines(segments, byte));
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
    /* A sentence in which what was set apart may run from right to left without moving what stands beside it. */
    write(node, text) {
      text.split(/[\u2068\u2069]/).forEach((part, i) => {
        if (i % 2) this.make("bdi", "", node, part);
        else node.append(part);
      });
    }
    /* speak: the caret moved by key, so a screen reader hears it; hovering stays silent. */
    show(segments, byte, range, speak = false) {
      this.node.replaceChildren();
      if (!segments || !segments.data.length) return;
      const lines = this.lines(segments, byte, range);
      for (const [name, text] of lines) {
        const pair = this.make("span", "", this.node);
        this.make("small", "", pair, name);
        this.write(this.make("code", "", pair), text);
      }
      if (speak)
        this.spoken.textContent = lines
          .slice(0, 5)
          .map((pair) => pair.join(" "))
          .join(", ")
          .replace(/[\u2068\u2069]/g, "");
    }
  }

  hnet.Inspector = Inspector;
})();
