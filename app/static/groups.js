/* The choices of one question are one group of radio buttons: one stop of the Tab key, and the arrows choose. */
(() => {
  "use strict";
  const join = () => {
    for (const field of document.querySelectorAll("fieldset[id]"))
      for (const radio of field.querySelectorAll("input[type=radio]"))
        if (radio.name !== field.id) radio.name = field.id;
  };
  let waiting = 0;
  new MutationObserver(() => {
    if (!waiting)
      waiting = setTimeout(() => {
        waiting = 0;
        join();
      }, 200);
  }).observe(document, { childList: true, subtree: true });
})();
