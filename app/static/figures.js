/* Two buttons under every Plotly figure: save it as SVG or PNG, made in the browser, with where it comes from inside.
   A new figure comes with a new element; Plotly keeps the old one, and all that was drawn in it, until it is told. */
(() => {
  "use strict";
  const KEY = "hnet_chunks";

  const bytesOf = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

  const save = async (plot, format) => {
    const meta = (plot.layout.meta || {})[KEY] || "{}";
    const paper = { paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff" };
    const figure = { data: plot.data, layout: { ...plot.layout, ...paper } };
    const size = { width: 800, height: 400, scale: format === "png" ? 2 : 1 };
    const url = await window.Plotly.toImage(figure, { format, ...size });
    const title = (plot.layout.title && plot.layout.title.text) || "figure",
      { hnet } = window;
    const drawn = url.slice(url.indexOf(",") + 1);
    const blob =
      format === "png" ? hnet.pngWith(bytesOf(drawn), meta) : hnet.withFacts(decodeURIComponent(drawn), meta);
    hnet.saveBlob(blob, `${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.${format}`);
  };

  const plots = new Set();

  const forget = () => {
    for (const plot of plots) {
      if (plot.isConnected) continue;
      window.Plotly.purge(plot);
      plots.delete(plot);
    }
  };

  const equip = () => {
    for (const plot of document.querySelectorAll(".js-plotly-plot")) {
      plots.add(plot);
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
    if (!waiting)
      waiting = setTimeout(() => {
        waiting = 0;
        forget();
        equip();
      }, 400);
  }).observe(document, { childList: true, subtree: true });
})();
