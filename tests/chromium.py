"""Whether this machine has a browser, without which the tests of pages are not run."""

import os
import shutil

CHROMIUM = shutil.which("chromium")
"""Where the browser is; None where this machine has none."""


def missing() -> str:
    """Say in a sentence what keeps the tests of pages from running; nothing where nothing does."""
    if CHROMIUM is not None:
        return ""
    return "There is no Chromium on this machine (Debian: chromium), so the tests of pages are not run."


def has_to_be_there() -> bool:
    """Tell whether a machine without a browser is a fault: where every change is checked it is."""
    return os.environ.get("CI", "").lower() in ("1", "true")
