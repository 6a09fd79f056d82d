// What was revealed goes from the page at once when its reveal ends: by its time (also without a connection), by hand, by logout,
// by a change of role, or with its case. The server tells by a websocket; the page's own clocks tell the time.
"use strict";
(() => {
  const NOT_ALLOWED = 4403;
  const NONE_LEFT = 4200;
  const LONGEST_PAUSE = 15000;
  const deadlines = new Map(); // of each reveal that this page was ever told of: by the clock that stands still in a sleep, and the other
  let shown = false; // whether the page, or a part that was loaded later, may show what is revealed
  let over = false;
  let socket = null;
  let pause = 500;
  let again = 0;

  const main = () => document.getElementById("main");

  // The page as the server makes it now, if the server answers. What a form was answered keeps the notice.
  const answersGet = "reload" in (document.getElementById("reveals")?.dataset ?? {});
  const reload = () => {
    if (!answersGet) return;
    fetch("/healthz", { method: "HEAD", cache: "no-store" })
      .then((answer) => { if (answer.ok) location.replace(location.href); })
      .catch(() => {});
  };

  const hide = () => {
    if (over) return;
    over = true;
    clearTimeout(again);
    const link = Object.assign(document.createElement("a"), { href: location.href, textContent: "Load this page again" });
    const words = document.createElement("p");
    words.append("What was revealed here is hidden again. ", link);
    const head = Object.assign(document.createElement("h1"), { textContent: "The reveal has ended" });
    const notice = Object.assign(document.createElement("div"), { className: "empty", id: "reveal-ended" });
    notice.setAttribute("role", "alert");
    notice.append(head, words);
    document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
    main().replaceChildren(notice);
    reload();
  };

  const ended = (id) => {
    if (!deadlines.delete(id)) return;
    if (shown) hide();
    else document.querySelector(`[data-reveal="${id}"]`)?.remove();
  };

  const left = ({ steady, wall }) => Math.min(steady - performance.now(), wall - Date.now());

  const words = (ms) => {
    const seconds = Math.max(0, Math.ceil(ms / 1000));
    return ` · ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} left`;
  };

  const look = () => {
    if (over) return;
    for (const [id, deadline] of [...deadlines]) {
      const ms = left(deadline);
      const place = document.querySelector(`[data-reveal="${id}"] [data-left]`);
      if (place) place.textContent = words(ms);
      if (ms <= 0) ended(id);
    }
  };

  const note = (id, ms) => {
    deadlines.set(id, { steady: performance.now() + ms, wall: Date.now() + ms });
    setTimeout(look, ms + 5);
  };

  // What the page says of reveals: at first, and after each part of it that was loaded again.
  const read = () => {
    if (over) return;
    const box = document.getElementById("reveals");
    if (!box) return;
    if ("shown" in box.dataset) shown = true;
    const there = new Map([...box.querySelectorAll("[data-reveal]")].map((each) => [each.dataset.reveal, Number(each.dataset.leftMs)]));
    for (const id of [...deadlines.keys()]) if (!there.has(id)) ended(id);
    for (const [id, ms] of there) if (!deadlines.has(id)) note(id, ms);
    look();
    if (deadlines.size && !socket) connect();
  };

  const connect = () => {
    clearTimeout(again);
    if (over || !deadlines.size) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(`${scheme}//${location.host}/reveals/live/`);
    socket = mine;
    mine.addEventListener("message", ({ data }) => {
      pause = 500;
      const { active } = JSON.parse(data);
      for (const id of [...deadlines.keys()]) {
        if (!(id in active)) ended(id);
        else if (active[id] < left(deadlines.get(id)) - 1000) note(id, active[id]);
      }
    });
    mine.addEventListener("close", ({ code }) => {
      socket = null;
      if (code === NOT_ALLOWED || code === NONE_LEFT) for (const id of [...deadlines.keys()]) ended(id);
      again = setTimeout(connect, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    });
  };

  // A page that the browser keeps for its Back button keeps nothing that was revealed.
  addEventListener("pagehide", () => { if (shown && deadlines.size) main().replaceChildren(); });
  addEventListener("pageshow", ({ persisted }) => { if (persisted && shown) location.reload(); });
  document.addEventListener("visibilitychange", look);
  // A refreshed part brings the bar along. Where it says the same as before, it stays, with the focus that may be in it.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    if (target?.id !== "reveals") return;
    const box = fragment.id === "reveals" ? fragment : fragment.querySelector?.("#reveals");
    if (!box) return;
    if ("shown" in box.dataset) shown = true;
    const said = (root) => [...root.querySelectorAll("[data-reveal]")].map((each) => each.dataset.reveal).join();
    if (said(box) === said(target)) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:oobAfterSwap", read);
  document.addEventListener("htmx:afterSettle", read);
  setInterval(look, 1000);
  read();
})();
