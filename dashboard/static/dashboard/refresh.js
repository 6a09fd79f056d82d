// Asks for a fresh copy of a piece of the page every data-refresh seconds: never while the page is hidden, while somebody
// selects text in it, or while the last question is still open. Who works by keyboard stays where they are in the fresh copy.
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

  // htmx gives the focus back to what has an id. Links in lines that come and go have none: they are told by where they lead.
  const leadsTo = (element) =>
    [element.tagName, ...["href", "aria-label", "class"].map((name) => element.getAttribute(name))].join(" ");
  const alike = (root, what) =>
    [...root.querySelectorAll("a, button, summary, [tabindex]")].filter((found) => leadsTo(found) === what);
  let place = null;

  document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
    const focused = document.activeElement;
    if (!target.dataset?.refresh || !target.contains(focused) || focused.id) return;
    const what = leadsTo(focused);
    place = { within: target.id, what, number: alike(target, what).indexOf(focused) };
  });
  document.addEventListener("htmx:afterSettle", () => {
    const root = place && document.getElementById(place.within);
    if (root && document.activeElement === document.body) {
      alike(root, place.what).at(place.number)?.focus({ preventScroll: true });
    }
    place = null;
  });

  setInterval(look, 500);
  document.addEventListener("visibilitychange", look);
})();
