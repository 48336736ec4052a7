"""Counters: no more attempts than allowed, whoever asks at the same time, and no lock that ends early."""

import asyncio
import time
from collections import Counter
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from ivr.counters import EPOCHS, SHARES, Counters, Refused, Reserved, StoreAway, Window
from ivr.redis_line import connect
from ivr.seals import Seals

NEW, OLD = b"n" * 32, b"o" * 32
SEALS = Seals([NEW])
DAY = 24 * 3600.0


@pytest.fixture
async def counters(redis: Redis) -> Counters:
    made = Counters(redis, SEALS, deadline=5)  # a busy machine is no fault
    await made.confirm_epoch()
    return made


async def take(
    counters: Counters, reservation: str, *, value: str = "1101", limit: int = 5, window_s: float = DAY
) -> Reserved | Refused:
    return await counters.reserve([Window("account", value, limit, window_s)], reservation)


async def test_a_window_has_as_many_places_as_its_limit(counters: Counters) -> None:
    taken = [await take(counters, f"r{number}") for number in range(7)]
    assert taken == [*(Reserved(number) for number in range(1, 6)), Refused(5, "account"), Refused(5, "account")]
    assert await take(counters, "r", value="1102") == Reserved(1)
    other_kind = await counters.reserve([Window("number", "1101", 5, DAY)], "r")
    assert other_kind == Reserved(1)


async def test_many_at_once_on_two_workers_get_no_more_than_the_limit(counters: Counters, valkey_url: str) -> None:
    async with connect(valkey_url) as other:
        workers = [counters, Counters(other, SEALS, deadline=5)]
        done = await asyncio.gather(*(take(workers[number % 2], f"r{number}") for number in range(40)))
    assert Counter(map(type, done)) == {Reserved: 5, Refused: 35}


async def test_the_same_reservation_takes_one_place(counters: Counters) -> None:
    assert [await take(counters, "r", limit=1) for _ in range(3)] == [Reserved(1)] * 3
    assert await take(counters, "other", limit=1) == Refused(1, "account")


async def test_a_place_given_back_is_free_and_only_that_one(counters: Counters) -> None:
    await take(counters, "r1", limit=2)
    await take(counters, "r2", limit=2)
    account = Window("account", "1101", 2, DAY)
    for reservation in ("r1", "r1", "never"):
        await counters.give_back(counters.giving_back([account], reservation))
    assert await take(counters, "r3", limit=2) == Reserved(2)
    assert await take(counters, "r4", limit=2) == Refused(2, "account")


async def test_places_come_free_when_the_window_has_passed(counters: Counters, redis: Redis) -> None:
    assert await take(counters, "r1", limit=1, window_s=60) == Reserved(1)
    key = await _only_counter(redis)
    for passed, taken in ((50_000, Refused(1, "account")), (10_001, Reserved(1))):
        there: Any = await redis.zrange(key, 0, -1, withscores=True)
        await redis.zadd(key, {member: since - passed for member, since in there})
        assert await take(counters, "r2", limit=1, window_s=60) == taken
    assert await redis.zcard(key) == 1


async def test_a_refusal_does_not_lengthen_the_lock(counters: Counters, redis: Redis) -> None:
    await take(counters, "r1", limit=1)
    before = await redis.zrange(await _only_counter(redis), 0, -1, withscores=True)
    await take(counters, "r2", limit=1)
    assert await redis.zrange(await _only_counter(redis), 0, -1, withscores=True) == before


async def test_a_clock_that_went_back_never_shortens_a_lock(counters: Counters, redis: Redis) -> None:
    """What was counted by a clock a year ahead still counts, and the counter keeps the longer of its ends."""
    await take(counters, "r1")
    key, year = await _only_counter(redis), 365 * 86_400_000
    ahead = time.time() * 1000 + year
    await redis.zadd(key, {f"/a{number}": ahead + number for number in range(4)})
    await redis.pexpire(key, year)
    assert await take(counters, "r2") == Refused(5, "account")
    assert await take(counters, "r2", limit=6) == Reserved(6)
    assert await redis.pttl(key) > year - 60_000


async def test_every_counter_ends_after_its_window(counters: Counters, redis: Redis) -> None:
    await take(counters, "r1", window_s=10)
    assert 10_000 < await redis.pttl(await _only_counter(redis)) <= 70_000
    await take(counters, "r2", window_s=100)
    assert 100_000 < await redis.pttl(await _only_counter(redis)) <= 160_000
    await take(counters, "r3", window_s=10)
    assert 100_000 < await redis.pttl(await _only_counter(redis)) <= 160_000


