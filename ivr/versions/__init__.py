"""Several versions of flows and prompts at once: new calls take the current one, each call stays on its own."""
