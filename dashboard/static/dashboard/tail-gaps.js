// What was published while the page was away and is more than it is given again: a line for each gap, with links to where it
// lies on the topics' pages.
const MOST_LINES = 5; // older gaps become one
const EARLIER = 5000; // milliseconds: clocks differ, and what lies before a gap is no harm

const number = new Intl.NumberFormat("en-GB");
const sum = (one, other) => (one === null || other === null ? null : one + other);

// begin: as the page asks; opened: when the server made the page, as an instant.
export function gapsOf(banner, begin, opened) {
  const line = banner.querySelector("[data-gap]").cloneNode(true);
  const ahead = Date.parse(opened) - Date.now(); // of the server's clock: the links are read there
  const gaps = []; // {older: how many, null where unknown; since: milliseconds, null where unknown}, oldest first
  let before = 0; // older, as the last frame had it
  let open = false; // whether more of the newest gap may come
  let awakeAt = Date.now();
  // Up to when everything was given or counted. From a position, or from the last so many, nobody knows at first.
  let passed = begin.from === "now" ? Date.parse(opened) - EARLIER : begin.from.time ? Date.parse(begin.from.time) : null;

  const words = ({ older, since }, many) => {
    const count = older === null ? "Events, how many is not known," : `${number.format(older)} event${older === 1 ? "" : "s"}`;
    if (!many || since === null) return [count];
    const time = document.createElement("time");
    time.dateTime = new Date(since).toISOString();
    time.dataset.style = "clock";
    time.textContent = time.dateTime;
    return [count, older === null ? " from " : ", from ", time, " on,"];
  };

  const draw = () => {
    const lines = gaps.map((gap) => {
      const made = line.cloneNode(true);
      made.querySelector("[data-gap-count]").replaceChildren(...words(gap, gaps.length > 1));
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

  const note = (older) => {
    const newest = gaps.at(-1);
    if (open) newest.older = sum(newest.older, older);
    else gaps.push({ older, since: passed });
    if (gaps.length > MOST_LINES) {
      const [first, second] = gaps.splice(0, 2);
      gaps.unshift({ older: sum(first.older, second.older), since: first.since });
    }
    open = true;
    draw();
  };

  return {
    // first, changed: the frame is a connection's first, or the first under another filter; the server counts anew from it.
    take(frame, first, changed) {
      const { older } = frame.counts.skipped;
      if (first || changed) before = 0;
      if (first) open = false;
      if (older !== before && (older === null || older > before)) note(older === null ? null : older - before);
      before = older;
      const live = frame.state === "live";
      if (live) open = false;
      // Frames may have waited in a page that slept: then it is later now than they say.
      const now = Math.min(Date.now(), awakeAt + EARLIER) + ahead - EARLIER;
      if (frame.count) passed = now - (frame.lag_ms ?? 0);
      else if (live) passed = now;
    },
    // To be told every second or so: the page is not asleep.
    awake() {
      awakeAt = Date.now();
    },
  };
}
