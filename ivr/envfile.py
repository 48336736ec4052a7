"""The file of settings in the working folder: which names it sets, and what is wrong with its lines."""

import io
from pathlib import Path

from dotenv.parser import Binding, parse_stream


class SettingsError(Exception):
    """Settings with which nothing starts: a sentence for each, naming the setting and what was expected."""

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def _bindings(env_file: Path | None) -> list[Binding]:
    if env_file is None or not env_file.exists():
        return []
    try:
        text = env_file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{env_file} cannot be read: expected text in UTF-8 with lines NAME=value.") from None
    return list(parse_stream(io.StringIO(text)))


def check_env_file(env_file: Path | None) -> None:
    """Raise `SettingsError` where a line is none, or the file cannot be read; no file is fine."""
    for binding in _bindings(env_file):
        if binding.error:
            raise SettingsError(f"{env_file}, line {binding.original.line} is wrong: expected NAME=value.")


def env_file_names(env_file: Path | None) -> list[str]:
    """Give the names that a file sets."""
    return [binding.key for binding in _bindings(env_file) if binding.key]
