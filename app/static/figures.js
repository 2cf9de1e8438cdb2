/* Two buttons under every Plotly figure: save it as SVG or PNG, made in the browser, with where it comes from inside. */
(() => {
  "use strict";
  const KEY = "hnet_chunks";

  const crc = bytes => {
    let sum = ~0;
    for (const byte of bytes) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
    }
    return ~sum >>> 0;
  };

  /* An iTXt chunk (PNG specification, 11.3.3.4) before IEND, the last 12 bytes: keyword, then UTF-8. */
  const pngWith = (png, text) => {
    const body = new TextEncoder().encode(`iTXt${KEY}\0\0\0\0\0${text}`);
    const chunk = new Uint8Array(body.length + 8), view = new DataView(chunk.buffer);
    view.setUint32(0, body.length - 4);
    chunk.set(body, 4);
    view.setUint32(body.length + 4, crc(body));
    return new Blob([png.slice(0, -12), chunk, png.slice(-12)], { type: "image/png" });
  };

  const svgWith = (svg, text) => {
    const page = new DOMParser().parseFromString(svg, "image/svg+xml");
    const note = page.createElementNS("http://www.w3.org/2000/svg", "metadata");
    note.setAttribute("id", KEY);
    note.textContent = text;
    page.documentElement.prepend(note);
    return new Blob([new XMLSerializer().serializeToString(page)], { type: "image/svg+xml" });
  };

  const bytesOf = url => Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), char => char.charCodeAt(0));

  const save = async (plot, format) => {
    const meta = (plot.layout.meta || {})[KEY] || "{}";
    const paper = { paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff" };
    const figure = { data: plot.data, layout: { ...plot.layout, ...paper } };
    const size = { width: 800, height: 400, scale: format === "png" ? 2 : 1 };
    const url = await window.Plotly.toImage(figure, { format, ...size });
    const blob = format === "png"
      ? pngWith(bytesOf(url), meta)
      : svgWith(decodeURIComponent(url.slice(url.indexOf(",") + 1)), meta);
    const link = document.createElement("a");
    const title = (plot.layout.title && plot.layout.title.text) || "figure";
    link.href = URL.createObjectURL(blob);
    link.download = `${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };

  const equip = () => {
    for (const plot of document.querySelectorAll(".js-plotly-plot")) {
      const around = plot.parentElement;
      if (!plot.layout || around.querySelector(":scope > .save-figure")) continue;
      const bar = document.createElement("div");
      bar.className = "save-figure";
      for (const format of ["svg", "png"]) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = format.toUpperCase();
        const title = (plot.layout.title && plot.layout.title.text) || "figure";
        button.setAttribute("aria-label", `Save as ${format.toUpperCase()}: ${title}`);
        button.addEventListener("click", () => save(plot, format));
        bar.appendChild(button);
      }
      around.appendChild(bar);
    }
  };

  let waiting = 0;
  new MutationObserver(() => {
    if (!waiting) waiting = setTimeout(() => { waiting = 0; equip(); }, 400);
  }).observe(document, { childList: true, subtree: true });
})();
