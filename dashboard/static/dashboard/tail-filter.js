// The tail's filter: changed over the open connection, refused at the field, and kept in the address.
export function filterOf(form, onAsk) {
  const field = form.querySelector("input[name=filter]");
  let inForce = null;

  const problem = (text) => {
    let line = form.querySelector("#filter-problem");
    if (!text) {
      line?.remove();
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
      return;
    }
    if (!line) {
      line = document.createElement("p");
      line.className = "error";
      line.id = "filter-problem";
      line.setAttribute("role", "alert");
      form.querySelector(".filter-field").after(line);
    }
    line.textContent = text;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", "filter-problem");
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    problem("");
    onAsk(field.value.trim());
  });
  // The cross of a search field empties it: that asks for everything again.
  field.addEventListener("search", () => {
    if (!field.value && inForce) form.requestSubmit();
  });
  document.querySelector(".search kbd")?.remove(); // it promises the stroke to the search
  // Before keys.js, for which the stroke means the search at the top.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, dialog[open]")) return;
    event.preventDefault();
    field.focus();
    field.select();
  }, { capture: true });

  return {
    problem,
    // The filter that the server says is in force; answers whether it is another than before.
    accept(text) {
      const before = inForce;
      if (text === before) return false;
      inForce = text;
      problem("");
      const address = new URL(location.href);
      if (text) address.searchParams.set("filter", text);
      else address.searchParams.delete("filter");
      if (address.href !== location.href) history.replaceState(history.state, "", address);
      for (const other of document.querySelectorAll("[data-keeps-filter] input[name=filter]")) other.value = text;
      for (const link of document.querySelectorAll("a[data-keeps-filter]")) {
        const target = new URL(link.href);
        target.searchParams.set("filter", text);
        link.href = target.href;
      }
      return before !== null;
    },
    inForce: () => inForce ?? "",
  };
}
