// What was revealed goes from the page at once when its reveal ends: by its time (also without a connection), by hand, by logout,
// by a change of role, or with its case. The server tells by a websocket, and is asked where there is none: a browser does not say
// why a handshake failed, and a login that has ended is refused one. The page's own clocks tell the time.
"use strict";
(() => {
  const NOT_ALLOWED = 4403;
  const NONE_LEFT = 4200;
  const LONGEST_PAUSE = 5000;
  const LONGEST_SILENCE = 60000; // after which the page no longer knows whether its login may see what it shows
  const deadlines = new Map(); // of each reveal that this page was ever told of: by the clock that stands still in a sleep, and the other
  let shown = false; // whether the page, or a part that was loaded later, may show what is revealed
  let over = false;
  let socket = null;
  let pause = 500;
  let again = 0;
  let told = null; // the reveals that the desk named last
  let heard = null; // when that was, by both clocks

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
    forgetOutside();
    reload();
  };

  // What the page says outside of its main part: its title, what was copied or announced, and what was typed.
  const forgetOutside = () => {
    document.title = "The reveal has ended";
    document.getElementById("said")?.replaceChildren();
    const search = document.getElementById("search");
    if (search) search.value = "";
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
    if (shown && deadlines.size && silence() > LONGEST_SILENCE) hide();
  };

  const now = () => ({ steady: performance.now(), wall: Date.now() });
  const silence = () => Math.max(performance.now() - heard.steady, Date.now() - heard.wall);

  // The desk has named the reveals of this login.
  const hear = (active) => {
    heard = now();
    told = active;
    for (const id of [...deadlines.keys()]) {
      if (!(id in active)) ended(id);
      else if (active[id] < left(deadlines.get(id)) - 1000) note(id, active[id]);
    }
  };

  // Asks for them. Whoever is sent to log in, or may not browse any more, has none.
  const ask = () => fetch("/reveals/in-force/", { cache: "no-store", redirect: "manual" })
    .then(async (answer) => {
      if (answer.ok) hear((await answer.json()).active);
      else if (answer.type === "opaqueredirect" || [401, 403, 404].includes(answer.status)) hear({});
    })
    .catch(() => {});

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
    heard ??= now();
    const news = [...there].filter(([id]) => !deadlines.has(id));
    for (const [id, ms] of news) note(id, ms);
    if (told && news.some(([id]) => !(id in told))) ask(); // made while it was in force, and come after it had ended?
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
      hear(JSON.parse(data).active);
    });
    mine.addEventListener("close", ({ code }) => {
      socket = null;
      if (code === NOT_ALLOWED || code === NONE_LEFT) hear({});
      else if (!over && deadlines.size) ask();
      again = setTimeout(connect, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    });
  };

  // A page that the browser keeps for its Back button keeps nothing that was revealed.
  addEventListener("pagehide", () => { if (shown && deadlines.size) main().replaceChildren(); });
  // A part that was under way when the page was hidden stays out.
  document.addEventListener("htmx:beforeSwap", (event) => { if (over) event.detail.shouldSwap = false; });
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
