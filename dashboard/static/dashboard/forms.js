// Forms: no address that is too long for the server, and fields that belong to one of several choices.
"use strict";
(() => {
  const LONGEST = 8192; // bytes of a query; as in dashboard/web/filter_form.py

  // A form that would make a longer address says so at the longest field that can be changed, or else at its button, and is not
  // sent. Any change in the form takes the message away.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if ((event.submitter?.formMethod || form.method) !== "get") return;
    const entries = [...new FormData(form)].filter(([, value]) => typeof value === "string");
    const size = new URLSearchParams(entries).toString().length;
    if (size <= LONGEST) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const fields = [...form.elements].filter((field) => field.name && field.willValidate);
    const longest = (one, other) => (other.value.length > one.value.length ? other : one);
    const field = fields.reduce(longest, fields[0] ?? event.submitter);
    if (!field) return; // sent by a script: nobody reads a message
    const words = `This is too long for an address: encoded it has ${size.toLocaleString("en-GB")} bytes, and ` +
      `${LONGEST.toLocaleString("en-GB")} fit. Letters outside ASCII take up to twelve bytes each.`;
    field.setCustomValidity(words);
    form.addEventListener("input", () => field.setCustomValidity(""), { once: true });
    field.reportValidity();
  }, { capture: true });

  // Filling a field chooses the choice that it belongs to. The fields of the other choices are not sent.
  const radioOf = (field) => field.closest(".choice")?.querySelector("input[type=radio]");

  document.addEventListener("input", (event) => {
    const radio = radioOf(event.target);
    if (radio && radio !== event.target) radio.checked = true;
  });
  document.addEventListener("formdata", (event) => {
    for (const field of event.target.elements) {
      const radio = field.name ? radioOf(field) : null;
      if (radio && radio !== field && !radio.checked) event.formData.delete(field.name);
    }
  });
})();
