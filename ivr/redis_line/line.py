"""Steps on Redis: how long anybody waits for one, and what is raised where it is not confirmed."""

import hashlib
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from ivr.deadline import Within
from ivr.redis_line.server import Words

Answer = TypeVar("Answer")

PATIENCE = 0.25
"""Seconds that one step may take in all, from waiting for a connection to the last answer."""

LUA = Path(__file__).parents[1] / "lua"


class StoreAway(Exception):  # noqa: N818 - named for what the caller's side sees, not for its kind
    """Redis did not confirm a step in time: it may or may not have happened. The message is one sentence."""


class Command(NamedTuple):
    """A step that is not sent yet. All its keys lie in one slot; `script` is the text that its digest stands for."""

    words: Words
    script: str = ""

    def in_full(self) -> Words:
        """Give the words for a server that does not know the script."""
        return ("EVAL", self.script, *self.words[2:])


class Script:
    """A script that is called by its digest, and sent as a whole only where the server does not know it."""

    def __init__(self, redis: Redis, text: str) -> None:
        self._redis: Any = redis
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def command(self, keys: Sequence[str], args: Sequence[str | bytes | int] = ()) -> Command:
        """Give the step that runs it, for `RedisLine.ask_all`."""
        return Command(("EVALSHA", self._digest, len(keys), *keys, *args), self._text)

    async def __call__(self, keys: Sequence[str], args: Sequence[str | bytes | int] = ()) -> Any:
        """Run on the server, as a whole or not at all."""
        return (await _all(self._redis, [self.command(keys, args)]))[0]


class RedisLine:
    """Runs steps on Redis, each within a deadline, and turns whatever goes wrong into `StoreAway`."""

    def __init__(self, redis: Redis, *, deadline: float = PATIENCE) -> None:
        self._redis = redis
        self._deadline = deadline

    def script(self, name: str) -> Script:
        """Read ``lua/<name>.lua``; it is sent to the server when the server does not know it."""
        return Script(self._redis, (LUA / "prelude.lua").read_text("utf-8") + (LUA / f"{name}.lua").read_text("utf-8"))

    async def ask(self, step: Awaitable[Answer]) -> Answer:
        """Run a step and give its answer; raises StoreAway after the deadline or at any error of Redis.

        A step that is given up, at its deadline or because who waits for it is cancelled, may or may not have happened.
        Its connection is closed: one on which a request was left half-way would hand its answer to the next request,
        of another call.
        """
        try:
            with Within(self._deadline):
                return await step
        except TimeoutError:
            raise StoreAway(f"Redis did not answer within {self._deadline:g} s.") from None
        except (RedisError, OSError) as error:
            raise StoreAway(f"Redis did not do what it was asked: {type(error).__name__}: {error}") from error

    async def ask_all(self, commands: Sequence[Command]) -> list[Any]:
        """Run several steps in one trip, and give their answers in order, as Redis gives them.

        Each step is atomic by itself and in a slot of its own; together they are no transaction: none sees to it that
        the others happen, and a cluster may run them in any order. Raises StoreAway where any of them is not confirmed;
        those before and after it may have happened.
        """
        return await self.ask(_all(self._redis, commands))


async def _all(redis: Any, commands: Sequence[Command]) -> list[Any]:
    answers: list[Any] = await redis.execute_all([command.words for command in commands])
    for place, command in enumerate(commands):
        if isinstance(answers[place], NoScriptError):
            answers[place] = await redis.execute_command(*command.in_full())
        if isinstance(answers[place], RedisError):
            raise answers[place]
    return answers
