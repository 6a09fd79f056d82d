// The tail's page: brings its parts together. Everything that it says of itself comes from the server's frames.
import { countsOf } from "./tail-counts.js";
import { filterOf } from "./tail-filter.js";
import { gapsOf } from "./tail-gaps.js";
import { rateOf } from "./tail-rate.js";
import { rowsOf } from "./tail-rows.js";
import { follow } from "./tail-socket.js";

const byId = (id) => document.getElementById(id);
const page = byId("tail");
const state = byId("tail-state");
const pauseButton = byId("tail-pause");
const empty = byId("tail-empty");
const refusal = byId("tail-problem");

let era = 0; // of one filter: since it is in force all is counted anew
const rows = rowsOf(byId("tail-rows"), byId("tail-pill"), empty, {
  passed(count, from, why) {
    if (from.era === era) counts.pass(count, why);
    schedule();
  },
  missed: ({ count, from, why }) => gaps.pass(count, why, from.since),
  held: () => schedule(),
});
const waiting = () => (byId("tail-pill").hidden ? 0 : rows.waiting((from) => from?.era === era));
const counts = countsOf(byId("tail-counts"), byId("tail-spoken"), waiting);
const rate = rateOf(byId("tail-rates"), byId("tail-spark"));
const begin = JSON.parse(page.dataset.begin);
const gaps = gapsOf(byId("tail-gone"), begin, page.dataset.opened);
const filter = filterOf(byId("tail-filter"), (text) => {
  refusal.hidden = true;
  if (page.dataset.refused === "start") byId("tail-filter").submit();
  else socket.setFilter(text);
});

const LAG_LASTS = 3000;
let paused = false;
let wasLive = false;
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

// Topics that were deleted, or lost, and are there again under the same name: their places did not fit any more.
function madeAnew(topics) {
  const line = byId("tail-anew");
  const names = topics.map((topic) => topic.slice(topic.lastIndexOf("/") + 1)).join(", ");
  line.querySelector("[data-anew-topics]").textContent = names;
  line.querySelector("[data-anew-topics]").title = topics.join(", ");
  line.querySelector("[data-anew-many]").hidden = topics.length === 1;
  line.querySelector("[data-anew-one]").hidden = topics.length > 1;
  line.hidden = false;
  rows.note(`From here upwards: ${names}, made anew`);
}

function received(frame, first) {
  refusal.hidden = true;
  const live = frame.state === "live";
  const changed = filter.accept(frame.filter);
  if (changed) era += 1;
  const from = { era, since: gaps.givenUpTo() };
  gaps.take(frame, first, changed);
  rate.add(counts.take(frame, first, changed), live && wasLive && !first);
  wasLive = live;
  if (changed) {
    byId("tail-since").textContent = `${clock()}, when the filter was changed`;
    rows.note(frame.filter ? `From here upwards: ${frame.filter}` : "From here upwards: every event, without a filter");
    empty.textContent = "Nothing that matches yet. It appears here.";
  }
  if (frame.made_anew) madeAnew(frame.made_anew);
  if (frame.count) {
    rows.add(frame.rows, frame.count, from);
    lag = frame.lag_ms === null ? { ms: 0, at: 0 } : { ms: frame.lag_ms, at: Date.now() };
  }
  stand(...STATES[frame.state]);
  // What stands beneath the rows comes after the first of them, so that they do not push it down.
  if (live || frame.count) requestAnimationFrame(() => { byId("tail-kept").hidden = false; });
}

function setPaused(value) {
  paused = value;
  pauseButton.querySelector(".label").textContent = paused ? "Resume" : "Pause";
  rows.pause(paused);
  counts.say(paused ? "Paused" : "Resumed");
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
  // The screen may be in front of somebody else by now, and rows may hold what only the one who was let in was to see.
  barred() {
    rows.clear();
    empty.textContent = "The events that were here were taken away, since they may hold what not everybody may see.";
  },
  // So do rows that came before a role was changed. What was chosen stands in the address.
  seesOther: () => location.reload(),
}, { filterStands: page.dataset.refused !== "filter", masking: page.dataset.masking });

byId("tail-pill").addEventListener("click", () => {
  if (paused) setPaused(false);
  rows.show();
});
pauseButton.addEventListener("click", () => setPaused(!paused));
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && byId("tail-rows").contains(event.target)) rows.leave();
  if (event.key !== " " || event.target.closest("input, textarea, select, button, summary, [contenteditable]")) return;
  event.preventDefault();
  if (!event.repeat) setPaused(!paused);
});
setInterval(() => {
  gaps.awake();
  if (document.hidden) return;
  rate.draw(Boolean(filter.inForce()) || page.hasAttribute("data-aggregate"));
  write();
}, 1000);

byId("tail-since").textContent = clock();
if (page.dataset.refused) stand("refused", "not watching yet");
else socket.connect();
