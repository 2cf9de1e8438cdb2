/* The data behind the viewer: bytes, stages of chunks, cells of a row. No drawing, no DOM.

Offsets are 0-based bytes. `origin` is the offset of the first byte shown inside its sequence. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const NARROW = 1,
    WIDE = 2,
    MARK = 3,
    HIDDEN = 4;
  const WIDE_RANGES = [
    [0x1100, 0x115f],
    [0x2e80, 0x303e],
    [0x3041, 0x4dbf],
    [0x4e00, 0xa4cf],
    [0xa960, 0xa97f],
    [0xac00, 0xd7a3],
    [0xf900, 0xfaff],
    [0xfe30, 0xfe6f],
    [0xff00, 0xff60],
    [0xffe0, 0xffe6],
    [0x16fe0, 0x18dff],
    [0x1b000, 0x1b2ff],
    [0x1f200, 0x1f265],
    [0x20000, 0x3fffd],
  ];
  // Every code point that would leave no trace on screen, or would move its neighbours.
  const INVISIBLE = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;
  const COMBINING = /\p{M}/u;
  const EMOJI = /\p{Emoji_Presentation}/u;
  const classes = new Uint8Array(0x110000); // filled as code points are met

  function classOf(point) {
    if (classes[point]) return classes[point];
    const glyph = String.fromCodePoint(point);
    let kind = NARROW;
    if (INVISIBLE.test(glyph)) kind = HIDDEN;
    else if (COMBINING.test(glyph)) kind = MARK;
    else if (EMOJI.test(glyph) || WIDE_RANGES.some(([low, high]) => point >= low && point <= high))
      kind = WIDE;
    return (classes[point] = kind);
  }

  function bytesOf(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const raw = atob(base64),
      out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  }

  /* Length of the well-formed UTF-8 character at `at`, or 0 (surrogates, overlong forms and cut tails are not). */
  function characterLength(data, at) {
    const lead = data[at];
    if (lead < 0x80) return 1;
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || at + length > data.length) return 0;
    for (let k = 1; k < length; k++) if ((data[at + k] & 0xc0) !== 0x80) return 0;
    const second = data[at + 1];
    if ((lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f)) return 0;
    if ((lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f)) return 0;
    return length;
  }

  /* One byte a bit, first bit first. */
  function bitsOf(base64, count) {
    const packed = bytesOf(base64),
      out = new Uint8Array(count);
    for (let i = 0; i < count; i++) out[i] = (packed[i >> 3] >> (7 - (i & 7))) & 1;
    return out;
  }

  function codePoint(data, at, length) {
    let point = length === 1 ? data[at] : data[at] & (0x7f >> length);
    for (let k = 1; k < length; k++) point = (point << 6) | (data[at + k] & 0x3f);
    return point;
  }

  const hex = (value, digits) => value.toString(16).toUpperCase().padStart(digits, "0");
  const boxWidth = (digits) => Math.max(2, Math.ceil(digits * 0.62 + 0.4));

  /* Last index whose value is <= key in an ascending array. */
  function floorIndex(values, key) {
    let low = 0,
      high = values.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (values[middle] <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /* One stage of one model: what it saw, how sure it was, where its chunks start. */
  class Stage {
    constructor(raw, positions, length) {
      this.trained = bitsOf(raw.bits, bytesOf(raw.prob).length / 2);
      this.prob = new Uint16Array(bytesOf(raw.prob).buffer);
      this.positions = positions; // null: every byte
      this.length = length;
      this.lead = raw.lead; // the chunk that covers byte 0: its true start, p and index
      this.tail = raw.tail; // true end of the last chunk
      // A region may begin inside a chunk: that chunk then starts at byte 0 here, and before it in the sequence.
      this.clipped = length > 0 && !(this.trained[0] && (!positions || positions[0] === 0));
      this.recut(null, null);
      this.kept = this.cut; // the positions of the next stage
      this.keptAt = Int32Array.from(this.trained.keys()).filter((i) => this.trained[i]); // and their indices here
    }
    /* Chunks by the trained rule (threshold null), or cut wherever p > threshold.

    A stage has p only where the outer router, as trained, kept a byte: a cut that `outer` drops by a what-if of its
    own is dropped here too, and one that it adds has no p here. */
    recut(threshold, outer) {
      const { prob, trained, positions } = this,
        count = prob.length,
        limit = threshold === null ? 0 : threshold * 65535;
      const found = new Int32Array(count + 1),
        sure = new Uint16Array(count + 1),
        isStart = new Uint8Array(count);
      let m = 0;
      if (this.clipped) {
        sure[0] = Math.round(this.lead.prob * 65535);
        m = 1;
      }
      for (let i = 0; i < count; i++) {
        const cuts = threshold === null ? trained[i] : prob[i] > limit || (i === 0 && !this.clipped);
        if (!cuts || (outer && !outer.isStart[outer.keptAt[i]])) continue;
        found[m] = positions ? positions[i] : i;
        sure[m++] = prob[i];
        isStart[i] = 1;
      }
      this.isStart = isStart;
      this.starts = found.slice(0, m);
      this.startProb = sure.slice(0, m);
      this.cut = found.slice(this.clipped ? 1 : 0, m);
    }
    chunkAt(byte) {
      return floorIndex(this.starts, byte);
    }
    endOf(chunk) {
      return chunk + 1 < this.starts.length ? this.starts[chunk + 1] : this.length;
    }
    /* Index of the position at `byte`, or -1 where this stage does not look. */
    indexAt(byte) {
      if (!this.positions) return byte;
      if (!this.positions.length) return -1;
      const i = floorIndex(this.positions, byte);
      return this.positions[i] === byte ? i : -1;
    }
    firstIndexFrom(byte) {
      if (!this.positions) return byte;
      if (!this.positions.length) return 0;
      const i = floorIndex(this.positions, byte);
      return this.positions[i] < byte ? i + 1 : i;
    }
    positionAt(i) {
      return this.positions ? this.positions[i] : i;
    }
  }

  class Segments {
    constructor(value) {
      this.data = bytesOf(value.bytes);
      this.origin = value.origin || 0;
      this.bases = value.bases || null; // {perRow, group}: fixed rows of bases
      this.perRow = this.bases ? this.bases.perRow : 0;
      this.unit = this.bases ? "base" : "byte";
      this.counted = this.bases ? 1 : 0; // what the first one is called: bases count from 1, bytes from 0
      this.gaps = this.bases && this.bases.gaps ? bitsOf(this.bases.gaps, this.data.length) : null; // before a codon
      this.features = value.features || [];
      this.groups = value.groups.map((group) => {
        let positions = null;
        const stages = group.stages.map((raw) => {
          const stage = new Stage(raw, positions, this.data.length);
          positions = stage.kept;
          return stage;
        });
        return { label: group.label, name: group.name, stages };
      });
      this.key = value.key;
      this.syntax = value.syntax ? bytesOf(value.syntax) : null; // a colour a byte
      this.moved = value.moved || null; // {added, removed} a stage, since the run before
      this.bits = null; // surprisal, where it has come
      this.compared = value.compared || null; // the stage of each model that is compared
      this.recut([]);
    }
    /* Every model's chunks at other thresholds, one a stage; null is the trained rule. */
    recut(thresholds) {
      this.thresholds = thresholds;
      this.version = (this.version || 0) + 1;
      for (const group of this.groups) {
        let outer = null;
        group.stages.forEach((stage, s) => {
          stage.recut(thresholds[s] ?? null, outer);
          outer = stage;
        });
      }
      this.markStarts();
      this.splits = this.splitHash();
    }
    /* Which characters are split, as one number: equal cuts of characters give equal rows. */
    splitHash() {
      let hash = 0;
      for (const { stages } of this.groups) {
        if (stages.length)
          for (const byte of stages[0].cut)
            if ((this.data[byte] & 0xc0) === 0x80) hash = (Math.imul(hash, 31) + byte + 1) | 0;
      }
      return hash;
    }
    get whatIf() {
      return this.thresholds.some((each) => each !== null);
    }
    /* starts: byte begins a chunk of any model; votes: how many of the compared stages cut there; differs: not all or none. */
    markStarts() {
      const n = this.data.length;
      this.starts = new Uint8Array(n);
      for (const group of this.groups)
        if (group.stages.length) for (const byte of group.stages[0].cut) this.starts[byte] = 1;
      this.votes = this.differs = null;
      if (!this.compared) return;
      this.votes = new Uint8Array(n);
      this.groups.forEach((group, g) => {
        for (const byte of group.stages[this.compared[g]].cut) this.votes[byte]++;
      });
      this.differs = this.votes.map((count) => (count && count < this.groups.length ? 1 : 0));
    }
    /* Lowest and highest p of the compared stages at a byte; a stage that does not look there counts as 0. */
    spreadAt(byte) {
      let low = 65535,
        high = 0;
      this.groups.forEach((group, g) => {
        const stage = group.stages[this.compared[g]],
          i = stage.indexAt(byte),
          prob = i < 0 ? 0 : stage.prob[i];
        low = Math.min(low, prob);
        high = Math.max(high, prob);
      });
      return [low, high];
    }
    /* The cell at byte `at`: a character, or a single byte where it is not UTF-8 or a boundary splits it. */
    cellAt(at) {
      const byte = this.data[at];
      if (byte >= 0x20 && byte < 0x7f)
        return {
          at,
          length: 1,
          width: 1,
          kind: byte === 0x20 ? "space" : "text",
          text: String.fromCharCode(byte),
        };
      if (byte === 0x0a) return { at, length: 1, width: 1, kind: "mark", text: "↵" };
      if (byte === 0x09) return { at, length: 1, width: 1, kind: "mark", text: "⇥" };
      if (byte < 0x80) return { at, length: 1, width: 2, kind: "box", text: hex(byte, 2) };
      const whole = this.characterAt(at);
      if (!whole) return { at, length: 1, width: 2, kind: "bad", text: hex(byte, 2) };
      if (this.isSplit(whole.at, whole.length))
        return { at, length: 1, width: 2, kind: "split", text: hex(byte, 2) };
      const kind = classOf(whole.point),
        digits = hex(whole.point, 2);
      if (kind === HIDDEN)
        return { at, length: whole.length, width: boxWidth(digits.length), kind: "box", text: digits };
      const glyph = String.fromCodePoint(whole.point);
      if (kind === MARK) return { at, length: whole.length, width: 1, kind: "glyph", text: "\u25cc" + glyph };
      return { at, length: whole.length, width: kind === WIDE ? 2 : 1, kind: "glyph", text: glyph };
    }
    /* The whole character that covers byte `at`, or null where the bytes are no UTF-8. */
    characterAt(at) {
      for (let start = at; start >= 0 && start > at - 4; start--) {
        if ((this.data[start] & 0xc0) === 0x80) continue;
        const length = characterLength(this.data, start);
        return length > at - start ? { at: start, length, point: codePoint(this.data, start, length) } : null;
      }
      return null;
    }
    isSplit(at, length) {
      for (let k = 1; k < length; k++) if (this.starts[at + k]) return true;
      return false;
    }
    /* First byte of every row of at most `columns` cells, broken after a space where one is near; one pass. */
    layOut(columns) {
      const n = this.data.length;
      if (this.bases)
        return Int32Array.from(
          { length: Math.max(1, Math.ceil(n / this.perRow)) },
          (_, i) => i * this.perRow,
        );
      let rows = new Int32Array(1024),
        count = 1,
        used = 0,
        soft = 0,
        softUsed = 0;
      const breakAt = (byte, left) => {
        if (count === rows.length) {
          const bigger = new Int32Array(2 * count);
          bigger.set(rows);
          rows = bigger;
        }
        rows[count++] = byte;
        used = left;
        soft = 0;
      };
      for (let at = 0; at < n;) {
        const byte = this.data[at];
        let width = 1,
          length = 1;
        if (byte < 0x20 || byte >= 0x7f) ({ width, length } = this.cellAt(at));
        if (used + width > columns && used) {
          if (soft && softUsed > 0.4 * columns) breakAt(soft, used - softUsed);
          else breakAt(at, 0);
        }
        used += width;
        at += length;
        if (byte === 0x20) {
          soft = at;
          softUsed = used;
        }
        if (byte === 0x0a && at < n && this.data[at] !== 0x0a) breakAt(at, 0); // empty lines stay on the row they end
      }
      return rows.slice(0, count);
    }
    /* At most as many bases a row as asked for, whole groups, so that no row is wider than `columns`. */
    fit(columns) {
      const { perRow, group } = this.bases;
      for (this.perRow = perRow; this.perRow > group && this.baseColumns > columns;) this.perRow -= group;
    }
    /* Columns of the widest row of bases. */
    get baseColumns() {
      const { perRow } = this,
        { group } = this.bases;
      let most = this.gaps ? 0 : Math.ceil(perRow / group - 1);
      for (let row = 0, at = 0; this.gaps && row < this.data.length; row += perRow) {
        let count = 0;
        for (at = row + 1; at < Math.min(row + perRow, this.data.length); at++) count += this.gaps[at];
        most = Math.max(most, count);
      }
      return perRow + most * 0.5;
    }
    /* Cells of bytes [start, end), each with its column; groups of bases are half a cell apart. */
    cells(start, end) {
      const out = [];
      let column = 0;
      for (let at = start; at < end;) {
        const cell = this.cellAt(at);
        if (this.bases && at > start && (this.gaps ? this.gaps[at] : (at - start) % this.bases.group === 0)) {
          column += 0.5;
          cell.gap = true;
        }
        cell.column = column;
        column += cell.width;
        at += cell.length;
        out.push(cell);
      }
      return out;
    }
    /* What the page calls the place `at`, an offset among what is shown, and [start, end) of the sequence: bases as
    genome browsers write them, from 1 and with the last one; bytes as the files do. */
    called(at) {
      return this.bases ? (at + this.origin + 1).toLocaleString("en") : String(at + this.origin);
    }
    span(start, end) {
      return this.bases
        ? `${(start + 1).toLocaleString("en")}-${end.toLocaleString("en")}`
        : `[${start}, ${end})`;
    }
    /* Bytes [start, end) as one line of visible text, cut after `limit` cells; goesOn: more follows that is not shown. */
    visible(start, end, goesOn = false, limit = 40) {
      let out = "",
        at = start,
        count = 0;
      for (; at < end && count < limit; count++) {
        const cell = this.cellAt(at);
        if (cell.kind === "space") out += "␣";
        else if (cell.kind === "bad" || cell.kind === "split") out += `‹${cell.text}›`;
        else if (cell.kind === "box") out += `‹U+${cell.text.padStart(4, "0")}›`;
        else out += cell.text;
        at += cell.length;
      }
      return at < end || goesOn ? out + "…" : out;
    }
  }
  hnet.Segments = Segments;
  hnet.bytesOf = bytesOf;
  hnet.characterLength = characterLength;
  hnet.hex = hex;
  hnet.floorIndex = floorIndex;
})();
