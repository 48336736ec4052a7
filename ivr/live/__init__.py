"""Where calls are just now, and how many came this minute: for the map and the operations page, never for a call."""
