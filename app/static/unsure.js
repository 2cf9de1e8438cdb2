/* A walk from the least sure boundary on (p nearest above the threshold), or from the widest disagreement of models. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});

  class Unsure {
    constructor(viewer, make, parent) {
      Object.assign(this, { viewer, make });
      this.node = make("div", "seg-unsure", parent);
      this.node.setAttribute("role", "group");
      this.node.setAttribute("aria-label", "Least sure boundaries");
      this.lead = make("span", "seg-lead", this.node);
      this.which = make("select", "", this.node);
      this.which.setAttribute("aria-label", "Stage of the least sure boundaries");
      this.which.addEventListener("change", () => this.forget());
      const button = (glyph, name, by) => {
        const node = make("button", "", this.node, glyph);
        Object.assign(node, { type: "button", title: name });
        node.setAttribute("aria-label", name);
        node.addEventListener("click", () => this.step(by));
      };
      button("‹", "surer boundary (U)", -1);
      button("›", "next least sure boundary (u)", 1);
      this.told = make("output", "seg-told", this.node);
    }
    load(segments) {
      this.which.replaceChildren();
      const many = segments.groups.length > 1;
      this.lead.textContent = many ? "go through" : "least sure";
      if (segments.differs)
        this.make("option", "", this.which, "disagreement, widest first").value = "differs";
      if (segments.moved) this.make("option", "", this.which, "moved since the last run").value = "moved";
      segments.groups.forEach((group, g) =>
        group.stages.forEach((_, s) => {
          this.make(
            "option",
            "",
            this.which,
            `${many ? `least sure of ${group.label}, ` : ""}stage ${s}`,
          ).value = `${g} ${s}`;
        }),
      );
      this.which.hidden = this.which.options.length < 2;
      this.forget();
    }
    forget() {
      this.at = -1;
      this.version = -1;
      this.told.textContent = "";
    }
    /* Bytes of the cuts that a router made (not the forced first one), least sure first, each with what to say. */
    leastSure(stage) {
      const first =
        stage.clipped || (stage.starts.length && stage.starts[0] === 0 && !this.viewer.segments.origin)
          ? 1
          : 0;
      const keys = new Float64Array(Math.max(0, stage.starts.length - first));
      for (let i = 0; i < keys.length; i++) keys[i] = stage.startProb[i + first] * 2 ** 32 + i + first;
      const shown = (key) => {
        const chunk = key % 2 ** 32;
        return [stage.starts[chunk], `p ${(stage.startProb[chunk] / 65535).toFixed(4)}`];
      };
      return { keys: keys.sort(), shown };
    }
    /* Bytes where some models cut and others do not, those whose p lie furthest apart first. */
    disagreement(segments) {
      const keys = [];
      for (let byte = 0; byte < segments.data.length; byte++) {
        if (!segments.differs[byte]) continue;
        const [low, high] = segments.spreadAt(byte);
        keys.push((65535 - high + low) * 2 ** 32 + byte);
      }
      const shown = (key) => {
        const byte = key % 2 ** 32,
          [low, high] = segments.spreadAt(byte);
        return [
          byte,
          `${segments.votes[byte]} of ${segments.groups.length} cut, p ${(low / 65535).toFixed(2)} to ${(high / 65535).toFixed(2)}`,
        ];
      };
      return { keys: Float64Array.from(keys).sort(), shown };
    }
    /* Bytes of the cuts that moved since the last run, from the beginning on. */
    moved({ moved }) {
      const added = new Set(moved.flatMap((stage) => stage.added));
      const keys = Float64Array.from(
        new Set(moved.flatMap((stage) => [...stage.added, ...stage.removed])),
      ).sort();
      return { keys, shown: (byte) => [byte, added.has(byte) ? "added" : "gone"] };
    }
    rank(segments) {
      if (this.which.value === "moved") return this.moved(segments);
      if (this.which.value === "differs") return this.disagreement(segments);
      const [g, s] = this.which.value.split(" ").map(Number);
      return this.leastSure(segments.groups[g].stages[s]);
    }
    step(by) {
      const { segments } = this.viewer;
      if (!segments) return;
      if (this.version !== segments.version) {
        this.ranked = this.rank(segments);
        this.version = segments.version;
        this.at = -1;
      }
      const { keys, shown } = this.ranked,
        count = keys.length;
      if (!count) {
        this.told.textContent = "none";
        return;
      }
      this.at = this.at < 0 ? (by > 0 ? 0 : count - 1) : (this.at + by + count) % count;
      const [byte, words] = shown(keys[this.at]);
      this.told.textContent = `${(this.at + 1).toLocaleString("en")} of ${count.toLocaleString("en")}, ${words}`;
      this.viewer.moveTo(byte);
    }
  }
  hnet.Unsure = Unsure;
})();
