"""A hotline of a dozen sentences, whose files a test edits while its workers run, and whose workers it restarts.

It is small because each edit is read, linted and built by every worker.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from fastapi import FastAPI
from hotline_under_test import AUTH_TOKEN, SECRET_KEY, Clock, UnderTest
from scripted_accounts import ScriptedAccounts
from served import Served
from tampering import Caller, calling

from ivr.app import create_app
from ivr.engine import PHRASES
from ivr.hotline import Deadlines
from ivr.settings import DEMO_ACCOUNT_SID, Settings
from ivr.versions.editing import Folders

LOOK_SECONDS = 0.04
MENU, HALL, AGENT_AWAY = "办事大厅，请按一；人工服务，请按零。", "大厅在一楼。", "没有人有空。"
WAIT, RETRY = "请稍候。", "刚才没有完成。"

PROMPTS = f"""\
main.menu: {MENU}
hall.menu: 大厅在哪里，请按一；返回，请按星号键。
hall.where: {HALL}
agent.transfer: 正在转接。
agent.away: {AGENT_AWAY}
wait: {WAIT}
trouble.retry: {RETRY}
"""
FILES = {
    "flows/hotlines.yaml": """\
default: main
hotlines:
  main:
    name: {zh: 社保热线}
    region: "110105"
    languages: [zh]
    flow: main
    agents: {general: {numbers: ["+12025550133"], hours: {zh: 工作日上午}}}
""",
    "flows/main.yaml": """\
flow: main
start: menu
lost: goodbye
keys: {"0": agent, "9": again}
nodes:
  menu: {kind: menu, say: main.menu, keys: {"1": hall}}
  hall: {kind: call, flow: hall, returns: {back: menu}}
  agent:
    kind: transfer
    group: general
    say: agent.transfer
    outcomes: {answered: goodbye, busy: away, no_answer: away, failed: away, off_duty: away}
  away: {kind: say, say: agent.away, to: menu}
  goodbye: {kind: hangup, say: goodbye}
""",
    "flows/hall.yaml": """\
flow: hall
start: menu
nodes:
  menu: {kind: menu, say: hall.menu, keys: {"1": where, "*": back}}
  where: {kind: say, say: hall.where, to: menu}
  back: {kind: return, outcome: back}
""",
    # What every hotline says by itself is of no interest here.
    "prompts/zh.yaml": PROMPTS + "".join(f"{one}: 请稍等。\n" for one in PHRASES if f"\n{one}: " not in PROMPTS),
}


class Files:
    """The two folders. Texts are replaced where they stand exactly once; `restore` writes all as it was."""

    def __init__(self, folder: Path) -> None:
        self.folders = Folders(folder / "flows", folder / "prompts")
        self._folder = folder
        for one in self.folders:
            one.mkdir()
        self.restore()

    def restore(self) -> None:
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, "utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self._folder / name).read_text("utf-8")
        assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
        self.write(name, text.replace(old, new))

    @property
    def version(self) -> str:
        return self.folders.read().version


@dataclass
class Small:
    """The hotline as it runs: its files, its workers, and what each of them says of itself."""

    files: Files
    under_test: UnderTest
    settings: Settings
    deadlines: Deadlines
    served: list[Served] = field(default_factory=list)

    def start(self, port: int = 0) -> None:
        """Start one more worker."""
        app: FastAPI = create_app(
            self.settings, now=self.under_test.clock, deadlines=self.deadlines, look_seconds=LOOK_SECONDS
        )
        self.served.append(Served(app, port).__enter__())
        self.under_test.urls.append(self.served[-1].url)

    def stop(self) -> int:
        """Stop the worker that has run for the longest time; give its port."""
        self.served.pop(0).__exit__(None, None, None)
        return int(self.under_test.urls.pop(0).rpartition(":")[2])

    def restart(self) -> None:
        """Stop every worker, and only then start as many, where the carrier knows them."""
        for port in [self.stop() for _ in range(len(self.served))]:
            self.start(port)

    def told(self) -> list[tuple[str, int]]:
        """Give the version and the problems of the files, as each worker's /readyz tells them."""
        with httpx2.Client(trust_env=False, timeout=60) as client:
            flows = [client.get(f"{url}/readyz").json()["flows"] for url in self.under_test.urls]
        return [(one["version"], one["problems"]) for one in flows]

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[Caller]:
        async with calling(self.under_test, workers=len(self.served)) as caller:
            yield caller


@contextmanager
def serving_small(
    folder: Path, redis_url: str, *, workers: int = 2, deadlines: Deadlines | None = None
) -> Iterator[Small]:
    """Serve the small hotline from a folder of the test's own."""
    files = Files(folder)
    settings = Settings.model_validate(
        Settings(_env_file=None).model_dump()
        | {
            "twilio_account_sid": DEMO_ACCOUNT_SID,
            "twilio_auth_token": AUTH_TOKEN,
            "secret_key": SECRET_KEY,
            "redis_url": redis_url,
            "account_url": "http://127.0.0.1:9",
            "account_token": "a-token-of-the-tests",
            "data_dir": folder,
            "public_url": "http://hotline.test",
            "flows_dir": files.folders.flows,
            "prompts_dir": files.folders.prompts,
            "last_good": folder / "last-good",
        }
    )
    under_test = UnderTest([], settings.public_url, redis_url, ScriptedAccounts(), Clock())
    patient = (deadlines or Deadlines())._replace(store=2.0)
    small = Small(files, under_test, settings, patient)
    try:
        for _ in range(workers):
            small.start()
        yield small
    finally:
        while small.served:
            small.stop()
