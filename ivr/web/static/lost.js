// A word where a page has lost its stream: what stands on it is not what is so now.
"use strict";

document.addEventListener("htmx:sseError", () => { document.getElementById("lost").hidden = false; });
document.addEventListener("htmx:sseOpen", () => { document.getElementById("lost").hidden = true; });
