"""The heads of the chains in the hotline's database: how far each had come, so that a cut tail is noticed."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.audit.chainfile import Ends
from ivr.database.tables import AUDIT_CHAINS

_MOST_AT_ONCE = 500


class Head(NamedTuple):
    """Where a chain stood at an instant (ms since 1970); `pruned_at` where it was deleted when its time had come."""

    chain: str
    worker: str
    started: int
    seq: int
    mac: str
    at: int
    closed: bool
    pruned_at: int | None = None


def head_of(ends: Ends) -> Head:
    """Give the head that the file of a chain has now."""
    opening, last = ends
    return Head(opening.chain, opening.worker, opening.at, last.seq, last.mac, last.at, bool(last.end))


async def read_heads(engine: AsyncEngine, chains: Collection[str] | None = None) -> dict[str, Head]:
    """Read the heads by their chains: of these chains, or all."""
    found: dict[str, Head] = {}
    async with engine.connect() as connection:
        if chains is None:
            found |= _by_chain(await connection.execute(select(AUDIT_CHAINS)))
        for some in _portions(chains or ()):
            found |= _by_chain(await connection.execute(select(AUDIT_CHAINS).where(AUDIT_CHAINS.c.chain.in_(some))))
    return found


async def write_heads(engine: AsyncEngine, heads: Collection[Head]) -> tuple[Head, ...]:
    """Write heads; one that stands before what is written already changes nothing and is given back."""
    written = await read_heads(engine, [head.chain for head in heads])
    behind = tuple(head for head in heads if head.chain in written and head.seq < written[head.chain].seq)
    async with engine.begin() as connection:
        for head in heads:
            if head.chain not in written:
                await connection.execute(insert(AUDIT_CHAINS).values(head._asdict()))
            elif _goes_on(written[head.chain], head):
                values = head._asdict()
                if head.pruned_at is None:
                    del values["pruned_at"]
                await connection.execute(update(AUDIT_CHAINS).where(AUDIT_CHAINS.c.chain == head.chain).values(values))
    return behind


def _goes_on(before: Head, head: Head) -> bool:
    return head.seq > before.seq or (head.seq == before.seq and head.pruned_at is not None)


def _by_chain(rows: Iterable[Row[Any]]) -> Mapping[str, Head]:
    return {row.chain: Head(**row._mapping) for row in rows}


def _portions(chains: Collection[str]) -> Iterable[list[str]]:
    every = list(chains)
    return (every[start : start + _MOST_AT_ONCE] for start in range(0, len(every), _MOST_AT_ONCE))
