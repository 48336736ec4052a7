"""The settings of the service that runs on this machine's data folder, for commands that look into its stores."""

from typing import Any

from pydantic import SecretStr

from ivr.datafolder import DataFolder
from ivr.embedded import EmbeddedValkey
from ivr.serve import sqlite_url
from ivr.settings import Settings, SettingsError


def as_served(settings: Settings) -> Settings:
    """Fill in what `ivr serve` embeds and keeps in the data folder. Raises `SettingsError` where it never ran there."""
    folder = DataFolder(settings.data_dir)
    stand_ins: dict[str, Any] = {}
    if not settings.secrets:
        kept = folder.kept("secret_key")
        if kept is None:
            raise SettingsError(
                f"IVR_SECRET_KEY is not set, and no service has run on the data folder {folder.path} yet."
            )
        stand_ins["secret_key"] = SecretStr(kept)
    if not settings.database_url:
        stand_ins["database_url"] = sqlite_url(folder.path / "calls.sqlite3")
    if not settings.redis_url:
        stand_ins["redis_url"] = EmbeddedValkey(folder.path / "valkey").url
    return settings.filled(**stand_ins)
