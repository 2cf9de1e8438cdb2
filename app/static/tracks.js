/* The genome view's tracks: files of app/dna/tracks.py read by window, as the feature sources that igv.js asks. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const STEP = 4,
    NOTHING = 255,
    SMALLEST = 1024; // as in app/dna/tracks.py
  const CHR = "record",
    CLOSE = 12000,
    AROUND = 4096; // AROUND is STRIDE of app/dna/tracks.py
  const BLOCK = 32768,
    KEPT = 48; // bytes of a request; blocks of a file that stay
  const AHEAD = 2.5; // screens either side: igv.js draws one beyond what is seen
  const NARROW = 2; // pixels
  const BLUE = "#2f6db5",
    EDGE = "#164a8a",
    GREY = "#5a6675";

  /* Bytes [from, to) of a file on this server; nothing when it has gone, as after a newer analysis. */
  async function bytes(url, from, to) {
    const answer = await fetch(url, { headers: { Range: `bytes=${from}-${to - 1}` } }).catch(() => null);
    if (!answer || !answer.ok) return new Uint8Array(0);
    const all = new Uint8Array(await answer.arrayBuffer());
    return answer.status === 206 ? all : all.slice(from, to);
  }

  /* A file of this server by blocks. The latest ones stay, so that a place close to where somebody was needs no request. */
  class Blocks {
    constructor(url, size) {
      Object.assign(this, { url, size, kept: new Map() });
    }
    /* Ask for the blocks that are not here, one request for each run of them; what fails is asked for again next time. */
    want(first, last) {
      for (let i = first; i <= last; i++) {
        const here = this.kept.get(i);
        if (here) {
          this.kept.delete(i);
          this.kept.set(i, here);
          continue;
        }
        let end = i;
        while (end < last && !this.kept.has(end + 1)) end++;
        const from = i,
          run = bytes(this.url, from * BLOCK, Math.min(this.size, (end + 1) * BLOCK));
        for (let k = from; k <= end; k++) {
          this.kept.set(
            k,
            run.then((all) => {
              const part = all.subarray((k - from) * BLOCK, (k - from + 1) * BLOCK);
              if (!part.length) this.kept.delete(k);
              return part;
            }),
          );
        }
        i = end;
      }
      const most = Math.max(KEPT, last - first + 1);
      while (this.kept.size > most) this.kept.delete(this.kept.keys().next().value);
    }
    /* Bytes [from, to), cut at the file's ends; nothing where the file has gone. */
    async read(from, to) {
      [from, to] = [Math.max(0, Math.floor(from)), Math.min(this.size, Math.ceil(to))];
      if (to <= from) return new Uint8Array(0);
      const first = Math.floor(from / BLOCK),
        last = Math.floor((to - 1) / BLOCK);
      this.want(first, last);
      const parts = await Promise.all(
        Array.from({ length: last - first + 1 }, (_, i) => this.kept.get(first + i)),
      );
      if (parts.some((part) => !part.length)) return new Uint8Array(0);
      const out = new Uint8Array(to - from);
      parts.forEach((part, i) => {
        const at = (first + i) * BLOCK;
        out.set(part.subarray(Math.max(0, from - at), Math.max(0, to - at)), Math.max(0, at - from));
      });
      return out;
    }
  }

  /* Means of STEP^level bases, a byte each; see pyramid() in app/dna/tracks.py. */
  class Pyramid {
    constructor(url, length) {
      this.levels = [];
      let at = 0;
      for (let n = length; ; n = Math.ceil(n / STEP)) {
        this.levels.push({ at, n });
        at += n;
        if (n <= SMALLEST) break;
      }
      this.blocks = new Blocks(url, at);
    }
    /* Places of a level that lie over [start, end): the first one's number and their bytes. */
    async read(level, start, end) {
      const { at, n } = this.levels[level],
        size = STEP ** level;
      const first = Math.max(0, Math.floor(start / size)),
        last = Math.min(n, Math.ceil(end / size));
      return {
        first,
        size,
        found: last > first ? await this.blocks.read(at + first, at + last) : new Uint8Array(0),
      };
    }
    levelOf(bpPerPixel) {
      return Math.min(
        this.levels.length - 1,
        Math.max(0, Math.floor(Math.log(bpPerPixel || 1) / Math.log(STEP))),
      );
    }
    async getFeatures({ chr, start, end, bpPerPixel }) {
      const { first, size, found } = await this.read(this.levelOf(bpPerPixel), start, end),
        out = [];
      found.forEach((byte, i) => {
        if (byte !== NOTHING)
          out.push({
            chr,
            start: (first + i) * size,
            end: (first + i + 1) * size,
            value: byte / (NOTHING - 1),
          });
      });
      return out;
    }
    /* Fetch what the next step from a view can show: one screen on, twice as near, twice as far; and what is small. */
    ahead(start, end, bpPerPixel) {
      const level = this.levelOf(bpPerPixel),
        span = end - start;
      const coarse = this.levels.findIndex(({ n }) => n <= BLOCK);
      this.blocks.read(this.levels[coarse].at, this.blocks.size);
      for (let k = Math.max(0, level - 1); k <= Math.min(level + 1, coarse); k++)
        this.read(k, start - AHEAD * span, end + AHEAD * span);
    }
    get windowFunctions() {
      return ["mean"];
    }
  }

  /* Chunks from a bit a base; one that reaches beyond what was read is drawn as far as that. */
  class Chunks {
    /* odd: a bit every AROUND bases, whether the chunk there has an odd number, so that a chunk keeps its shade. */
    constructor(url, { prob, length, odd }) {
      Object.assign(this, { bits: new Blocks(url, (length + 7) >> 3), prob, length, odd: hnet.bytesOf(odd) });
    }
    async readFeatures(chr, start, end) {
      const block = Math.max(0, Math.floor(start / AROUND) - 1),
        from = block * AROUND,
        to = Math.min(this.length, Math.ceil(end) + AROUND);
      if (to <= from) return [];
      const [bits, { found }] = await Promise.all([
        this.bits.read(from >> 3, (to + 7) >> 3),
        this.prob.read(0, from, to),
      ]);
      const out = [];
      let begun = from,
        dark = Boolean((this.odd[block >> 3] >> (7 - (block & 7))) & 1);
      const close = (at) => {
        const prob = found[begun - from] / (NOTHING - 1),
          shade = 0.25 + 0.6 * (prob || 0);
        out.push({
          chr,
          start: begun,
          end: at,
          prob,
          color: `rgba(${dark ? "47,109,181" : "122,165,216"},${shade.toFixed(2)})`,
        });
        dark = !dark;
        begun = at;
      };
      for (let at = from + 1; at < to; at++) if ((bits[(at - from) >> 3] >> (7 - (at & 7))) & 1) close(at);
      close(to);
      return out;
    }
    ahead(start, end) {
      const span = end - start,
        [from, to] = [start - AHEAD * span - AROUND, end + AHEAD * span + AROUND];
      if (span > 2 * CLOSE) return;
      this.bits.read(from / 8, to / 8);
      this.prob.read(0, from, to);
    }
  }

  /* Features by place, in rows that do not overlap. Neighbours too narrow to be told apart are drawn as one, with their
     number: a whole genome has thousands a screen. */
  class Features {
    constructor(all, noun) {
      this.noun = noun;
      this.all = all.sort((a, b) => a.start - b.start);
      const ends = [];
      for (const each of this.all) {
        let row = ends.findIndex((end) => end <= each.start);
        if (row < 0) row = ends.length;
        ends[row] = each.end;
        each.row = row;
      }
    }
    async getFeatures({ chr, start, end, bpPerPixel }) {
      const out = [],
        open = [];
      for (const each of this.all) {
        if (each.start >= end) break;
        if (each.end <= start) continue;
        const last = open[each.row],
          narrow = each.end - each.start < NARROW * bpPerPixel;
        if (last && narrow && each.start - last.end < bpPerPixel) {
          Object.assign(last, { end: each.end, name: "", strand: "", kind: `${++last.count} ${this.noun}` });
        } else {
          open[each.row] = narrow ? { ...each, count: 1 } : null;
          out.push(open[each.row] || each);
        }
      }
      return out;
    }
  }

  /* Bases [start, end) as genome browsers write them. */
  hnet.bases = (start, end) =>
    `${(Math.round(start) + 1).toLocaleString("en")}-${Math.round(end).toLocaleString("en")}`;
  /* What a place of a track is, in words. */
  const inWords = (each) => {
    const where = hnet.bases(each.start, each.end),
      n = each.end - each.start;
    if (each.value !== undefined)
      return n > 1
        ? `bases ${where}: ${each.value.toFixed(3)}, a mean`
        : `base ${where.split("-")[0]}: ${each.value.toFixed(3)}`;
    if (each.prob !== undefined)
      return `chunk ${where}, ${hnet.counted(n, "base")}, p ${each.prob.toFixed(3)}`;
    return [each.kind, each.name, where, each.strand === "+" || each.strand === "-" ? `(${each.strand})` : ""]
      .filter(Boolean)
      .join(" ");
  };
  /* igv.js makes markup of what it says at a click, and calls the record by another name: sentences of our own instead. */
  hnet.sayOnClick = (track) => {
    if (!track || !track.clickedFeatures) return;
    track.popupData = (click) => {
      const near = track.clickedFeatures(click).map((each) => each._f || each),
        at = click.genomicLocation;
      const under = near.filter((each) => each.start <= at && at < each.end);
      return [...new Set((under.length ? under : near.slice(0, 1)).map(inWords))].map(
        (words) => `${track.name}: ${words}`,
      );
    };
  };

  const list = async (url) => {
    const answer = await fetch(url).catch(() => null),
      rows = answer && answer.ok ? await answer.json() : [];
    return rows.map(([start, end, strand, name, kind]) => ({ chr: CHR, start, end, strand, name, kind }));
  };

  /* The files behind the tracks of one record. url: where the server keeps one; a file that two tracks show is read once. */
  hnet.TrackFiles = class {
    constructor(url, length) {
      Object.assign(this, { url, length, opened: new Map() });
    }
    get(name, make) {
      if (!this.opened.has(name)) this.opened.set(name, make(this.url(name)));
      return this.opened.get(name);
    }
    pyramid(name) {
      return this.get(name, (url) => new Pyramid(url, this.length));
    }
    chunks({ file, prob, odd }) {
      return this.get(file, (url) => new Chunks(url, { prob: this.pyramid(prob), length: this.length, odd }));
    }
    ahead(start, end, bpPerPixel) {
      for (const each of this.opened.values()) each.ahead(start, end, bpPerPixel);
    }

    /* igv.js's configuration of one track of the value. */
    async config(track) {
      const common = {
        name: track.name,
        id: track.file,
        order: track.order,
        removable: false,
        autoHeight: false,
      };
      if (track.kind === "p" || track.kind === "consensus") {
        return {
          ...common,
          type: "wig",
          featureSource: this.pyramid(track.file),
          min: 0,
          max: 1,
          autoscale: false,
          height: 46,
          color: track.kind === "p" ? BLUE : GREY,
          graphType: "bar",
          windowFunction: "mean",
        };
      }
      if (track.kind === "chunks") {
        const reader = this.chunks(track);
        return {
          ...common,
          type: "annotation",
          reader,
          visibilityWindow: CLOSE,
          displayMode: "COLLAPSED",
          height: 24,
          searchable: false,
        };
      }
      const many = track.kind === "features";
      return {
        ...common,
        type: "annotation",
        featureSource: new Features(await list(this.url(track.file)), track.kind),
        displayMode: many ? "SQUISHED" : "EXPANDED",
        height: many ? 38 : 70,
        color: many ? "#8a94a3" : EDGE,
        visibilityWindow: -1,
      };
    }
  };
  hnet.hitTrack = (hits) => ({
    name: "motif",
    id: "motif",
    order: 1000,
    removable: false,
    type: "annotation",
    displayMode: "COLLAPSED",
    height: 34,
    color: "#6b3fa0",
    visibilityWindow: -1,
    featureSource: new Features(
      hits.map(([start, end, strand]) => ({ chr: CHR, start, end, strand, name: "", kind: "motif" })),
      "places",
    ),
  });
  hnet.RECORD = CHR;
})();
