// Single keys on the console, for those who switch them on: they must not surprise who types or speaks to a screen.
// And lists that change without becoming other elements.
"use strict";

// Queues change every second in a busy hour. A button that was exchanged between a finger's press and its release would
// get no click, so what stays the same stays in the page; so does the message in the list that somebody listens to.
htmx.defineExtension("morph", {
  handleSwap: (style, target, fragment) =>
    style === "morph" && Idiomorph.morph(target, [...fragment.childNodes], { morphStyle: "innerHTML" }),
});

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
