"""A service on a copy of the flows and prompts, which a test may change before the start and while it runs."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from hotline_under_test import AUTH_TOKEN, OUTBOUND_NUMBER, REFUSAL_STEP, SECRET_KEY, Clock, UnderTest
from scripted_accounts import ScriptedAccounts
from served import Served

from ivr.app import create_app
from ivr.hotline import Deadlines
from ivr.library import Library, default_dirs, load
from ivr.settings import DEMO_ACCOUNT_SID, Settings

PATIENCE = 2.0
"""Seconds that a step on Redis may take here: a busy machine is no fault."""

LOOK_SECONDS = 0.05
"""How often the file of the emergency announcement is looked at here."""


class Copied:
    """The two folders, below one of the test's own. `edit` and `add` name files as ``flows/main.yaml``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for source in default_dirs():
            shutil.copytree(source, folder / source.name)

    def edit(self, name: str, *changes: tuple[str, str]) -> Self:
        """Replace texts, each of which must stand there exactly once."""
        path = self.folder / name
        text = path.read_text("utf-8")
        for old, new in changes:
            assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
            text = text.replace(old, new)
        path.write_text(text, "utf-8")
        return self

    def add(self, name: str, text: str) -> Self:
        """Write more at the end of a file, or a new one."""
        path = self.folder / name
        path.write_text((path.read_text("utf-8") if path.exists() else "") + text, "utf-8")
        return self

    def load(self) -> Library:
        return load(self.folder / "flows", self.folder / "prompts")


@contextmanager
def serving_copy(
    copied: Copied, redis_url: str, data_dir: Path, *, workers: int = 1, queues: bool = False
) -> Iterator[UnderTest]:
    """Serve the copy as it is now, linted as at every start, as so many workers.

    With `queues` callers wait for agents; else the numbers of a group are rung.
    """
    accounts = ScriptedAccounts()
    clock = Clock()
    with Served(accounts.app()) as account_service:
        values = Settings(_env_file=None).model_dump() | {
            "twilio_account_sid": DEMO_ACCOUNT_SID,
            "twilio_auth_token": AUTH_TOKEN,
            "secret_key": SECRET_KEY,
            "redis_url": redis_url,
            "account_url": account_service.url,
            "account_token": "a-token-of-the-tests",
            "data_dir": data_dir,
            "public_url": "http://hotline.test",
            "refusal_step": REFUSAL_STEP,
            "outbound_number": OUTBOUND_NUMBER if queues else "",
            "flows_dir": copied.folder / "flows",
            "prompts_dir": copied.folder / "prompts",
        }
        settings = Settings.model_validate(values)
        served = [
            Served(create_app(settings, now=clock, deadlines=Deadlines(store=PATIENCE), look_seconds=LOOK_SECONDS))
            for _ in range(workers)
        ]
        for one in served:
            one.__enter__()
        try:
            yield UnderTest([one.url for one in served], settings.public_url, redis_url, accounts, clock)
        finally:
            for one in served:
                one.__exit__(None, None, None)
