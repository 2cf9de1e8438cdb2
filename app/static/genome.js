/* The genome view: igv.js with the tracks of one record, our own buttons and keys around it. Text enters by textContent. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const REST = 250,
    CLOSEST = 60;
  const BUTTONS = [
    ["whole", "whole record (Home)", (view) => view.show(0, view.length)],
    ["‹", "to the left (left arrow)", (view) => view.pan(-0.5)],
    ["›", "to the right (right arrow)", (view) => view.pan(0.5)],
    ["−", "zoom out (minus)", (view) => view.zoom(2)],
    ["+", "zoom in (plus)", (view) => view.zoom(0.5)],
    ["SVG", "save the tracks as they are here", (view) => view.save()],
  ];
  const KEYS = {
    Home: BUTTONS[0][2],
    ArrowLeft: BUTTONS[1][2],
    ArrowRight: BUTTONS[2][2],
    "-": BUTTONS[3][2],
    "+": BUTTONS[4][2],
    "=": BUTTONS[4][2],
    PageUp: (view) => view.pan(-1),
    PageDown: (view) => view.pan(1),
  };
  // igv.js's own menus hold a search that would leave the machine, and names as markup; here they have no place.
  const STYLE =
    ".igv-gear-menu-column, .igv-track-drag-column, .igv-navbar { display: none !important; } .igv-track-label { font-size: 11px !important; padding: 0 4px !important; opacity: 0.85; color: #16202c !important; }";

  function make(tag, className, parent, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    if (parent) parent.appendChild(node);
    return node;
  }
  const file = (path) => new URL(`gradio_api/file=${path}`, document.baseURI).href;

  /* Features are asked for anew at another scale, as bars are: what is drawn as one depends on it. */
  const byScale = (track) => {
    if (!track || track.type !== "annotation") return;
    track.resolutionAware = true;
    for (const { featureCache } of track.trackView.viewports)
      if (featureCache) featureCache.multiresolution = true;
  };

  /* igv.js sees its own elements go and then asks the tracks, which it has emptied. */
  const close = (browser) => {
    window.igv.removeBrowser(browser);
    browser.trackViews = [];
  };

  let script = null;
  const loadIgv = (path) =>
    (script =
      script ||
      new Promise((done, failed) => {
        const node = document.createElement("script");
        Object.assign(node, { src: file(path), onload: done, onerror: () => failed(new Error("igv.js")) });
        document.head.appendChild(node);
      }));

  class GenomeView {
    constructor(element, onLocus) {
      this.onLocus = onLocus;
      this.root = make("div", "genome", element);
      this.bar = make("div", "genome-bar", this.root);
      this.bar.setAttribute("role", "toolbar");
      this.bar.setAttribute("aria-label", "Genome view");
      for (const [glyph, name, act] of BUTTONS) {
        const button = make("button", "", this.bar, glyph);
        Object.assign(button, { type: "button", title: name });
        button.setAttribute("aria-label", name);
        button.addEventListener("click", () => this.browser && act(this));
      }
      this.locus = make("output", "genome-locus", this.bar);
      this.names = make("span", "genome-names", this.bar);
      this.stage = make("div", "genome-stage", this.root);
      this.stage.tabIndex = 0;
      this.stage.setAttribute("role", "application");
      this.stage.setAttribute("aria-roledescription", "genome browser");
      this.stage.setAttribute(
        "aria-label",
        "Tracks. Left and right arrow move, plus and minus zoom, Home shows the whole record.",
      );
      this.stage.addEventListener("keydown", (event) => this.onKey(event));
      this.told = make("p", "genome-told", this.root);
      this.told.setAttribute("aria-live", "polite");
      this.empty = make("p", "genome-empty", this.root);
    }

    /* value: of app/dna/genome_view.py. A newer value takes the place of one that is still being opened. */
    async load(value) {
      const bare = !value || !value.tracks,
        turn = (this.turn = (this.turn || 0) + 1),
        began = performance.now();
      this.root.classList.toggle("genome-is-empty", bare);
      if (value && value.script) this.path = value.script;
      if (bare) {
        this.empty.textContent = (value && value.hint) || "";
        this.whenSeen();
        return;
      }
      try {
        await loadIgv(this.path);
      } catch {
        this.told.textContent = "igv.js could not be loaded; reload the page.";
        return;
      }
      if (turn !== this.turn) return;
      this.clear();
      Object.assign(this, { length: value.length, about: value.about });
      this.names.textContent =
        value.models.length > 1
          ? value.models.map((title, i) => `${String.fromCharCode(65 + i)}: ${title}`).join("   ")
          : value.models[0];
      const url = (name) => file(`${value.folder}/${name}`);
      this.files = new hnet.TrackFiles(url, value.length);
      const tracks = await Promise.all(
        value.tracks.map((track, order) => this.files.config({ ...track, order: order + 1 })),
      );
      const place = this.locusOf(value.start, value.end);
      const browser = await window.igv.createBrowser(this.stage, {
        loadDefaultGenomes: false,
        reference: {
          id: hnet.RECORD,
          name: hnet.RECORD,
          fastaURL: url("bases.fa"),
          indexURL: url("bases.fa.fai"),
          wholeGenomeView: false,
        },
        locus: place,
        tracks,
        search: false,
        showNavigation: false,
        showIdeogram: false,
        showSVGButton: false,
        minimumBases: CLOSEST,
        showAllChromosomes: false,
      });
      if (turn !== this.turn) {
        close(browser);
        return;
      }
      this.open(browser);
      this.told.textContent = "";
      this.root.dataset.openMs = (performance.now() - began).toFixed(0);
      this.root.dataset.loads = Number(this.root.dataset.loads || 0) + 1;
    }

    /* igv.js takes a second to parse: fetch it when the tab is looked at, not when the first result is there. */
    whenSeen() {
      if (this.watching || !this.path) return;
      this.watching = new IntersectionObserver((seen) => {
        if (seen.some((each) => each.isIntersecting)) {
          this.watching.disconnect();
          loadIgv(this.path).catch(() => {});
        }
      });
      this.watching.observe(this.root);
    }

    open(browser) {
      this.browser = browser;
      const style = make("style", "", null, STYLE);
      this.stage.shadowRoot.appendChild(style);
      for (const { track } of browser.trackViews) {
        if (track && track.type === "sequence") track.contextMenuItemList = () => [];
        byScale(track);
        hnet.sayOnClick(track);
      }
      browser.on("trackclick", (_, about) => {
        this.told.textContent = (about || []).join("   ");
        return false;
      });
      browser.on("locuschange", () => this.onMove());
      this.asked = this.region.join();
      this.showLocus();
      this.ahead();
    }
    /* Fetch what the next step may show, while the view rests. */
    ahead() {
      const [start, end] = this.region;
      this.files.ahead(start, end, this.browser.referenceFrameList[0].bpPerPixel);
    }

    clear() {
      if (!this.browser) return;
      close(this.browser);
      // A shadow root stays with its element for ever; the next browser gets a fresh element.
      const stage = this.stage.cloneNode(false);
      stage.addEventListener("keydown", (event) => this.onKey(event));
      this.stage.replaceWith(stage);
      this.stage = stage;
      this.browser = null;
    }

    locusOf(start, end) {
      return `${hnet.RECORD}:${Math.floor(start) + 1}-${Math.ceil(end)}`;
    }
    /* Bases [start, end) on screen. */
    get region() {
      const frame = this.browser.referenceFrameList[0],
        width = this.browser.calculateViewportWidth(1);
      const start = Math.max(0, Math.round(frame.start));
      return [
        start,
        Math.min(this.length, Math.max(start + 1, Math.round(frame.start + frame.bpPerPixel * width))),
      ];
    }
    showLocus() {
      const [start, end] = this.region;
      this.locus.textContent = `${hnet.bases(start, end)}  (${hnet.counted(end - start, "base")})`;
      Object.assign(this.root.dataset, { start, end });
    }
    onMove() {
      if (!this.browser) return;
      this.showLocus();
      clearTimeout(this.resting);
      this.resting = setTimeout(() => {
        const [start, end] = this.region;
        this.ahead();
        if (`${start},${end}` === this.asked) return;
        this.asked = `${start},${end}`;
        this.onLocus(start, end);
      }, REST);
    }
    /* Show bases [start, end), cut at the record's ends; the page is told when it rests there. */
    async show(start, end) {
      const began = performance.now(),
        span = Math.min(this.length, Math.max(CLOSEST, end - start));
      const from = Math.max(0, Math.min(this.length - span, start));
      const frame = this.browser.referenceFrameList[0];
      // Not browser.search, which makes every viewport anew.
      Object.assign(frame, {
        start: from,
        end: from + span,
        bpPerPixel: span / this.browser.calculateViewportWidth(1),
      });
      await this.browser.updateViews();
      this.showLocus();
      this.root.dataset.moveMs = (performance.now() - began).toFixed(0);
      this.root.dataset.moves = Number(this.root.dataset.moves || 0) + 1;
    }
    pan(by) {
      const [start, end] = this.region;
      return this.show(start + by * (end - start), end + by * (end - start));
    }
    zoom(by) {
      const [start, end] = this.region,
        middle = (start + end) / 2,
        half = ((end - start) * by) / 2;
      return this.show(middle - half, middle + half);
    }
    /* As show, asked for by the page itself, which then need not be told. What is no region is told beside its fields. */
    async goTo(start, end) {
      if (!this.browser || !(start >= 0 && start < end && end <= this.length)) return;
      const [from, to] = this.region;
      if (from === start && to === end) return;
      this.asked = null;
      clearTimeout(this.resting);
      await this.show(start, end);
      this.asked = this.region.join();
      clearTimeout(this.resting);
      this.ahead();
    }
    onKey(event) {
      const act = KEYS[event.key];
      if (!act || !this.browser || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act(this);
    }
    save() {
      const [start, end] = this.region,
        { record, ...facts } = this.about;
      const picture = hnet.withFacts(
        this.browser.toSVG(),
        JSON.stringify({ ...facts, options: { record, start, end } }),
      );
      const link = make("a", "", null);
      Object.assign(link, { href: URL.createObjectURL(picture), download: "tracks.svg" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    }
    /* The places of a motif as a track; none takes it away. */
    async mark(hits) {
      if (!this.browser) return;
      this.browser.removeTrackByName("motif");
      if (hits && hits.length) {
        const track = await this.browser.loadTrack(hnet.hitTrack(hits));
        byScale(track);
        hnet.sayOnClick(track);
      }
    }
  }
  hnet.GenomeView = GenomeView;
  hnet.genomes = {}; // by the id of their component
})();
