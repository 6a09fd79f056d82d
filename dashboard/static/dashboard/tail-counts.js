// What the tail says of itself: exact counts as the server's frames have them, with the reasons for what was skipped, by the server
// or by the page; and now and then the same aloud, for those who do not see the page.
const ALOUD_EVERY = 10000;
const REASONS = {
  sampled: "sampled for the eye",
  slow: "since this page was too slow",
  older: "older than the buffer",
};
// Why rows that were sent never came into the list: more than it keeps were waiting for it.
export const PASSED_BY = {
  paused: "passed by while paused",
  reading: "passed by while you read further down",
  hidden: "passed by in the background",
  crowded: "came faster than this page takes them up",
};
const number = new Intl.NumberFormat("en-GB");
const nothing = () => ({ published: 0, matched: 0, shown: 0, sampled: 0, slow: 0, older: 0 });
const noneOf = (reasons) => Object.fromEntries(Object.keys(reasons).map((name) => [name, 0]));
const sum = (counts) => Object.values(counts).reduce((one, other) => one + other, 0);

// waiting: answers how many of those that are counted as shown wait above the list.
export function countsOf(line, spoken, waiting) {
  let before = nothing(); // of the connections that have ended
  let begun = 0; // what had been published when the filter in force was set: the server counts all else anew from there
  let now = nothing(); // of this one
  let passed = noneOf(PASSED_BY); // of those that were sent, since that filter was set
  let unknown = false; // how many were older is not always known
  let aloudAt = 0;
  let held = "";

  const total = (name) => {
    if (name === "published") return before.published + now.published - begun;
    return before[name] + now[name] - (name === "shown" ? sum(passed) : 0);
  };

  const words = () => {
    const skipped = { ...passed, sampled: total("sampled"), slow: total("slow"), older: total("older") };
    const reasons = Object.entries({ ...PASSED_BY, ...REASONS }).filter(([name]) => skipped[name]);
    const alone = reasons.length === 1 && !unknown; // its number has just been said
    const why = reasons.map(([name, reason]) => (alone ? reason : `${number.format(skipped[name])} ${reason}`));
    if (unknown) why.push(`an unknown number ${REASONS.older}`);
    const wait = waiting();
    return (
      `Published ${number.format(total("published"))} · matched ${number.format(total("matched"))}` +
      ` · shown ${number.format(total("shown"))}${wait ? `, of which ${number.format(wait)} wait` : ""}` +
      ` · skipped ${number.format(sum(skipped))}${why.length ? ` (${why.join(", ")})` : ""}`
    );
  };

  const write = () => {
    const text = words();
    if (line.textContent !== text) line.textContent = text;
    for (const name of Object.keys(before)) line.dataset[name] = String(total(name));
    line.dataset.passed = String(sum(passed));
    if (Date.now() - aloudAt > ALOUD_EVERY && held !== text) say(text);
  };

  const say = (text) => {
    aloudAt = Date.now();
    held = text;
    spoken.textContent = text;
  };

  return {
    // first: the frame is a connection's first; changed: the first under another filter. Answers what has come since the last.
    take(frame, first, changed) {
      if (first) {
        for (const name of Object.keys(before)) before[name] += now[name];
        now = nothing();
      }
      if (changed) {
        begun = before.published + now.published;
        unknown = false;
        before = { ...nothing(), published: before.published };
        now = { ...nothing(), published: now.published };
        passed = noneOf(PASSED_BY);
      }
      const { published, matched, shown, skipped } = frame.counts;
      const next = { published, matched, shown, sampled: skipped.sampled, slow: skipped.slow, older: skipped.older ?? now.older };
      if (skipped.older === null) unknown = true;
      const since = Object.fromEntries(Object.keys(next).map((name) => [name, next[name] - now[name]]));
      now = next;
      return since;
    },
    // Some that were sent under the filter in force passed by.
    pass(count, why) {
      passed[why] += count;
    },
    write,
    say,
  };
}