def number_calling(account: str) -> Window:
    """Give a counter of two distinct accounts of one calling number."""
    return Window("number", "+86138", 2, 3600.0, of=account)


async def test_distinct_accounts_of_a_calling_number_are_counted_once_each(counters: Counters) -> None:
    async def of(account: str, reservation: str) -> Reserved | Refused:
        return await counters.reserve([number_calling(account)], reservation)

    refused = Refused(2, "number")
    assert [await of("a", f"r{number}") for number in range(4)] == [Reserved(1)] * 4
    assert await of("b", "r4") == Reserved(2)
    assert await of("c", "r5") == refused
    assert await of("a", "r6") == Reserved(2)
    await counters.give_back(counters.giving_back([number_calling("a")], "r4"))
    assert await of("c", "r5") == refused
    await counters.give_back(counters.giving_back([number_calling("b")], "r4"))
    assert await of("c", "r5") == Reserved(2)
    assert await of("b", "r7") == refused


async def test_the_first_counter_that_refuses_is_told_and_none_keeps_a_place(counters: Counters, redis: Redis) -> None:
    """One attempt is counted at all of them; what was taken behind or before a refusal is given back."""
    account, number = Window("account", "a", 2, DAY), Window("number", "n", 1, DAY)
    hotline = Window("hotline", "h", 3, DAY, places=2)
    assert await counters.reserve([account, number, hotline], "r1") == Reserved(1)
    before = await kept(redis)
    assert await counters.reserve([account, number, hotline], "r2") == Refused(1, "number")
    assert await counters.reserve([account, hotline], "r3") == Refused(2, "hotline")
    assert await kept(redis) == before
    assert await counters.reserve([account], "r4") == Reserved(2)
    assert await counters.reserve([account, number, hotline], "r5") == Refused(2, "account")
    await counters.give_back(counters.giving_back([account, number, hotline], "r1"))
    assert await counters.reserve([account, number, hotline], "r6") == Reserved(2)


async def test_a_counter_that_has_lost_its_epoch_grants_nothing_at_the_others(counters: Counters, redis: Redis) -> None:
    many = [Window("account", str(number), 2, DAY) for number in range(40)]
    await counters.reserve(many, "r1")
    before = await kept(redis)
    await redis.delete(EPOCHS[3])
    with pytest.raises(StoreAway, match="lost its counts"):
        await counters.reserve(many, "r2")
    assert await kept(redis) == before


async def test_a_reservation_of_two_places_is_given_back_as_a_whole(counters: Counters) -> None:
    hotline = Window("hotline", "h", 5, DAY, places=2)
    assert [await counters.reserve([hotline], f"r{number}") for number in range(3)] == [
        Reserved(2),
        Reserved(4),
        Refused(4, "hotline"),
    ]
    assert await counters.reserve([hotline], "r1") == Reserved(4)
    await counters.give_back(counters.giving_back([hotline], "r1"))
    assert await counters.reserve([hotline], "r2") == Reserved(4)
    assert await counters.reserve([hotline._replace(places=1)], "r3") == Reserved(5)


async def test_whether_a_counter_is_free_is_known_a_second_later_at_most(counters: Counters, redis: Redis) -> None:
    """That it is full, or lost its counts, is never remembered."""
    hotline = Window("hotline", "h", 2, DAY)
    await counters.reserve([hotline], "r1")
    assert await counters.lately_free(hotline)
    await counters.reserve([hotline], "r2")
    fresh = Counters(redis, SEALS, deadline=5)
    assert not await fresh.lately_free(hotline)
    await fresh.give_back(fresh.giving_back([hotline], "r2"))
    assert await fresh.lately_free(hotline)
    await redis.flushall()
    assert not await Counters(redis, SEALS, deadline=5).lately_free(hotline)


async def test_nothing_in_redis_tells_whose_counter_it_is(counters: Counters, redis: Redis) -> None:
    await take(counters, "r", value="110105198503122173")
    await counters.reserve([Window("number", "+8613812345678", 5, 60, of="110105198503122173")], "r")
    keys = [key async for key in redis.scan_iter("ivr:count:*")]
    assert len(keys) == 2
    members = [member for key in keys for member in await redis.zrange(key, 0, -1)]
    for text in (*keys, *members):
        assert b"110105" not in text
        assert b"13812345678" not in text


