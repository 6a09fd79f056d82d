// Draws a subscription's last hours with uPlot: what waits, cursor and end, and rates. The figures come as JSON from the page's
// own address. They are there as a table as well, and by the arrow keys on a chart.
//
// Nothing is loaded before the chart comes into view, and its plots are drawn in tasks of their own: uPlot's script alone keeps a
// phone busy for 90 ms, and most visits end above the chart.
"use strict";
(() => {
  const root = document.querySelector("[data-chart]");
  if (!root) return;
  const AGAIN = 15_000;
  const ROWS = 48;
  const note = root.querySelector("[data-chart-note]");
  // Without Intl, whose first use takes a phone 140 to 290 ms.
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const number = (value) => {
    if (value === null || value === undefined) return "–";
    const [whole, part] = String(+value.toFixed(value < 10 ? 2 : 0)).split(".");
    return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part ? `.${part}` : "");
  };
  const two = (value) => String(value).padStart(2, "0");
  const day = (date) => `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  const time = (date) => `${two(date.getHours())}:${two(date.getMinutes())}`;
  const clock = (seconds) => {
    const date = new Date(seconds * 1000);
    return `${day(date)} ${date.getFullYear()}, ${time(date)}:${two(date.getSeconds())}`;
  };
  const moment = (seconds) => {
    const date = new Date(seconds * 1000);
    const days = figures.at.length > 1 && figures.at.at(-1) - figures.at[0] > 2 * 86_400;
    return days ? `${day(date)}, ${time(date)}` : time(date) + (seconds % 60 ? `:${two(date.getSeconds())}` : "");
  };
  const PLOTS = {
    waiting: [["waiting", "Waiting", "--accent"]],
    progress: [["end", "End", "--soft"], ["acknowledged", "Acknowledged", "--accent"]],
    rates: [["published", "In", "--soft"], ["handled", "Out", "--accent"]],
  };
  const drawn = new Map(); // name → plot
  let figures = null;
  let inView = false;
  let askedAt = -Infinity;
  let turn = 0; // of drawing
  let range = "6h";

  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const short = (value) =>
    Math.abs(value) >= 1e6 ? `${+(value / 1e6).toFixed(1)}M` : Math.abs(value) >= 1e4 ? `${+(value / 1e3).toFixed(1)}k` : number(value);

  const options = (series, width) => {
    const [ink, line] = [colour("--soft"), colour("--line")];
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    return {
      width,
      height: 150,
      cursor: { sync: { key: "subscription" }, drag: { x: false, y: false } },
      scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(1, (high ?? 1) * 1.05)] } },
      axes: [{ ...axis, space: 90, values: (_, values) => values.map(moment) }, { ...axis, size: 56, values: (_, values) => values.map(short) }],
      series: [
        { value: (_, at) => (at === null ? "–" : clock(at)) },
        ...series.map(([, label, name], place) => ({
          label,
          stroke: colour(name),
          width: 2,
          dash: place === 0 && series.length > 1 ? [4, 3] : undefined,
          value: (_, value) => number(value),
          points: { show: figures.at.length < 3 },
        })),
      ],
    };
  };

  const summary = (caption, name) => {
    const known = figures[name].filter((value) => value !== null);
    if (!known.length) return `${caption}: not known`;
    return `${caption}: first ${number(known[0])}, at most ${number(Math.max(...known))}, last ${number(known.at(-1))}`;
  };

  const walk = (plot) => (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const last = figures.at.length - 1;
    const place = Math.min(last, Math.max(0, (plot.cursor.idx ?? last + 1) + step));
    plot.setCursor({ left: plot.valToPos(figures.at[place], "x"), top: 0 });
    note.textContent = `${clock(figures.at[place])}: waiting ${number(figures.waiting[place])}`;
  };

  const drawOne = (name, series) => {
    const figure = root.querySelector(`[data-plot="${name}"]`);
    const before = drawn.get(name);
    const focused = before !== undefined && before.root === document.activeElement;
    before?.destroy();
    drawn.delete(name);
    figure.hidden = !figures.at.length || series.every(([column]) => figures[column].every((value) => value === null));
    if (figure.hidden) return;
    const data = [figures.at, ...series.map(([column]) => figures[column])];
    const plot = new window.uPlot(options(series, figure.clientWidth || 300), data, figure);
    const caption = figure.querySelector("figcaption").textContent;
    plot.root.tabIndex = 0;
    plot.root.setAttribute("role", "img");
    plot.root.setAttribute("aria-label", series.map(([column, label]) => summary(`${caption}, ${label}`, column)).join("; "));
    plot.root.addEventListener("keydown", walk(plot));
    if (focused) plot.root.focus({ preventScroll: true });
    drawn.set(name, plot);
  };

  const nextTask = () => new Promise((go) => setTimeout(go));

  const draw = async () => {
    const mine = ++turn;
    for (const [name, series] of Object.entries(PLOTS)) {
      await nextTask();
      if (mine !== turn) return;
      drawOne(name, series);
    }
    root.dataset.points = String(figures.at.length);
  };

  // The library's script and stylesheet, asked for once, and again if they did not come.
  let library = null;
  const fetched = (element, attributes) =>
    new Promise((come, fail) => {
      document.head.append(Object.assign(element, attributes, { onload: come, onerror: fail }));
    });
  const withLibrary = () => {
    library ??= Promise.all([
      fetched(document.createElement("link"), { rel: "stylesheet", href: root.dataset.style }),
      fetched(document.createElement("script"), { src: root.dataset.script }),
    ]).catch((problem) => {
      library = null;
      throw problem;
    });
    return library;
  };

  const table = root.querySelector("[data-chart-table]");
  const tabulate = () => {
    table.hidden = !figures?.at.length;
    if (!table.open || table.hidden) return;
    const body = table.querySelector("tbody");
    const every = Math.max(1, Math.ceil(figures.at.length / ROWS));
    const rows = [];
    for (let place = figures.at.length - 1; place >= 0; place -= every) {
      const row = document.createElement("tr");
      const columns = ["waiting", "acknowledged", "end", "published", "handled"];
      for (const text of [clock(figures.at[place]), ...columns.map((column) => number(figures[column][place]))]) {
        const cell = document.createElement(row.children.length ? "td" : "th");
        if (row.children.length) cell.className = "num";
        else cell.scope = "row";
        cell.textContent = text;
        row.append(cell);
      }
      rows.push(row);
    }
    body.replaceChildren(...rows);
  };

  const figuresOf = async (asked) => {
    const answer = await fetch(`${root.dataset.chart}?chart=${asked}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };

  const load = async () => {
    const asked = range;
    askedAt = Date.now();
    let found;
    try {
      [found] = await Promise.all([figuresOf(asked), withLibrary()]);
    } catch {
      note.textContent = "The figures cannot be loaded now. They are asked for again automatically.";
      return;
    }
    if (asked !== range) return;
    figures = found;
    note.textContent = found.at.length ? "" : "Nothing has been recorded yet: a look is kept every ten seconds.";
    draw();
    tabulate();
  };

  table.addEventListener("toggle", tabulate);
  root.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-range]");
    if (!button) return;
    range = button.dataset.range;
    for (const each of root.querySelectorAll("[data-range]")) each.setAttribute("aria-pressed", String(each === button));
    load();
  });
  new ResizeObserver(() => {
    for (const plot of drawn.values()) {
      const width = plot.root.parentElement.clientWidth;
      if (width && width !== plot.width) plot.setSize({ width, height: 150 });
    }
  }).observe(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => figures && draw());
  const loadIfOld = () => inView && !document.hidden && Date.now() - askedAt >= AGAIN && load();
  setInterval(loadIfOld, 1_000);
  // Not before a strip of it is to be seen that is worth looking at.
  new IntersectionObserver(([{ isIntersecting }]) => {
    inView = isIntersecting;
    loadIfOld();
  }, { rootMargin: "0px 0px -80px" }).observe(root);
})();
