// What the tail says of itself: exact counts as the server's frames have them, with the reasons for what was skipped; and now
// and then the same aloud, for those who do not see the page.
const ALOUD_EVERY = 10000;
const REASONS = {
  sampled: "sampled for the eye",
  slow: "since this page was too slow",
  older: "older than the buffer",
};
const number = new Intl.NumberFormat("en-GB");
const nothing = () => ({ published: 0, matched: 0, shown: 0, sampled: 0, slow: 0, older: 0 });

export function countsOf(line, spoken) {
  let before = nothing(); // of the connections that have ended
  let begun = 0; // what had been published when the filter in force was set: the server counts all else anew from there
  let now = nothing(); // of this one
  let unknown = false; // how many were older is not always known
  let aloudAt = 0;
  let held = "";

  const total = (name) => before[name] + now[name] - (name === "published" ? begun : 0);

  const words = () => {
    const skipped = total("sampled") + total("slow") + total("older");
    const why = Object.entries(REASONS)
      .filter(([name]) => total(name))
      .map(([name, reason]) => `${number.format(total(name))} ${reason}`);
    if (unknown) why.push(`an unknown number ${REASONS.older}`);
    return (
      `Published ${number.format(total("published"))} · matched ${number.format(total("matched"))}` +
      ` · shown ${number.format(total("shown"))} · skipped ${number.format(skipped)}` +
      (why.length ? ` (${why.join(", ")})` : "")
    );
  };

  const write = () => {
    const text = words();
    if (line.textContent !== text) line.textContent = text;
    for (const name of Object.keys(before)) line.dataset[name] = String(total(name));
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
      }
      const { published, matched, shown, skipped } = frame.counts;
      const next = { published, matched, shown, sampled: skipped.sampled, slow: skipped.slow, older: skipped.older ?? now.older };
      if (skipped.older === null) unknown = true;
      const since = Object.fromEntries(Object.keys(next).map((name) => [name, next[name] - now[name]]));
      now = next;
      return since;
    },
    write,
    say,
  };
}
