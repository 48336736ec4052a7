// Single keys on the console, for those who switch them on: they must not surprise who types or speaks to a screen.
// And a word where the page has lost its stream.
"use strict";

const KEYS = "console-keys";

document.addEventListener("keydown", (event) => {
  if (localStorage.getItem(KEYS) !== "on" || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
  const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]:not(:disabled)`);
  if (button) {
    event.preventDefault();
    button.click();
  }
});

document.addEventListener("change", (event) => {
  if (event.target.id === "keys") localStorage.setItem(KEYS, event.target.checked ? "on" : "off");
});

const box = document.getElementById("keys");
if (box) box.checked = localStorage.getItem(KEYS) === "on";

document.addEventListener("htmx:sseError", () => { document.getElementById("lost").hidden = false; });
document.addEventListener("htmx:sseOpen", () => { document.getElementById("lost").hidden = true; });
