"""Edits of the two folders: one that holds is served to new calls, one that does not leaves what is served in force.

The last version that held also lies in a file that the workers of one start share, so that a worker that is started
again while the folders are broken has something to serve. The file is that start's own: it needs no Redis, another
machine's folders have no say in it, and a new start on broken folders still stops with a sentence.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ivr import lint
from ivr.library import Library, LibraryError, build, is_read, read_sources, version_of
from ivr.lookups import DECLARED
from ivr.metrics import Metrics
from ivr.problems import Problem
from ivr.versions.live import LiveVersions
from ivr.versions.shelf import pack, unpack

LOOK_SECONDS: Final = 1.0
"""How often the folders are looked at. They are read when two looks saw the same: an editor writes several files."""

_TOLD: Final = 5

log = logging.getLogger(__name__)

Look = tuple[tuple[str, int, int, int], ...]

_held: list[Library] = []
"""The version that was read last and held, in this process or in the one that it was forked from."""


class Folders(NamedTuple):
    """Where flows and prompts are edited. Every method blocks: call it in a thread."""

    flows: Path
    prompts: Path

    def look(self) -> Look:
        """Tell how the files look from outside, without reading them."""
        found = []
        for folder in self:
            try:
                for path in sorted(folder.iterdir()):
                    if is_read(path):
                        seen = path.stat()
                        found.append((str(path), seen.st_ino, seen.st_mtime_ns, seen.st_size))
            except OSError:
                found.append((str(folder), 0, 0, 0))  # gone, or changing just now: reading it will tell
        return tuple(found)

    def read(self, last_good: "LastGood | None" = None) -> Library:
        """Read and lint what lies there now. Raises `LibraryError` with every problem that `ivr check` would tell.

        What held a moment ago in another worker of this start holds now: it is not linted again, which takes longer
        than all the rest of a worker's start.
        """
        sources, shown = read_sources(*self)
        if not (_held and _held[0].sources == sources):
            known = last_good is not None and last_good.holds(sources)
            _held[:] = [build(sources, shown) if known else linted(sources, shown)]
        return _held[0]


def linted(sources: Mapping[str, bytes], shown: Mapping[str, str] | None = None) -> Library:
    """Make a library of files that may be served. Raises `LibraryError` with all problems."""
    library = build(sources, shown)
    problems = lint.check(library, DECLARED)
    if problems:
        raise LibraryError(problems)
    return library


class LastGood:
    """The last version that held, for the workers of one start; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._behind = False

    def keep(self, library: Library) -> None:
        """Write a version down, as a whole or not at all; a full disk is told, and no more."""
        if self._path is None:
            return
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            draft.write_bytes(pack(library.sources))
            draft.replace(self._path)
            self._behind = False
        except OSError as error:
            self._behind = True
            log.warning("The flow version could not be kept in %s: %s.", self._path, error.strerror)

    def holds(self, sources: Mapping[str, bytes]) -> bool:
        """Tell whether these are the very files of the version that held last."""
        try:
            return self._path is not None and unpack(self._path.read_bytes()) == sources
        except OSError:
            return False

    def newer_than(self, library: Library) -> Library | None:
        """Give the version where another worker kept it after that library; None where there is nothing newer.

        Whoever could not keep a version itself does not go back to the one before it.
        """
        return None if self._behind or self.holds(library.sources) else self.library()

    def library(self) -> Library | None:
        """Give the version again; None where there is none, or where this release cannot read it."""
        try:
            sources = unpack(self._path.read_bytes()) if self._path is not None else None
            return None if sources is None else build(sources)
        except (OSError, LibraryError):
            return None


class Edits:
    """Looks at the folders, and has each edit served or refused. `refused` are the problems of what lies there now."""

    def __init__(
        self,
        folders: Folders,
        last_good: LastGood,
        live: LiveVersions,
        metrics: Metrics,
        *,
        refused: tuple[Problem, ...] = (),
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self.refused = refused
        self._folders = folders
        self._last_good = last_good
        self._live = live
        self._metrics = metrics
        self._look_seconds = look_seconds
        self._told = asyncio.Event()
        metrics.serves(live.current.version, len(refused))

    def look_now(self) -> None:
        """Have the folders read at once, whether anything seems to have changed or not (SIGHUP)."""
        self._told.set()

    async def watch(self) -> None:
        """Serve or refuse every edit, until cancelled."""
        before: Look | None = None
        read: Look | None = None
        while True:
            seen = await asyncio.to_thread(self._folders.look)
            told = self._told.is_set()
            if told or (seen == before and seen != read):
                self._told.clear()
                if await self._read(seen, told=told):
                    read = seen
            before = seen
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_seconds):
                    await self._told.wait()

    async def _read(self, seen: Look, *, told: bool) -> bool:
        """Bring what new calls begin with to what lies in the folders, if it holds; False where it is changing yet."""
        try:
            return await self._serve_or_refuse(seen, told=told)
        except Exception as error:  # whatever an edit may bring about: the next edit has to be looked at all the same
            log.error("The flow files could not be read (%s); they are looked at again when they change.", error)
        return True

    async def _serve_or_refuse(self, seen: Look, *, told: bool) -> bool:
        try:
            sources, shown = await asyncio.to_thread(read_sources, *self._folders)
            if await asyncio.to_thread(self._folders.look) != seen:
                return False
            library = self._live.of(version_of(sources))
            if library is None:
                library = await asyncio.to_thread(linted, sources, shown)
            await self._serve(library, told=told)
        except LibraryError as error:
            await self._catch_up()
            self._refuse(error.problems)
        return True

    async def _serve(self, library: Library, *, told: bool) -> None:
        self.refused = ()
        if library.version != self._live.current.version:
            await asyncio.to_thread(self._last_good.keep, library)
            await self._live.serve(library)
            log.info("New calls begin with flow version %s; calls under way stay on theirs.", library.version)
        elif told:
            log.info("The flow files are those that are served already: version %s.", library.version)
        self._metrics.serves(library.version, 0)

    async def _catch_up(self) -> None:
        """Serve what held in between, where other workers saw it: this one looked later, or has only just begun."""
        missed = await asyncio.to_thread(self._last_good.newer_than, self._live.current)
        if missed is not None:
            await self._live.serve(missed)
            log.info("New calls begin with flow version %s, which held before the last edit.", missed.version)

    def _refuse(self, problems: list[Problem]) -> None:
        current = self._live.current.version
        self.refused = tuple(problems)
        self._metrics.serves(current, len(problems))
        told = [" ".join(str(problem).split()) for problem in problems[:_TOLD]]
        more = [f"… and {len(problems) - _TOLD} more."] if len(problems) > _TOLD else []
        log.error(
            "The flow files are not served, version %s stays in force. `ivr check` tells why: %s",
            current,
            " ".join(told + more),
        )
