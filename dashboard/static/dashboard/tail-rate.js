// How much is published and matches, a second: in words over the last few seconds, as a line over the last minute.
const SECONDS = 60;
const SMOOTHED = 5;
const WIDTH = 120;
const HEIGHT = 28;

const number = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const few = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });
const said = (rate) => (rate < 10 ? few : number).format(rate);

export function rateOf(line, svg) {
  const seconds = new Map(); // second -> {published, matched, shown, sampled}
  const began = Math.floor(Date.now() / 1000);
  const words = line.querySelector(".tail-rate");
  const sample = line.querySelector("#tail-sample");
  const curve = svg.querySelector("polyline");

  const at = (second) => seconds.get(second) ?? { published: 0, matched: 0, shown: 0, sampled: 0 };

  const over = (now, length) => {
    const sum = { published: 0, matched: 0, shown: 0, sampled: 0 };
    for (let back = 1; back <= length; back += 1) {
      const one = at(now - back);
      for (const name of Object.keys(sum)) sum[name] += one[name];
    }
    return sum;
  };

  const draw = (filtered) => {
    const now = Math.floor(Date.now() / 1000);
    const length = Math.max(1, Math.min(SMOOTHED, now - began));
    const sum = over(now, length);
    const rate = said(sum.published / length);
    words.textContent =
      `${rate} events/s` + (filtered ? ` · ${said(sum.matched / length)}/s match` : "");
    sample.hidden = sum.sampled === 0;
    if (sum.sampled) {
      const one = Math.max(2, Math.round((sum.shown + sum.sampled) / Math.max(1, sum.shown)));
      sample.querySelector(".tail-sample-words").textContent = `showing a sample, about 1 in ${number.format(one)}`;
    }
    const rates = Array.from({ length: SECONDS }, (_, index) => at(now - SECONDS + index).published);
    const most = Math.max(...rates);
    const points = rates.map((rate, index) => {
      const x = (index * WIDTH) / (SECONDS - 1);
      const y = HEIGHT - 1 - (rate / Math.max(1, most)) * (HEIGHT - 3);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
    curve.setAttribute("points", points.join(" "));
    svg.setAttribute(
      "aria-label",
      `Events published a second over the last minute: now ${said(sum.published / length)}, at most ${number.format(most)}`,
    );
  };

  return {
    // What has come since the last frame. live: both were; what was published before tells nothing of now.
    add(since, live) {
      const second = Math.floor(Date.now() / 1000);
      const one = at(second);
      for (const name of ["published", "matched", "shown", "sampled"]) {
        if (live || name === "sampled" || name === "shown") one[name] += Math.max(0, since[name]);
      }
      seconds.set(second, one);
      for (const past of seconds.keys()) if (past < second - SECONDS) seconds.delete(past); // here: a hidden page draws nothing
    },
    draw,
  };
}
