/* Light or dark: what the visitor chose stays; without a choice the page is as Gradio has it. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const KEY = "hnet-theme";
  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // a browser that keeps nothing
    }
  };
  hnet.keepTheme = () => {
    if (stored()) document.body.classList.toggle("dark", stored() === "dark");
  };
  hnet.toggleTheme = () => {
    const dark = document.body.classList.toggle("dark");
    try {
      localStorage.setItem(KEY, dark ? "dark" : "light");
    } catch {
      /* for this visit alone */
    }
  };
  if (stored() === "dark") document.documentElement.style.background = "#0b1220"; // until the page is there
})();
