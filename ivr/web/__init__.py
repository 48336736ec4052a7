"""The pages for people with a browser: one look, no build step, nothing from the network."""

PAGES = frozenset({"", "console", "flows", "log-in", "log-out", "operations", "phone", "static"})
"""The first segments of the paths that lead to pages; every other path is for machines."""


def is_page(path: str) -> bool:
    """Tell whether a path leads to a page."""
    return path[1:].partition("/")[0] in PAGES
