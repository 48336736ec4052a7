"""What a process of the service does first: read the settings, and log to where they say."""

import os
import sys

from typer import echo

from ivr import logs
from ivr.settings import Settings, strange_names


def read_settings() -> Settings:
    """Return the operator's settings; names that are almost settings are told on standard error."""
    for sentence in strange_names():
        echo(sentence, err=True)
    return Settings.read()


def settle_in(settings: Settings) -> None:
    """Log to standard error, as text where a person reads it; keep what the process writes from everybody else."""
    os.umask(0o077)
    logs.begin("json" if settings.log_format == "json" or not (settings.log_format or sys.stderr.isatty()) else "text")
