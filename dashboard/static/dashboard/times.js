// Rewrites every <time> into the reader's own zone; the exact instant stays its title. Forms that ask for a time say whose.
"use strict";
(() => {
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const two = (number) => String(number).padStart(2, "0");

  // "UTC+1". Not the zone's name: the first Intl.DateTimeFormat of a page takes 20 to 30 ms on a desktop computer.
  const zoneAt = (at) => {
    const minutes = -at.getTimezoneOffset();
    const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
    if (!minutes) return "UTC";
    return `UTC${minutes > 0 ? "+" : "−"}${hours}${rest ? `:${two(rest)}` : ""}`;
  };

  // The same forms as dashboard/rendering/text.py writes.
  const text = (at, style) => {
    const now = new Date();
    const day = `${at.getDate()} ${months[at.getMonth()]}`;
    const minute = `${two(at.getHours())}:${two(at.getMinutes())}`;
    const second = `${minute}:${two(at.getSeconds())}`;
    if (style === "exact") {
      return `${day} ${at.getFullYear()}, ${second}.${String(at.getMilliseconds()).padStart(3, "0")} ${zoneAt(at)}`;
    }
    if (style === "clock" && at.toDateString() === now.toDateString()) return second;
    return Math.abs(now - at) < 300 * 86400e3 ? `${day}, ${second}` : `${day} ${at.getFullYear()}, ${minute}`;
  };

  const rewrite = (element) => {
    const at = new Date(element.dateTime);
    if (element.dataset.style === "ago" || Number.isNaN(at.getTime())) return;
    element.textContent = text(at, element.dataset.style);
    if (element.dataset.fine) element.dataset.fine = fine(at, element.textContent);
  };

  // What makes the text exact to a millisecond: shown in lists with data-burst.
  const fine = (at, shown) => {
    const thousandth = `.${String(at.getMilliseconds()).padStart(3, "0")}`;
    return shown.split(":").length > 2 ? thousandth : `:${two(at.getSeconds())}${thousandth}`;
  };

  // A list with two neighbouring rows of events that show the same second shows milliseconds from then on.
  const ROW = "tr[data-position], li[data-position]";
  const timeOf = (row) => (row?.matches(ROW) ? row.querySelector("time:not(.published *)") : null);
  const lookForBurst = (row) => {
    const list = row.closest("table, ol");
    if (!list || "burst" in list.dataset) return;
    const own = timeOf(row);
    if (!own) return;
    const others = [timeOf(row.previousElementSibling), timeOf(row.nextElementSibling)];
    const same = (other) => other && other.dateTime !== own.dateTime && other.textContent === own.textContent;
    if (others.some(same)) list.dataset.burst = "";
  };

  const within = (root) => {
    if (root.matches?.("time[datetime]")) rewrite(root);
    root.querySelectorAll?.("time[datetime]").forEach(rewrite);
    root.querySelectorAll?.("form[data-zoned]").forEach(zoned);
    if (root.matches?.(ROW)) lookForBurst(root);
    root.querySelectorAll?.(ROW).forEach(lookForBurst);
  };

  // A form's local time travels as an instant: the visible field is the reader's zone, the sent one carries its offset.
  function zoned(form) {
    if (form.dataset.ready) return;
    form.dataset.ready = "yes";
    const field = form.querySelector("input[type=datetime-local]");
    const zone = form.querySelector("[data-zone]");
    if (zone) zone.textContent = "your time";
    const given = new Date(form.dataset.zoned);
    if (form.dataset.zoned && !Number.isNaN(given.getTime())) {
      field.value = new Date(given.getTime() - given.getTimezoneOffset() * 60e3).toISOString().slice(0, 19);
    }
    form.addEventListener("formdata", (event) => {
      const at = new Date(field.value);
      if (!Number.isNaN(at.getTime())) event.formData.set(field.name, at.toISOString());
    });
  }

  within(document);
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === 1) within(node);
  }).observe(document.body, { childList: true, subtree: true });
})();
