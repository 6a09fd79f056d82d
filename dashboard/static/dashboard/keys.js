// The keyboard: / searches, f filters the list that has one, Esc leaves a field, j and k walk the lines of the lists (links with
// data-line within data-lines), Enter opens, ? shows the keys. Who comes back to a page finds the focus where they left.
"use strict";
(() => {
  const typing = (element) => element.closest("input, textarea, select, [contenteditable], dialog[open]");

  const lines = () => [...document.querySelectorAll("[data-lines] a[data-line]")].filter((link) => link.offsetParent);

  // Who walks quickly wants the line where they stop: those between are not asked for.
  const SETTLED = 120;
  let opening = 0;

  const walk = (step) => {
    const all = lines();
    if (!all.length) return;
    let here = all.indexOf(document.activeElement);
    if (here < 0) here = all.findIndex((link) => link.closest("tr")?.classList.contains("selected"));
    const next = here < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + step));
    all[next].focus();
    all[next].scrollIntoView({ block: "nearest" });
    // A list with its detail beside it opens each line as one walks.
    clearTimeout(opening);
    if (!all[next].closest("[data-lines=open]") || next === here) return;
    select(all[next]);
    opening = setTimeout(() => all[next].click(), SETTLED);
  };

  const actions = {
    "/": () => { const search = document.getElementById("search"); search?.focus(); search?.select(); },
    f: () => { const filter = document.getElementById("filter"); filter?.focus(); filter?.select(); },
    j: () => walk(1),
    k: () => walk(-1),
    "?": () => document.getElementById("help")?.showModal(),
  };

  // A field keeps its text: without this a search field is emptied, and the focus stays in it.
  const leave = (event) => {
    const field = event.target.closest("main input:not([type=radio], [type=checkbox]), main textarea, main select, #search");
    if (!field || event.isComposing) return;
    event.preventDefault();
    field.blur();
  };

  // On the line that is open beside the list already, Enter goes on to the event's own page.
  const openOwn = (event) => {
    const link = event.target.closest("tr.selected a[data-own]");
    if (!link) return;
    event.preventDefault();
    clearTimeout(opening);
    remember(link);
    location.assign(link.dataset.own);
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Enter") openOwn(event);
    if (event.key === "Escape") leave(event);
    const action = actions[event.key];
    if (!action || typing(event.target)) return;
    event.preventDefault();
    action();
  });

  // The line whose detail was asked for is the selected one, also before the answer has come.
  function select(link) {
    link.closest("table").querySelectorAll("tr.selected").forEach((row) => {
      row.classList.remove("selected");
      row.querySelector("a[data-line]")?.removeAttribute("aria-current");
    });
    link.closest("tr").classList.add("selected");
    link.setAttribute("aria-current", "true");
  }

  // The link by which somebody leaves is kept in the page's entry of the history: by where it leads, and as which of those.
  const alike = (href) => [...document.querySelectorAll("main a[href]")].filter((link) => link.getAttribute("href") === href);

  function remember(link) {
    const href = link.getAttribute("href");
    history.replaceState({ ...history.state, left: { href, number: alike(href).indexOf(link) } }, "");
  }

  const comeBack = () => {
    const left = history.state?.left;
    if (!left || document.activeElement !== document.body) return;
    const links = alike(left.href);
    (links[left.number] ?? links[0])?.focus({ preventScroll: true });
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("main a[href]");
    if (link && !event.defaultPrevented) remember(link);
  });
  addEventListener("pageshow", (event) => {
    const came = performance.getEntriesByType("navigation")[0]?.type;
    if (event.persisted || came === "back_forward") comeBack();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-lines=open] a[data-line]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    clearTimeout(opening);
    select(link);
  });

  // Where there is no room for the detail beside the list it stands beneath, and would come unseen.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "detail" && innerWidth <= 1100) event.target.scrollIntoView({ block: "start" });
  });
})();
