// Asks for a fresh copy of a piece of the page every data-refresh seconds: never while the page is hidden, while somebody
// selects text in it, or while the last question is still open.
"use strict";
(() => {
  const busy = (element) => {
    const selection = document.getSelection();
    const selecting = selection && !selection.isCollapsed && element.contains(selection.anchorNode);
    return document.hidden || selecting || element.classList.contains("htmx-request");
  };

  const due = new WeakMap();
  const look = () => {
    const now = Date.now();
    for (const element of document.querySelectorAll("[data-refresh]")) {
      const every = Number(element.dataset.refresh) * 1000;
      if (!due.has(element)) due.set(element, now + every);
      if (due.get(element) > now || busy(element)) continue;
      due.set(element, now + every);
      window.htmx?.trigger(element, "refresh");
    }
  };

  setInterval(look, 500);
  document.addEventListener("visibilitychange", look);
})();
