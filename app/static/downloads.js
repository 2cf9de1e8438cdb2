/* Files made by the server: asked for first, so that a refusal is a sentence beside the button and no silent failure. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  let pressed = null;

  const refusal = async (url) => {
    try {
      const answer = await fetch(url, { method: "HEAD" });
      if (answer.ok) return "";
      const gone = answer.status === 403 || answer.status === 404;
      return gone
        ? `Not saved: the server does not give this file any more (${answer.status}). Press Analyse, Compare, Generate or Open again, or pick the file anew, then save it.`
        : `Not saved: the server failed on this file (${answer.status}). Try once more; its terminal shows why.`;
    } catch {
      return "Not saved: the server does not answer. See whether it still runs, then save the file again.";
    }
  };

  const say = (button, words) => {
    const row = button.parentElement;
    for (const line of row.querySelectorAll(":scope > .refused")) line.remove();
    if (!words) return;
    const line = document.createElement("p");
    line.className = "refused";
    line.setAttribute("role", "alert");
    line.textContent = words;
    row.append(line);
  };

  /* Save the file at an address of this server; what hinders it is said beside the button. */
  hnet.saveFile = async (url, name, button) => {
    say(button, "");
    const words = await refusal(url);
    if (words) return say(button, words);
    const link = document.createElement("a");
    Object.assign(link, { href: url, download: name });
    link.dataset.asked = "yes";
    document.body.append(link);
    link.click();
    link.remove();
  };

  document.addEventListener(
    "click",
    (event) => {
      const button = event.target.closest("button"),
        link = event.target.closest("a[download]");
      if (button) pressed = button;
      if (!link || link.dataset.asked || !link.href.includes("/file=") || !pressed) return;
      event.preventDefault();
      event.stopPropagation();
      hnet.saveFile(link.href, link.download, pressed);
    },
    true,
  );
})();
