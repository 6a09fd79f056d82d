// What the page does not show: published while it was away and more than it is given again, or passed by while newer rows waited.
// A line for each gap, with links to where it lies on the topics' pages.
import { PASSED_BY } from "./tail-counts.js";

const MOST_LINES = 5; // as many as there are reasons: of more than that two have the same, and the oldest such become one
const EARLIER = 5000; // milliseconds: clocks differ, and what lies before a gap is no harm
const A_LITTLE_EARLIER = 2000; // where frames came all the time
const SOON = 10000; // what passes by sooner after a gap for the same reason belongs to it
const OLDER = "older";
const WHY = { ...PASSED_BY, [OLDER]: "older than what this page still shows" };

const number = new Intl.NumberFormat("en-GB");
const sum = (one, other) => (one === null || other === null ? null : one + other);

// begin: as the page asks; opened: when the server made the page, as an instant.
export function gapsOf(banner, begin, opened) {
  const line = banner.querySelector("[data-gap]").cloneNode(true);
  const ahead = Date.parse(opened) - Date.now(); // of the server's clock: the links are read there
  // Oldest first. {why; count, null where unknown; since: milliseconds, null where unknown; at: when it last grew}
  const gaps = [];
  let before = 0; // older, as the last frame had it
  let open = null; // the newest gap of older ones, while more of it may come
  let awakeAt = Date.now();
  // Up to when everything was given or counted. From a position, or from the last so many, nobody knows at first.
  let upTo = begin.from === "now" ? Date.parse(opened) - EARLIER : begin.from.time ? Date.parse(begin.from.time) : null;
  let givenUpTo = upTo; // the same, more closely

  const words = ({ why, count, since }, many) => {
    const one = count === 1;
    const how = why === OLDER ? `${one ? "is" : "are"} ${WHY[why]}` : WHY[why];
    const events = count === null ? "Events, how many is not known," : `${number.format(count)} event${one ? "" : "s"}`;
    if (!many || since === null) return [[events], how];
    const time = document.createElement("time");
    time.dateTime = new Date(since).toISOString();
    time.dataset.style = "clock";
    time.textContent = time.dateTime;
    return [[events, count === null ? " from " : ", from ", time, " on,"], how];
  };

  const draw = () => {
    const lines = gaps.map((gap) => {
      const made = line.cloneNode(true);
      const [events, how] = words(gap, gaps.length > 1);
      made.querySelector("[data-gap-count]").replaceChildren(...events);
      made.querySelector("[data-gap-why]").textContent = how;
      for (const link of made.querySelectorAll("a[data-topic-page]")) {
        const target = new URL(link.href);
        if (gap.since !== null) target.searchParams.set("since", new Date(gap.since).toISOString());
        link.href = target.href;
      }
      return made;
    });
    banner.replaceChildren(...lines);
    banner.hidden = false;
  };

  const note = (gap) => {
    gaps.push(gap);
    if (gaps.length > MOST_LINES) merge();
  };

  const merge = () => {
    const first = gaps.find((gap, index) => gaps.some((other, later) => later > index && other.why === gap.why));
    const second = gaps.find((gap) => gap !== first && gap.why === first.why);
    first.count = sum(first.count, second.count);
    first.at = second.at;
    gaps.splice(gaps.indexOf(second), 1);
    if (open === second) open = first;
  };

  const noteOlder = (count) => {
    if (open) open.count = sum(open.count, count);
    else {
      open = { why: OLDER, count, since: upTo, at: Date.now() };
      note(open);
    }
    draw();
  };

  return {
    // first, changed: the frame is a connection's first, or the first under another filter; the server counts anew from it.
    take(frame, first, changed) {
      const { older } = frame.counts.skipped;
      if (first || changed) before = 0;
      if (first) open = null;
      const anew = older === null && frame.made_anew; // then it is unknown because of that, which the page says
      if (older !== before && !anew && (older === null || older > before)) noteOlder(older === null ? null : older - before);
      before = older;
      const live = frame.state === "live";
      if (live) open = null;
      // Frames may have waited in a page that slept: then it is later now than they say.
      const now = Math.min(Date.now(), awakeAt + EARLIER) + ahead;
      if (!frame.count && !live) return;
      const newest = now - (frame.count ? (frame.lag_ms ?? 0) : 0);
      upTo = newest - EARLIER;
      givenUpTo = newest - A_LITTLE_EARLIER;
    },
    // So many that matched the filter were given and passed by, since this time.
    pass(count, why, since) {
      const at = Date.now();
      const grown = gaps.findLast((gap) => gap.why === why && at - gap.at < SOON);
      if (grown) Object.assign(grown, { count: grown.count + count, at });
      else note({ why, count, since, at });
      draw();
    },
    // Up to when everything was given: for what comes next, if it passes by.
    givenUpTo: () => givenUpTo,
    // To be told every second or so: the page is not asleep.
    awake() {
      awakeAt = Date.now();
    },
  };
}
