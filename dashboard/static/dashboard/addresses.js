// A form that would make an address too long for the server says so at its longest field, and is not sent.
const LONGEST = 8192; // bytes of a query; as in dashboard/web/filter_form.py

document.addEventListener("submit", (event) => {
  const form = event.target;
  if ((event.submitter?.formMethod || form.method) !== "get") return;
  const entries = [...new FormData(form)].filter(([, value]) => typeof value === "string");
  const size = new URLSearchParams(entries).toString().length;
  if (size <= LONGEST) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const fields = [...form.elements].filter((field) => field.name && field.setCustomValidity && field.type !== "hidden");
  const field = fields.reduce((longest, each) => (each.value.length > longest.value.length ? each : longest));
  const words = `This is too long for an address: encoded it has ${size.toLocaleString("en-GB")} bytes, and ` +
    `${LONGEST.toLocaleString("en-GB")} fit. Letters outside ASCII take up to twelve bytes each.`;
  field.setCustomValidity(words);
  field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
  field.reportValidity();
}, { capture: true });
