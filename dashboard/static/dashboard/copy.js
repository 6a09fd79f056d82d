// Copies the exact text of a button's data-copy. The stylesheet hides the buttons in browsers that run no scripts.
"use strict";
(() => {
  // Browsers keep the clipboard from pages without TLS; selecting a field still works there.
  const fallback = (text) => {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  };

  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return fallback(text);
    }
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const done = await copied(button.dataset.copy);
    const said = document.getElementById("said");
    if (said) said.textContent = done ? "Copied" : "The browser did not allow copying";
    if (!done) return;
    button.dataset.copied = "yes";
    setTimeout(() => { delete button.dataset.copied; }, 1500);
  });
})();
