/* The genome view's tracks: files of app/genome.py read by window, as the feature sources that igv.js asks. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const STEP = 4, NOTHING = 255, SMALLEST = 1024; // as in app/genome.py
  const CHR = "record", CLOSE = 12000, AROUND = 4096;
  const BLUE = "#2f6db5", EDGE = "#164a8a", GREY = "#5a6675";

  /* Bytes [from, to) of a file on this server; nothing when it has gone, as after a newer analysis. */
  async function bytes(url, from, to) {
    const answer = await fetch(url, { headers: { Range: `bytes=${from}-${to - 1}` } }).catch(() => null);
    if (!answer || !answer.ok) return new Uint8Array(0);
    const all = new Uint8Array(await answer.arrayBuffer());
    return answer.status === 206 ? all : all.slice(from, to);
  }

  /* Means of STEP^level bases, a byte each; see pyramid() in app/genome.py. */
  class Pyramid {
    constructor(url, length) {
      this.url = url;
      this.levels = [];
      for (let at = 0, n = length; ; n = Math.ceil(n / STEP)) {
        this.levels.push({ at, n });
        at += n;
        if (n <= SMALLEST) break;
      }
    }
    /* Places of a level that lie over [start, end): the first one's number and their bytes. */
    async read(level, start, end) {
      const { at, n } = this.levels[level], size = STEP ** level;
      const first = Math.max(0, Math.floor(start / size)), last = Math.min(n, Math.ceil(end / size));
      return { first, size, found: last > first ? await bytes(this.url, at + first, at + last) : new Uint8Array(0) };
    }
    async getFeatures({ chr, start, end, bpPerPixel }) {
      const level = Math.min(this.levels.length - 1, Math.max(0, Math.floor(Math.log(bpPerPixel || 1) / Math.log(STEP))));
      const { first, size, found } = await this.read(level, start, end), out = [];
      found.forEach((byte, i) => {
        if (byte !== NOTHING) out.push({ chr, start: (first + i) * size, end: (first + i + 1) * size, value: byte / (NOTHING - 1) });
      });
      return out;
    }
    get windowFunctions() { return ["mean"]; }
  }

  /* Chunks from a bit a base; one that reaches beyond what was read is drawn as far as that. */
  class Chunks {
    constructor(url, prob, length) { Object.assign(this, { url, prob, length }); }
    async readFeatures(chr, start, end) {
      const from = Math.max(0, Math.floor(start) - AROUND) & ~7, to = Math.min(this.length, Math.ceil(end) + AROUND);
      if (to <= from) return [];
      const [bits, { found }] = await Promise.all([bytes(this.url, from >> 3, (to + 7) >> 3), this.prob.read(0, from, to)]);
      const out = [];
      let begun = from, dark = false;
      const close = (at) => {
        const prob = found[begun - from] / (NOTHING - 1), shade = 0.25 + 0.6 * (prob || 0);
        out.push({ chr, start: begun, end: at, prob, color: `rgba(${dark ? "47,109,181" : "122,165,216"},${shade.toFixed(2)})` });
        dark = !dark;
        begun = at;
      };
      for (let at = from + 1; at < to; at++) if ((bits[(at - from) >> 3] >> (7 - (at & 7))) & 1) close(at);
      close(to);
      return out;
    }
  }

  const list = async (url) => {
    const answer = await fetch(url).catch(() => null), rows = answer && answer.ok ? await answer.json() : [];
    return rows.map(([start, end, strand, name, kind]) => ({ chr: CHR, start, end, strand, name, kind }));
  };

  /* igv.js's configuration of one track of the value; url: where the server keeps a file. */
  hnet.trackConfig = async (track, url, length) => {
    const common = { name: track.name, id: track.file, order: track.order, removable: false, autoHeight: false };
    if (track.kind === "p" || track.kind === "consensus") {
      return {
        ...common, type: "wig", featureSource: new Pyramid(url(track.file), length), min: 0, max: 1, autoscale: false, height: 46,
        color: track.kind === "p" ? BLUE : GREY, graphType: "bar", windowFunction: "mean",
      };
    }
    if (track.kind === "chunks") {
      const reader = new Chunks(url(track.file), new Pyramid(url(track.prob), length), length);
      return { ...common, type: "annotation", reader, visibilityWindow: CLOSE, displayMode: "COLLAPSED", height: 24, searchable: false };
    }
    const features = await list(url(track.file));
    const many = track.kind === "features";
    return {
      ...common, type: "annotation", features, displayMode: many ? "SQUISHED" : "EXPANDED", height: many ? 38 : 70,
      color: many ? "#8a94a3" : EDGE, visibilityWindow: -1, searchable: false,
    };
  };
  hnet.hitTrack = (hits) => ({
    name: "motif", id: "motif", order: 1000, removable: false, type: "annotation", displayMode: "COLLAPSED", height: 34, color: "#6b3fa0", visibilityWindow: -1,
    searchable: false, features: hits.map(([start, end, strand]) => ({ chr: CHR, start, end, strand, name: "", kind: "motif" })),
  });
  hnet.RECORD = CHR;
})();
