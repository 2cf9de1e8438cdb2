/* The what-if thresholds: other cuts from the same p, at once and in the browser alone. Never the trained rule. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const TRAINED = 0.5,
    STEP = 0.01,
    LOW = 0.01,
    HIGH = 0.99;

  class WhatIf {
    constructor(viewer, make, parent) {
      Object.assign(this, { viewer, make });
      this.node = make("div", "seg-what-if", parent);
      this.node.setAttribute("role", "group");
      this.node.setAttribute("aria-label", "What-if thresholds");
      this.sliders = [];
    }
    /* A slider a stage, at the trained rule. */
    load(segments) {
      this.node.replaceChildren();
      const stages = Math.max(0, ...segments.groups.map((group) => group.stages.length));
      this.make("span", "seg-lead", this.node, "what if a cut needed p above");
      this.sliders = Array.from({ length: stages }, (_, s) => this.slider(s, stages));
      this.reset = this.make("button", "", this.node, "trained rule");
      Object.assign(this.reset, {
        type: "button",
        title: "back to p > 0.5, the trained rule (0)",
        disabled: true,
      });
      this.reset.addEventListener("click", () => this.toTrained());
      this.told = this.make("output", "seg-warning", this.node);
    }
    slider(stage, stages) {
      const label = this.make("label", "", this.node);
      if (stages > 1) this.make("small", "", label, `stage ${stage}`);
      const input = this.make("input", "", label);
      Object.assign(input, { type: "range", min: LOW, max: HIGH, step: STEP, value: TRAINED });
      input.setAttribute("aria-label", `What-if threshold of stage ${stage}`);
      const shown = this.make("output", "seg-number", label, TRAINED.toFixed(2));
      input.addEventListener("input", () => {
        shown.textContent = Number(input.value).toFixed(2);
        this.schedule();
      });
      return { input, shown };
    }
    /* The threshold of a stage up or down by key. */
    nudge(stage, by) {
      const each = this.sliders[stage];
      if (!each) return;
      each.input.value = Number(each.input.value) + by * STEP;
      each.shown.textContent = Number(each.input.value).toFixed(2);
      this.schedule();
    }
    /* Thresholds from a link, one a stage; null is the trained rule. */
    set(thresholds) {
      this.sliders.forEach(({ input, shown }, s) => {
        input.value = thresholds[s] ?? TRAINED;
        shown.textContent = Number(input.value).toFixed(2);
      });
      this.apply();
    }
    toTrained() {
      for (const { input, shown } of this.sliders) {
        input.value = TRAINED;
        shown.textContent = TRAINED.toFixed(2);
      }
      this.schedule();
    }
    /* However fast the slider moves, the text is cut once a frame. */
    schedule() {
      if (!this.pending)
        this.pending = requestAnimationFrame(() => {
          this.pending = 0;
          this.apply();
        });
    }
    apply() {
      const { segments } = this.viewer;
      if (!segments) return;
      const began = performance.now();
      segments.recut(
        this.sliders.map(({ input }) => {
          const at = Number(input.value);
          return at === TRAINED ? null : at;
        }),
      );
      this.tell(segments);
      this.viewer.onRecut();
      this.node.dataset.frameMs = (performance.now() - began).toFixed(1);
    }
    tell(segments) {
      const on = segments.whatIf,
        many = segments.groups.length > 1;
      this.reset.disabled = !on;
      this.viewer.root.classList.toggle("seg-supposed", on);
      if (!on) {
        this.told.textContent = "";
        return;
      }
      const counts = segments.groups.map((group) => {
        const each = group.stages.map((stage, s) => {
          const before = stage.kept.length + (stage.clipped ? 1 : 0),
            now = stage.starts.length;
          return `${group.stages.length > 1 ? `stage ${s}: ` : ""}${before.toLocaleString("en")} → ${now.toLocaleString("en")}`;
        });
        return `${many ? `${group.label} ` : ""}${each.join(", ")}`;
      });
      const inner = segments.groups.some((group) => group.stages.length > 1)
        ? " An inner stage has p only where the outer router, as trained, kept a byte; other outer cuts would change its p."
        : "";
      this.told.textContent = `What if, not the trained rule (p > 0.5): chunks ${counts.join("; ")}. Facts, table and plots stay those of the trained rule.${inner}`;
    }
  }
  hnet.WhatIf = WhatIf;
})();
