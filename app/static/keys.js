/* Everything the viewer does by key, and the list of the keys. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const HELP = [
    ["← → ↑ ↓", "move by character and row; with Shift, select"],
    ["Page Up, Page Down, Home, End", "move far"],
    ["n  p", "next, previous boundary"],
    ["u  U", "next least sure boundary; back to the one before"],
    ["/", "search; Enter and Shift+Enter, or m and M in the text, go to the next and previous match"],
    ["[  ]", "what-if threshold of stage 0 down, up"],
    ["{  }", "of stage 1"],
    ["0", "back to the trained rule"],
    ["Escape", "drop the selection"],
    ["?", "this list"],
  ];

  function nextBoundary(segments, from, step) {
    for (let byte = from + step; byte >= 0 && byte < segments.data.length; byte += step)
      if (segments.starts[byte]) return byte;
    return from;
  }

  /* The first byte of the character after (or before) the one at the caret. */
  function neighbour(segments, caret, step) {
    if (step < 0) {
      if (caret === 0) return 0;
      const whole = segments.characterAt(caret - 1);
      return whole && !segments.isSplit(whole.at, whole.length) ? whole.at : caret - 1;
    }
    return caret + segments.cellAt(caret).length;
  }

  /* The byte under the caret's column in another row. */
  function inRow(viewer, index) {
    const { segments, caret, rowStarts } = viewer,
      within = caret - rowStarts[hnet.floorIndex(rowStarts, caret)];
    const at = Math.max(0, Math.min(rowStarts.length - 1, index));
    const end = at + 1 < rowStarts.length ? rowStarts[at + 1] : segments.data.length;
    const byte = Math.min(rowStarts[at] + within, end - 1),
      whole = segments.characterAt(byte);
    return whole && !segments.isSplit(whole.at, whole.length) ? whole.at : byte;
  }

  function moves(viewer) {
    const { segments, caret, rowStarts } = viewer,
      row = hnet.floorIndex(rowStarts, caret);
    const page = Math.max(1, Math.floor(viewer.scroller.clientHeight / viewer.shape.height) - 1);
    return {
      ArrowRight: () => neighbour(segments, caret, 1),
      ArrowLeft: () => neighbour(segments, caret, -1),
      ArrowDown: () => inRow(viewer, row + 1),
      ArrowUp: () => inRow(viewer, row - 1),
      PageDown: () => inRow(viewer, row + page),
      PageUp: () => inRow(viewer, row - page),
      Home: () => 0,
      End: () => segments.data.length - 1,
      n: () => nextBoundary(segments, caret, 1),
      p: () => nextBoundary(segments, caret, -1),
    };
  }

  function acts(viewer) {
    const { unsure, search, whatIf } = viewer;
    return {
      u: () => unsure.step(1),
      U: () => unsure.step(-1),
      m: () => search.step(1),
      M: () => search.step(-1),
      "/": () => {
        search.query.focus();
        search.query.select();
      },
      "[": () => whatIf.nudge(0, -1),
      "]": () => whatIf.nudge(0, 1),
      "{": () => whatIf.nudge(1, -1),
      "}": () => whatIf.nudge(1, 1),
      0: () => whatIf.toTrained(),
      Escape: () => viewer.moveTo(viewer.caret),
      "?": () => viewer.help.showModal(),
    };
  }

  function onKey(viewer, event) {
    if (!viewer.segments || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = moves(viewer)[event.key],
      act = acts(viewer)[event.key];
    if (!move && !act) return;
    event.preventDefault();
    if (move) viewer.moveTo(move(), event.shiftKey);
    else act();
  }

  function helpDialog(make, parent) {
    const dialog = make("dialog", "seg-help", parent);
    dialog.setAttribute("aria-label", "Keys");
    const list = make("dl", "", dialog);
    for (const [keys, words] of HELP) {
      make("dt", "", list, keys);
      make("dd", "", list, words);
    }
    make(
      "p",
      "",
      dialog,
      "Keys work while the text has the focus: click into it or press Tab until it is outlined.",
    );
    const close = make("button", "", dialog, "close");
    close.type = "button";
    close.addEventListener("click", () => dialog.close());
    return dialog;
  }

  Object.assign(hnet, { onKey, helpDialog });
})();
