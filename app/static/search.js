/* Search by text, regular expression or hex. It runs in a worker: an expression that never ends is stopped after LIMIT. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const LIMIT = 1000,
    MOST = 100000; // ms of matching; matches kept
  const KINDS = [
    ["text", "text"],
    ["regex", "regex"],
    ["hex", "hex bytes"],
  ];

  /* In the worker: bytes and a question in, the first and last byte of every match out. Throws what the person did wrong. */
  function worker(characterLength, MOST) {
    const fail = (words) => {
      throw new Error(words);
    };
    const needleOf = (kind, query) => {
      if (kind === "text") return new TextEncoder().encode(query);
      const digits = query.replace(/\s|0x/gi, "");
      if (!/^([0-9a-f]{2})+$/i.test(digits))
        fail("not hex: give pairs of the digits 0-9 and A-F, such as E4 B8 AD");
      return Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
    };
    const findBytes = (data, needle, found) => {
      for (
        let at = data.indexOf(needle[0]);
        at >= 0 && found.length < 2 * MOST;
        at = data.indexOf(needle[0], at + 1)
      ) {
        let k = 1;
        while (k < needle.length && data[at + k] === needle[k]) k++;
        if (k === needle.length) {
          found.push(at, at + k);
          at += k - 1;
        }
      }
    };
    /* The text and, for each of its UTF-16 units, its byte; a byte that is no UTF-8 becomes a lone surrogate. */
    const decoded = (data) => {
      const units = new Uint16Array(data.length),
        byteOf = new Int32Array(data.length + 1);
      let n = 0;
      for (let at = 0; at < data.length;) {
        const length = characterLength(data, at) || 0;
        let point = length ? (length === 1 ? data[at] : data[at] & (0x7f >> length)) : 0xdc00 + data[at];
        for (let k = 1; k < length; k++) point = (point << 6) | (data[at + k] & 0x3f);
        byteOf[n] = at;
        if (point > 0xffff) {
          units[n++] = 0xd7c0 + (point >> 10);
          byteOf[n] = at;
          point = 0xdc00 + (point & 0x3ff);
        }
        units[n++] = point;
        at += length || 1;
      }
      byteOf[n] = data.length;
      let text = "";
      for (let i = 0; i < n; i += 8192)
        text += String.fromCharCode(...units.subarray(i, Math.min(n, i + 8192)));
      return { text, byteOf };
    };
    const findPattern = (data, query, found) => {
      let pattern;
      try {
        pattern = new RegExp(query, "gmu");
      } catch (err) {
        fail(`not a regular expression: ${err.message.split(": ").pop()}`);
      }
      const { text, byteOf } = decoded(data);
      self.postMessage({ begun: true });
      for (const match of text.matchAll(pattern)) {
        if (match[0].length) found.push(byteOf[match.index], byteOf[match.index + match[0].length]);
        if (found.length >= 2 * MOST) break;
      }
    };
    self.onmessage = ({ data: { data, kind, query } }) => {
      const found = [];
      try {
        if (kind === "regex") findPattern(data, query, found);
        else findBytes(data, needleOf(kind, query), found);
        self.postMessage({ found: Int32Array.from(found) });
      } catch (err) {
        self.postMessage({ error: err.message });
      }
    };
  }

  class Search {
    constructor(viewer, make, parent) {
      this.viewer = viewer;
      const form = make("form", "seg-search", parent);
      form.setAttribute("role", "search");
      this.kind = make("select", "", form);
      this.kind.setAttribute("aria-label", "Search by");
      for (const [value, words] of KINDS) make("option", "", this.kind, words).value = value;
      this.query = make("input", "", form);
      Object.assign(this.query, {
        type: "text",
        placeholder: "search, case counts",
        title: "search (/); upper and lower case are not the same",
        spellcheck: false,
        autocomplete: "off",
        maxLength: 10000,
      });
      this.query.setAttribute("aria-label", "Search in the text");
      const button = (glyph, name, step) => {
        const node = make("button", "", form, glyph);
        node.type = "button";
        node.title = name;
        node.setAttribute("aria-label", name);
        node.addEventListener("click", () => this.step(step));
      };
      button("‹", "previous match (M)", -1);
      button("›", "next match (m)", 1);
      this.told = make("output", "seg-told", form);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.step(1);
      });
      this.query.addEventListener("keydown", (event) => this.onKey(event));
      this.clear();
    }
    onKey(event) {
      if (event.key === "Enter" && event.shiftKey) {
        event.preventDefault();
        this.step(-1);
      }
      if (event.key === "Escape") {
        this.query.value = "";
        this.clear();
        this.viewer.redraw();
        this.viewer.scroller.focus();
      }
    }
    /* Forget what was found; the question stays. */
    clear() {
      this.stop();
      this.asked = null;
      this.words = ""; // what the places found are, where nobody searched
      this.found = new Int32Array(0); // start, end, start, end, ...: rising, not overlapping
      this.at = -1;
      this.say("");
    }
    say(words, wrong = false) {
      this.told.textContent = words;
      this.told.classList.toggle("seg-wrong", wrong);
    }
    stop() {
      clearTimeout(this.timer);
      if (this.thread) this.thread.terminate();
      this.thread = null;
    }
    /* What is asked, where another part of the page asked it. */
    show(kind, query) {
      this.kind.value = kind;
      this.query.value = query;
    }
    /* Go to the next (1) or previous (-1) match; search first where the question is new. */
    step(by) {
      const { segments } = this.viewer,
        query = this.query.value,
        kind = this.kind.value;
      if (!segments) return;
      if (!query && this.words) {
        this.go(by);
        return;
      }
      if (!query) {
        this.clear();
        this.viewer.redraw();
        this.say("type what to search for", true);
        return;
      }
      if (this.asked !== `${kind} ${query}`) this.ask(segments, kind, query, by);
      else this.go(by);
    }
    /* Places that another part of the page found, to be walked through like matches. */
    take(found, words) {
      this.clear();
      Object.assign(this, { found, words });
      this.query.value = "";
      this.asked = `${this.kind.value} `;
      this.go(1);
    }
    ask(segments, kind, query, by) {
      this.clear();
      this.asked = `${kind} ${query}`;
      this.say("searching");
      const source = `(${worker})(${hnet.characterLength}, ${MOST})`;
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      this.thread = new Worker(url);
      URL.revokeObjectURL(url);
      const end = (words) => {
        this.stop();
        this.asked = null;
        this.say(words, true);
      };
      const wait = (ms) => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => end("stopped after 1 s; make the expression simpler"), ms);
      };
      wait(10 * LIMIT); // starting a worker may take long on a busy machine; matching has its own limit
      this.thread.onerror = (event) => {
        event.preventDefault();
        end("the search failed; try another expression");
      };
      this.thread.onmessage = ({ data }) => {
        if (data.begun) wait(LIMIT);
        else if (data.error) end(data.error);
        else {
          this.stop();
          this.found = data.found;
          this.at = -1;
          this.go(by);
        }
      };
      this.thread.postMessage({ data: segments.data, kind, query });
    }
    go(by) {
      const { found, viewer } = this,
        count = found.length / 2;
      if (this.thread) return;
      if (!count) {
        this.say(this.kind.value === "hex" ? "no match" : "no match; case counts");
        viewer.redraw();
        return;
      }
      if (this.at < 0) this.at = by > 0 ? this.firstFrom(viewer.caret) : this.firstFrom(viewer.caret) - 1;
      else this.at += by;
      this.at = ((this.at % count) + count) % count;
      this.say(
        `${(this.at + 1).toLocaleString("en")} of ${count.toLocaleString("en")}${count === MOST ? " or more" : ""}${this.words ? `: ${this.words}` : ""}`,
      );
      viewer.select(found[2 * this.at], found[2 * this.at + 1]);
      viewer.redraw();
    }
    firstFrom(byte) {
      let i = 0;
      while (2 * i < this.found.length && this.found[2 * i] < byte) i++;
      return i;
    }
    /* (start, end) of the matches that overlap bytes [start, end), with whether it is the current one. */
    *within(start, end) {
      for (const [from, to, i] of within(this.found, start, end)) yield [from, to, i === this.at];
    }
  }
  /* (start, end, index) of those of the places start, end, start, end, ... that overlap bytes [start, end). */
  function* within(places, start, end) {
    let low = 0,
      high = places.length / 2;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[2 * middle + 1] <= start) low = middle + 1;
      else high = middle;
    }
    for (; 2 * low < places.length && places[2 * low] < end; low++)
      yield [places[2 * low], places[2 * low + 1], low];
  }
  hnet.within = within;
  hnet.Search = Search;
})();
