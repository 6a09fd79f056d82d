// The tail's page: brings its parts together. Everything that it says of itself comes from the server's frames.
import { countsOf } from "./tail-counts.js";
import { filterOf } from "./tail-filter.js";
import { rateOf } from "./tail-rate.js";
import { rowsOf } from "./tail-rows.js";
import { follow } from "./tail-socket.js";

const byId = (id) => document.getElementById(id);
const page = byId("tail");
const state = byId("tail-state");
const pauseButton = byId("tail-pause");
const gone = byId("tail-gone");
const empty = byId("tail-empty");
const refusal = byId("tail-problem");

const rows = rowsOf(byId("tail-rows"), byId("tail-pill"), empty);
const counts = countsOf(byId("tail-counts"), byId("tail-spoken"));
const rate = rateOf(byId("tail-rates"), byId("tail-spark"));
const begin = JSON.parse(page.dataset.begin);
const filter = filterOf(byId("tail-filter"), (text) => {
  refusal.hidden = true;
  if (page.dataset.refused === "start") byId("tail-filter").submit();
  else socket.setFilter(text);
});

const LAG_LASTS = 3000;
let paused = false;
let standing = { kind: "connecting", words: "connecting" };
let lag = { ms: 0, at: 0 };
let due = 0;

const behind = (ms) => (ms < 1000 ? `${Math.max(0, Math.round(ms))} ms` : ms < 60000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60000)} min`);

const clock = () => new Date().toTimeString().slice(0, 8);

function write() {
  due = 0;
  const broken = standing.kind === "away" || standing.kind === "refused";
  const kind = paused && !broken ? "paused" : standing.kind;
  const fresh = standing.kind === "live" && Date.now() - lag.at < LAG_LASTS;
  const words = kind === "paused" ? "paused" : standing.words + (fresh ? ` · ${behind(lag.ms)} behind` : "");
  if (state.dataset.state !== kind) state.dataset.state = kind;
  const word = state.querySelector(".tail-word");
  if (word.textContent !== words) word.textContent = words;
  counts.write();
}
const schedule = () => {
  due ||= requestAnimationFrame(write);
};

function stand(kind, words) {
  if (standing.kind !== kind && kind !== "live") counts.say(words);
  standing = { kind, words };
  schedule();
}

const STATES = {
  live: ["live", "live"],
  "catching up": ["catching-up", "catching up"],
  away: ["away", "the store does not answer: trying again"],
};

function received(frame, first) {
  if (first) missedBefore = 0;
  if (frame.counts.skipped.older !== missedBefore) missed(frame.counts.skipped.older);
  const changed = filter.accept(frame.filter);
  rate.add(counts.take(frame, first, changed), frame.state === "live" && !first);
  if (changed) {
    byId("tail-since").textContent = `${clock()}, when the filter was changed`;
    rows.note(frame.filter ? `From here upwards: ${frame.filter}` : "From here upwards: every event, without a filter");
    empty.textContent = "Nothing that matches yet. It appears here by itself.";
  }
  if (frame.count) {
    rows.add(frame.rows, frame.count);
    lag = { ms: frame.lag_ms ?? 0, at: Date.now() };
  }
  stand(...STATES[frame.state]);
}

// What was published while the page was away and is more than it shows: where it lies, from the last row that there was.
let missedBefore = 0;
function missed(older) {
  missedBefore = older;
  byId("tail-gone-count").textContent =
    older === null ? "Events, how many is not known," : `${older.toLocaleString("en-GB")} event${older === 1 ? "" : "s"}`;
  const since = rows.newest() ?? begin.from.time;
  for (const link of gone.querySelectorAll("a[data-topic-page]")) {
    const target = new URL(link.href);
    if (since && gone.hidden) target.searchParams.set("since", since);
    link.href = target.href;
  }
  gone.hidden = false;
}

function setPaused(value) {
  paused = value;
  pauseButton.setAttribute("aria-pressed", String(paused));
  pauseButton.querySelector(".label").textContent = paused ? "Go on" : "Pause";
  rows.pause(paused);
  counts.say(paused ? "Paused" : "Going on");
  write();
}

const socket = follow(page.dataset.live, begin, {
  frame: received,
  problem(text, final) {
    if (!final) {
      filter.problem(text);
      return;
    }
    refusal.hidden = false;
    refusal.textContent = text;
  },
  state: stand,
});

byId("tail-pill").addEventListener("click", () => {
  if (paused) setPaused(false);
  rows.show();
});
pauseButton.addEventListener("click", () => setPaused(!paused));
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, button, a, summary");
  if (event.key === " " && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    setPaused(!paused);
  }
});
setInterval(() => {
  if (document.hidden) return;
  rate.draw(Boolean(filter.inForce()) || page.hasAttribute("data-aggregate"));
  write();
}, 1000);

byId("tail-since").textContent = clock();
if (page.dataset.refused) stand("refused", "not watching yet");
else socket.connect();
