/* Files made in the browser: pictures with where they come from inside, handed to the person. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const KEY = "hnet_chunks";

  const crc = (bytes) => {
    let sum = ~0;
    for (const byte of bytes) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
    }
    return ~sum >>> 0;
  };

  /* An iTXt chunk (PNG specification, 11.3.3.4) before IEND, the last 12 bytes: keyword, then UTF-8. */
  hnet.pngWith = (png, text) => {
    const body = new TextEncoder().encode(`iTXt${KEY}\0\0\0\0\0${text}`);
    const chunk = new Uint8Array(body.length + 8),
      view = new DataView(chunk.buffer);
    view.setUint32(0, body.length - 4);
    chunk.set(body, 4);
    view.setUint32(body.length + 4, crc(body));
    return new Blob([png.slice(0, -12), chunk, png.slice(-12)], { type: "image/png" });
  };

  /* svg: the document's element; it gets the text as <metadata>. */
  hnet.svgWith = (svg, text) => {
    const note = svg.ownerDocument.createElementNS("http://www.w3.org/2000/svg", "metadata");
    note.setAttribute("id", KEY);
    note.textContent = text;
    svg.prepend(note);
    return new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
  };

  /* The same for an SVG that is text. */
  hnet.withFacts = (svg, text) =>
    hnet.svgWith(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, text);

  hnet.saveBlob = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
})();
