// The tail's page: follows one topic over a websocket, keeps the last rows, and comes back by itself after a cut.
//
// The server sends frames of ready rows; each is acknowledged, so that a slow page is never buried. `places` (the last event
// of each partition) is kept from frame to frame: whoever comes back begins exactly there.
(() => {
  "use strict";

  const MOST_ROWS = 500;
  const SILENCE = 15000; // the server says something every five seconds
  const page = document.getElementById("tail");
  if (!page) return;

  const rows = document.getElementById("tail-rows");
  const pill = document.getElementById("tail-pill");
  const state = document.getElementById("tail-state");
  const counts = document.getElementById("tail-counts");
  const spoken = document.getElementById("tail-spoken");
  const gone = document.getElementById("tail-gone");
  const pauseButton = document.getElementById("tail-pause");
  const empty = document.getElementById("tail-empty");

  let places = JSON.parse(page.dataset.places);
  let socket = null;
  let opened = false;
  let again = 0;
  let pause = 500;
  let paused = false;
  let lastHeard = Date.now();
  let waiting = []; // rows held back while reading or paused, oldest first
  let tooMany = 0; // of those, rows that no longer fit
  const totals = { published: 0, shown: 0, skipped: 0 };
  let seenInConnection = { published: 0, skipped: 0 };
  let spokenAt = 0;

  const number = new Intl.NumberFormat("en-GB");

  function say(kind, words) {
    state.dataset.state = kind;
    state.querySelector(".tail-word").textContent = words;
  }

  function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}${location.pathname}live/`);
    seenInConnection = { published: 0, skipped: 0 };
    opened = false;
    socket.addEventListener("open", () => {
      opened = true;
      lastHeard = Date.now();
      socket.send(JSON.stringify({ places }));
    });
    socket.addEventListener("message", (message) => receive(JSON.parse(message.data)));
    socket.addEventListener("close", (event) => lost(event.code));
  }

  function stayOut() {
    clearTimeout(again);
    say("refused", "you may no longer watch: log in again");
  }

  function lost(code) {
    socket = null;
    if (code === 4401 || code === 4403) {
      stayOut();
      return;
    }
    if (code === 4404) {
      say("refused", "this topic is gone");
      return;
    }
    if (code === 4400) {
      say("refused", "this page is out of date: load it again");
      return;
    }
    if (!opened) {
      // Refused at the door says no reason: the page itself knows whether the login still stands.
      fetch(location.href, { method: "HEAD", redirect: "manual" })
        .then((answer) => {
          if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) stayOut();
        })
        .catch(() => {});
    }
    say("away", code === 4503 ? "the store does not answer: trying again" : "connection lost: trying again");
    again = setTimeout(connect, pause + Math.random() * 300);
    pause = Math.min(pause * 2, 5000);
  }

  function receive(frame) {
    lastHeard = Date.now();
    pause = 500;
    places = frame.places;
    totals.published += frame.published - seenInConnection.published;
    totals.skipped += frame.skipped - seenInConnection.skipped;
    seenInConnection = { published: frame.published, skipped: frame.skipped };
    if (frame.more_missed) gone.hidden = false;
    if (frame.rows) hold(frame.rows);
    if (!paused) say(frame.state, frame.state === "live" ? "live" : "the store does not answer: trying again");
    account();
    socket.send(JSON.stringify({ ack: frame.frame }));
  }

  function hold(html) {
    const template = document.createElement("template");
    template.innerHTML = html; // ready rows from our own server, every value escaped there
    waiting.push(...template.content.querySelectorAll("tr"));
    if (waiting.length > MOST_ROWS) {
      tooMany += waiting.length - MOST_ROWS;
      waiting = waiting.slice(-MOST_ROWS);
    }
    if (paused || scrollY > 80 || rows.contains(document.activeElement)) showPill();
    else flush();
  }

  function flush() {
    totals.shown += waiting.length;
    totals.skipped += tooMany;
    tooMany = 0;
    rows.prepend(...waiting.reverse());
    waiting = [];
    while (rows.children.length > MOST_ROWS) rows.lastElementChild.remove();
    if (empty && rows.children.length) empty.hidden = true;
    pill.hidden = true;
    account();
  }

  function showPill() {
    pill.hidden = false;
    pill.textContent = `${number.format(waiting.length + tooMany)} new ↑`;
  }

  function account() {
    const held = waiting.length + tooMany;
    const words =
      `Published ${number.format(totals.published)} · shown ${number.format(totals.shown)}` +
      (held ? ` · waiting ${number.format(held)}` : "") +
      ` · skipped ${number.format(totals.skipped)}`;
    if (counts.textContent !== words) counts.textContent = words;
    if (Date.now() - spokenAt > 10000 && spoken.textContent !== words) {
      spokenAt = Date.now();
      spoken.textContent = words;
    }
  }

  function setPaused(value) {
    paused = value;
    pauseButton.setAttribute("aria-pressed", String(paused));
    pauseButton.querySelector(".label").textContent = paused ? "Go on" : "Pause";
    if (paused) {
      say("paused", "paused");
    } else {
      say(socket && socket.readyState === WebSocket.OPEN ? "live" : "away", socket ? "live" : "connecting");
      flush();
    }
  }

  pill.addEventListener("click", () => {
    if (paused) setPaused(false);
    else flush();
    scrollTo({ top: 0 });
  });
  pauseButton.addEventListener("click", () => setPaused(!paused));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, button, a, summary");
    if (event.key === " " && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      setPaused(!paused);
    }
  });
  addEventListener("scroll", () => {
    if (!paused && scrollY <= 80 && waiting.length && !rows.contains(document.activeElement)) flush();
  }, { passive: true });
  // A sleeping laptop or a cut network leaves a socket that looks open and says nothing.
  setInterval(() => {
    if (socket && Date.now() - lastHeard > SILENCE) {
      lastHeard = Date.now();
      socket.close();
    }
  }, 2000);

  account();
  connect();
})();
