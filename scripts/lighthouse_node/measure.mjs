// Measures pages with Lighthouse: node measure.mjs FOLDER, where FOLDER holds node_modules. Reads one JSON object from its input:
//   chromium, flags     the browser's program and its options
//   cookies             [{name, value, url, …}] of somebody who is logged in, or []
//   pages               addresses
//   form                "desktop" or "mobile"
//   runs                how often a page is measured at most
//   enough              points by category with which it is not measured again
//   skipped             names of audits that are left out
// Writes one JSON object a page to its output, as soon as the page is measured: {url, runs, failed, scores, lost}. The points of a category
// are the best of all runs, since another process on the machine can only make a page slower; lost names what cost points.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const modules = createRequire(`${process.argv[2]}/`);
const load = (name) => import(pathToFileURL(modules.resolve(name)));
const [{ default: lighthouse }, { default: desktop }, chromeLauncher, puppeteer] = await Promise.all(
  ["lighthouse", "lighthouse/core/config/desktop-config.js", "chrome-launcher", "puppeteer-core"].map(load),
);

const read = async () => {
  const parts = [];
  for await (const part of process.stdin) parts.push(part);
  return JSON.parse(Buffer.concat(parts));
};

const lost = ({ audits }, { auditRefs }) =>
  auditRefs
    .filter(({ id, weight }) => weight > 0 && audits[id].score !== null && audits[id].score < 1)
    .map(({ id }) => {
      const { score, displayValue, errorMessage, details } = audits[id];
      const first = details?.items?.[0];
      const where = first?.node?.snippet ?? first?.description ?? first?.href ?? first?.issueType ?? "";
      return [id, score, displayValue, errorMessage, where].filter((part) => part || part === 0).join(" ");
    });

// Runs of a page without any result (a trace without the beginning of the page), after which the page counts as failed.
const MOST_FAILED = 4;

const measure = async (asked, port, url, best) => {
  const flags = { port, output: "json", logLevel: "error", skipAudits: asked.skipped };
  const { lhr } = await lighthouse(url, flags, asked.form === "desktop" ? desktop : undefined);
  if (lhr.runtimeError) {
    best.failed.push(lhr.runtimeError.code);
    if (best.failed.length < MOST_FAILED) return;
    throw new Error(`${url}: ${best.failed.join(", ")}: ${lhr.runtimeError.message}`);
  }
  best.runs += 1;
  for (const [name, category] of Object.entries(lhr.categories)) {
    const points = Math.round(100 * (category.score ?? 0));
    if (points <= (best.scores[name] ?? -1)) continue;
    best.scores[name] = points;
    best.lost[name] = points < 100 ? lost(lhr, category) : [];
  }
};

const asked = await read();
const chrome = await chromeLauncher.launch({ chromePath: asked.chromium, chromeFlags: asked.flags, logLevel: "silent" });
try {
  const browser = await puppeteer.connect({ browserURL: `http://127.0.0.1:${chrome.port}`, defaultViewport: null });
  for (const cookie of asked.cookies) await browser.setCookie(cookie);
  for (const url of asked.pages) {
    const best = { url, runs: 0, failed: [], scores: {}, lost: {} };
    do await measure(asked, chrome.port, url, best);
    while (best.runs === 0 || (best.runs < asked.runs && Object.entries(best.scores).some(([name, points]) => points < asked.enough[name])));
    process.stdout.write(`${JSON.stringify(best)}\n`);
  }
  await browser.disconnect();
} finally {
  chrome.kill();
}