async def test_while_a_secret_changes_old_and_new_workers_count_together(redis: Redis) -> None:
    old, both, new = (Counters(redis, Seals(secrets), deadline=5) for secrets in ([OLD], [NEW, OLD], [NEW]))
    await old.confirm_epoch()
    assert await take(old, "r1", limit=3) == Reserved(1)
    assert isinstance(await take(both, "r2", limit=3), Reserved)
    assert await take(old, "r3", limit=3) == Reserved(3)
    assert await take(both, "r4", limit=3) == Refused(3, "account")
    assert await take(new, "r5", limit=3) == Reserved(2)
    await both.give_back(both.giving_back([Window("account", "1101", 3, DAY)], "r2"))
    assert await take(new, "r6", limit=2) == Reserved(2)
    assert await take(old, "r7", limit=3) == Reserved(3)


async def test_a_place_refused_under_one_name_is_not_kept_under_the_other(redis: Redis) -> None:
    old, both, new = (Counters(redis, Seals(secrets), deadline=5) for secrets in ([OLD], [NEW, OLD], [NEW]))
    await old.confirm_epoch()
    await take(old, "r1", limit=1)
    assert await take(both, "r2", limit=1) == Refused(1, "account")
    assert await take(new, "r3", limit=1) == Reserved(1)


async def test_distinct_accounts_are_known_under_both_secrets(redis: Redis) -> None:
    old, both = (Counters(redis, Seals(secrets), deadline=5) for secrets in ([OLD], [NEW, OLD]))
    await old.confirm_epoch()

    async def of(counters: Counters, account: str, reservation: str) -> Reserved | Refused:
        return await counters.reserve([number_calling(account)], reservation)

    await of(old, "a", "r1")
    await of(old, "b", "r2")
    assert isinstance(await of(both, "a", "r3"), Reserved)
    assert isinstance(await of(both, "c", "r4"), Refused)


async def test_without_its_epoch_a_store_grants_nothing(empty_redis: Redis) -> None:
    counters = Counters(empty_redis, SEALS, deadline=5)
    assert not await counters.epoch_confirmed()
    with pytest.raises(StoreAway, match="lost its counts"):
        await take(counters, "r1")
    for _ in range(2):
        await counters.confirm_epoch()
        assert await counters.epoch_confirmed()
    assert isinstance(await take(counters, "r2"), Reserved)
    await empty_redis.flushall()
    with pytest.raises(StoreAway, match="lost its counts"):
        await take(counters, "r3")
    await counters.confirm_epoch()
    assert [await empty_redis.pttl(epoch) for epoch in EPOCHS] == [-1] * SHARES


async def test_a_share_that_was_lost_grants_nothing_and_the_others_go_on(counters: Counters, redis: Redis) -> None:
    """As where one master of a cluster came back empty, while the others kept what they had counted."""
    for account in range(40):
        await take(counters, "r1", value=str(account))
    lost = [key async for key in redis.scan_iter("ivr:*{share3}*")]
    assert len(lost) > 1
    await redis.delete(*lost)
    assert not await counters.epoch_confirmed()
    again = await asyncio.gather(
        *(take(counters, "r2", value=str(account)) for account in range(40)), return_exceptions=True
    )
    assert Counter(map(type, again)) == {StoreAway: len(lost) - 1, Reserved: 41 - len(lost)}
    assert {one for one in again if isinstance(one, Reserved)} == {Reserved(2)}
    assert [key async for key in redis.scan_iter("ivr:*{share3}*")] == [], "what is refused is not counted either"
    await counters.confirm_epoch()
    assert await counters.epoch_confirmed()


async def test_counters_lie_in_the_slots_of_their_epochs_on_every_master(counters: Counters, redis: Redis) -> None:
    for account in range(200):
        await take(counters, "r", value=str(account))
    slots = Counter([key_slot(key) async for key in redis.scan_iter("ivr:count:*")])
    assert set(slots) == {key_slot(epoch.encode()) for epoch in EPOCHS}
    assert len(slots) == SHARES
    thirds = Counter(slot * 3 // 16384 for slot in slots)
    assert max(thirds.values()) - min(thirds.values()) <= 1, "three masters have equal parts of the work"


async def test_a_counter_that_is_none_is_not_confirmed(counters: Counters, redis: Redis) -> None:
    await take(counters, "r1")
    await redis.set(await _only_counter(redis), "a string", ex=60)
    with pytest.raises(StoreAway):
        await take(counters, "r2")


async def _only_counter(redis: Redis) -> str:
    (key,) = [key async for key in redis.scan_iter("ivr:count:*")]
    return str(key, "ascii")


async def kept(redis: Redis) -> dict[bytes, object]:
    """Give what every counter holds."""
    return {key: await redis.zrange(key, 0, -1) async for key in redis.scan_iter("ivr:count:*")}
