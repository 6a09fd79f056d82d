// The tail's rows: at most so many, drawn once an animation frame. While one reads further down, has a row in focus or has
// paused, new ones wait behind a button that says how many.
//
// Rows are kept as text. While they pour in, only the uppermost are built: nobody reads the five-hundredth then, and building
// them all took most of the browser's time. The others follow as soon as somebody scrolls or pauses, or it is quiet.
//
// No more rows wait than will be shown. What is older passes by, and is accounted for: to whom, and why.
const MOST_ROWS = 500;
const LOWEST_ROW = 56; // pixels: no row is less high
const A_STEP = 8; // rows that are built at once, so that no task is long
const QUIET = 700; // milliseconds without a new row
const POURING = 4; // rows at once, again and again
const AT_THE_TOP = 80;

const number = new Intl.NumberFormat("en-GB");

// on: { passed(count, from, why), as it happens; missed(gap), once there are newer rows above; held(), with each change of how
// many wait }. `from` is whatever the rows were added with, a gap { count, from, why }, and `why` one of tail-counts.js's reasons.
export function rowsOf(body, pill, empty, on) {
  const region = body.closest("[role=region]");
  // Newest first. Of these the page has `built`, behind the first `above`, which it is about to have; beneath them stand
  // `stale` rows for a moment, which had others between them and what is newer.
  let rows = [];
  let above = 0;
  let built = 0;
  let stale = 0;
  let waiting = []; // {rows, newest first; count, of events; from}, oldest first
  let missed = []; // gaps beneath what waits, oldest first
  let held = 0; // events that wait
  let told = 0;
  let paused = false;
  let pressed = false;
  let due = 0;
  let quiet = 0;
  let busy = false;
  let pouring = false;
  let takenAt = 0;

  const selecting = () => {
    const selection = getSelection();
    return selection !== null && !selection.isCollapsed && body.contains(selection.anchorNode);
  };
  const holding = () => body.contains(document.activeElement) || selecting();
  const reading = () => paused || scrollY > AT_THE_TOP || holding();

  const schedule = () => {
    due ||= requestAnimationFrame(draw);
  };

  function draw() {
    due = 0;
    if (pressed) return;
    const back = reading();
    if (waiting.length && !back) take();
    if (above || stale) {
      // Either moves or takes away what somebody holds.
      if (!holding()) settle();
    } else if (back || !busy) fill();
    if (waiting.length) {
      pill.hidden = held === 0;
      pill.textContent = inPill();
    }
    if (told !== held) {
      told = held;
      on.held();
    }
  }

  const inPill = () => {
    const all = missed.reduce((sum, gap) => sum + gap.count, held);
    return all === held ? `${number.format(held)} new ↑` : `newest ${number.format(held)} of ${number.format(all)} ↑`;
  };

  const settle = () => {
    if (above) raise();
    else clear();
  };

  const build = (texts) => {
    const template = document.createElement("template");
    template.innerHTML = texts.join(""); // ready rows of our own server, every value escaped there
    return template.content;
  };

  const inSight = () => Math.ceil(innerHeight / LOWEST_ROW) + 2;

  // What waits becomes the uppermost of the rows. More than can be seen at once is not built for now.
  const take = () => {
    const fresh = waiting.reduce((sofar, batch) => batch.rows.concat(sofar), []);
    waiting = [];
    held = 0;
    for (const gap of missed) on.missed(gap);
    missed = [];
    rows = fresh.concat(rows).slice(0, MOST_ROWS);
    above += fresh.length;
    pouring = fresh.length >= POURING && performance.now() - takenAt < QUIET / 2;
    takenAt = performance.now();
    if (above > inSight()) {
      above = inSight();
      stale += built;
      built = 0;
    }
    empty.hidden = rows.length > 0;
    hidePill();
    busy = true;
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      busy = false;
      schedule();
    }, QUIET);
  };

  // Whoever used it by the keyboard goes on from the rows, not from the top of the page.
  const hidePill = () => {
    if (document.activeElement === pill) region.focus({ preventScroll: true });
    pill.hidden = true;
  };

  const raise = () => {
    const count = Math.min(A_STEP, above);
    body.prepend(build(rows.slice(above - count, above)));
    above -= count;
    built += count;
    const room = stale || pouring ? inSight() : Math.min(rows.length, MOST_ROWS);
    for (let over = built + stale - room; over > 0; over -= 1) {
      body.lastElementChild.remove();
      if (stale) stale -= 1;
      else built -= 1;
    }
    schedule();
  };

  const clear = () => {
    for (; stale; stale -= 1) body.lastElementChild.remove();
    schedule();
  };

  // Builds the next of the rows that are only text so far, a few at a time: whoever has just paused waits for nothing.
  const fill = () => {
    if (built >= rows.length) return;
    const next = rows.slice(built, built + A_STEP);
    body.append(build(next));
    built += next.length;
    schedule();
  };

  addEventListener("scroll", schedule, { passive: true });
  document.addEventListener("focusin", schedule);
  document.addEventListener("focusout", schedule);
  document.addEventListener("selectionchange", () => {
    if (waiting.length || above || stale) schedule();
  });
  // What is pressed must still be there when the button comes up again. That may be said to nobody: behind a menu, or where
  // the window is left.
  body.addEventListener("pointerdown", (event) => {
    if (event.button === 0) pressed = true;
  });
  for (const end of ["pointerup", "pointercancel", "contextmenu", "blur"]) {
    addEventListener(end, () => {
      if (!pressed) return;
      pressed = false;
      schedule();
    });
  }

  const show = () => {
    scrollTo({ top: 0 });
    if (waiting.length) take();
    schedule();
  };

  const why = () => {
    if (paused) return "paused";
    if (document.hidden) return "hidden";
    return reading() ? "reading" : "crowded";
  };

  const pass = (count, from) => {
    const reason = why();
    const newest = missed.at(-1);
    if (newest?.why === reason) newest.count += count;
    else missed.push({ count, from, why: reason });
    on.passed(count, from, reason);
  };

  const letPass = () => {
    let over = waiting.reduce((sum, batch) => sum + batch.rows.length, 0) - MOST_ROWS;
    while (over > 0) {
      const oldest = waiting[0];
      const gone = Math.min(over, oldest.rows.length);
      const count = Math.min(gone, oldest.count); // a note counts for nothing
      over -= gone;
      oldest.rows.length -= gone; // its oldest
      oldest.count -= count;
      held -= count;
      if (count) pass(count, oldest.from);
      if (!oldest.rows.length) waiting.shift();
    }
  };

  const add = (texts, count, from) => {
    waiting.push({ rows: texts, count, from });
    held += count;
    letPass();
    schedule();
  };

  return {
    // Rows as the server sends them, oldest first; no value in them holds a bare "</tr>".
    add(html, count, from) {
      const texts = html.split("</tr>").slice(0, -1).map((text) => `${text.trim()}</tr>`);
      add(texts.reverse(), count, from);
    },
    // How many of those that are counted by the page wait, whatever else waits.
    waiting: (counted) => waiting.reduce((sum, batch) => sum + (counted(batch.from) ? batch.count : 0), 0),
    // Takes them all away, and what waits.
    clear() {
      if (holding()) region.focus({ preventScroll: true });
      rows = [];
      waiting = [];
      missed = [];
      above = built = stale = held = 0;
      body.replaceChildren();
      pill.hidden = true;
      empty.hidden = false;
    },
    // A line across the list, for what changed between the rows above it and those below.
    note(words) {
      if (!rows.length && !waiting.length) return;
      const row = document.createElement("tr");
      row.className = "note-row tail-note";
      const cell = row.insertCell();
      cell.colSpan = 4;
      cell.className = "full";
      cell.textContent = words;
      add([row.outerHTML], 0, null);
    },
    pause(value) {
      paused = value;
      schedule();
    },
    show,
    // From a row in focus back to the rows as a whole.
    leave() {
      region.focus({ preventScroll: true });
      if (!paused) show();
    },
  };
}
