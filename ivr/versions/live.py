"""The versions that a worker has: the current one for new calls, and those that calls under way began with."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from ivr.flow import LookupNode
from ivr.library import Library, LibraryError, build
from ivr.lookups import DECLARED
from ivr.redis_line import StoreAway
from ivr.versions.shelf import Shelf

MOST: Final = 4
"""Versions in the memory of a worker, about 1.4 MB each; the one that was used longest ago goes, and can come back."""

PATIENCE_S: Final = 2.5
"""How long a webhook waits for a version that is being made; the carrier waits 5 s for all of it."""

EVERY_S: Final = 5.0
"""How often the versions that calls use are looked after in Redis."""

_AGAIN_S: Final = 1.0
_ABSENT_S: Final = 2.0
_MOST_ABSENT: Final = 100

log = logging.getLogger(__name__)


class StillComing(Exception):  # noqa: N818 - reads as what happened
    """The version of a call is being made and not there yet: its caller has to be asked to wait."""


class LiveVersions:
    """Gives the library of a version. Without a ``shelf`` there are only those that were current here.

    ``now`` is milliseconds since 1970, for the note of when a version came.
    """

    def __init__(
        self,
        current: Library,
        shelf: Shelf | None = None,
        *,
        now: Callable[[], int] = lambda: 0,
        most: int = MOST,
        patience_s: float = PATIENCE_S,
        make: Callable[[dict[str, bytes]], Library] = build,
    ) -> None:
        self._current = current
        self._shelf = shelf
        self._now = now
        self._most = most
        self._patience_s = patience_s
        self._make = make
        self._known: OrderedDict[str, Library] = OrderedDict({current.version: current})
        self._used: set[str] = set()
        self._coming: dict[str, asyncio.Task[Library | None]] = {}
        self._absent: dict[str, float] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def current(self) -> Library:
        """The library that new calls begin with."""
        return self._current

    def of(self, version: str) -> Library | None:
        """Give a version that is in memory, and have it stay, here and in Redis: a call uses it."""
        library = self._known.get(version)
        if library is not None:
            self._known.move_to_end(version)
            self._used.add(version)
        return library

    async def find(self, version: str) -> Library | None:
        """Give a version from memory or else from Redis; None where nobody has it. Raises `StillComing`."""
        library = self.of(version)
        if library is not None or self._shelf is None or self._absent.get(version, 0.0) > _clock():
            return library
        coming = self._coming.get(version)
        if coming is None:
            coming = self._coming[version] = asyncio.create_task(self._fetch(self._shelf, version))
            coming.add_done_callback(lambda _: self._coming.pop(version, None))
        await asyncio.wait({coming}, timeout=self._patience_s)
        if not coming.done():
            raise StillComing(version)
        return self.of(version) if coming.result() else None

    async def serve(self, library: Library) -> None:
        """Have new calls begin with a library; it lies in Redis before the first one does, where Redis answers."""
        self._add(library)
        await self._look_after([library.version])
        self._current = self._known[library.version]
        await self._tell()

    async def look_after_them(self) -> None:
        """Keep what calls use in Redis, again and again, until cancelled: it may have been away, or been emptied."""
        while True:
            whole = await self._look_after({self._current.version, *self._used}) and await self._tell()
            await asyncio.sleep(EVERY_S if whole else _AGAIN_S)

    async def leave(self) -> None:
        """Tell that this worker takes no new calls any more."""
        if self._shelf is not None:
            try:
                await self._shelf.leave()
            except StoreAway as away:
                log.info("Redis was not told that this worker leaves: %s", away)

    async def _look_after(self, versions: Iterable[str]) -> bool:
        if self._shelf is None:
            return True
        try:
            for version in sorted(versions):
                if (library := self._known.get(version)) is not None:
                    await self._shelf.keep(version, library.sources, self._now())
                self._used.discard(version)
        except StoreAway:
            return False
        return True

    async def _tell(self) -> bool:
        if self._shelf is None:
            return True
        try:
            await self._shelf.tell_current(self._current.version)
        except StoreAway:
            return False
        return True

    async def _fetch(self, shelf: Shelf, version: str) -> Library | None:
        library = await self._made(shelf, version)
        if library is None:
            if len(self._absent) >= _MOST_ABSENT:
                self._absent.clear()
            self._absent[version] = _clock() + _ABSENT_S
        else:
            self._add(library)
        return library

    async def _made(self, shelf: Shelf, version: str) -> Library | None:
        """Make a version of its files; off the event loop, on which other callers wait for their answers."""
        try:
            try:
                sources = await shelf.take(version)
            except StoreAway:
                sources = await shelf.take(version)
        except StoreAway as away:
            log.warning("Flow version %s could not be looked for, its calls go to the main menu: %s", version, away)
            return None
        if sources is None:
            log.warning("Flow version %s is not known any more: its calls go to the main menu.", version)
            return None
        try:
            async with self._one_at_a_time:
                library = await asyncio.to_thread(self._make, dict(sources))
        except LibraryError as error:
            strange = str(error.problems[0])
        else:
            strange = _not_understood(library)
        if strange:
            log.error("Flow version %s is of another release: its calls go to the main menu. %s", version, strange)
            return None
        return library

    def _add(self, library: Library) -> None:
        library = replace(library, files={})  # where everything stands is for the lint: half of what a version takes
        self._absent.pop(library.version, None)
        self._known[library.version] = library
        self._known.move_to_end(library.version)
        spare = [version for version in self._known if version not in (self._current.version, library.version)]
        for version in spare[: max(0, len(self._known) - self._most)]:
            del self._known[version]


def _not_understood(library: Library) -> str:
    """Say what a version that another worker had linted needs and this release lacks; nothing where it can be had."""
    for flow in library.flows.values():
        for name, node in flow.nodes.items():
            if not isinstance(node, LookupNode):
                continue
            declared = DECLARED.get(node.call)
            if declared is None or not declared.outcomes.keys() <= node.outcomes.keys():
                return f"Node '{name}' of flow '{flow.flow}' asks '{node.call}', which this release answers otherwise."
    return ""


def _clock() -> float:
    return asyncio.get_running_loop().time()
