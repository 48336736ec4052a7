"""Callbacks in Redis: one for each number, the same for the call that booked it, sealed, and kept until handed over."""

import asyncio

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from ivr.bookings import WAITING, Booking, Bookings, new_code
from ivr.redis_line import connect
from ivr.seals import Seals

NEW, OLD = b"n" * 32, b"o" * 32
BOOKING = Booking(
    call="CA" + "1" * 32,
    hotline="demo",
    number="13800138000",
    code="4721",
    lang="zh",
    asked="balance",
    verified=False,
    slow=False,
    at=1_795_000_000_000,
)
OF_ANOTHER_CALL = replace(BOOKING, call="CA" + "2" * 32, code="1111")


@pytest.fixture
def bookings(redis: Redis) -> Bookings:
    return Bookings(redis, Seals([NEW]), deadline=5)


async def test_a_number_has_one_open_callback(bookings: Bookings) -> None:
    assert not await bookings.is_booked(BOOKING.number)
    assert await bookings.book(BOOKING) == BOOKING
    assert await bookings.is_booked(BOOKING.number)
    assert await bookings.book(OF_ANOTHER_CALL) is None
    assert await bookings.book(replace(OF_ANOTHER_CALL, number="01062345678")) is not None


async def test_the_same_call_gets_the_same_code_however_often_it_asks(bookings: Bookings) -> None:
    first = await bookings.book(BOOKING)
    again = await asyncio.gather(*(bookings.book(replace(BOOKING, code=new_code())) for _ in range(5)))
    assert {first, *again} == {BOOKING}
    assert list((await bookings.waiting()).values()) == [BOOKING]


async def test_of_many_at_once_on_two_workers_one_books(bookings: Bookings, valkey_url: str) -> None:
    async with connect(valkey_url) as other:
        workers = [bookings, Bookings(other, Seals([NEW]), deadline=5)]
        calls = [replace(BOOKING, call=f"CA{number:032x}") for number in range(20)]
        booked = await asyncio.gather(*(workers[number % 2].book(one) for number, one in enumerate(calls)))
    assert sum(one is not None for one in booked) == 1


async def test_what_was_handed_over_waits_no_more_and_what_is_done_may_be_booked_again(bookings: Bookings) -> None:
    await bookings.book(BOOKING)
    (name,) = await bookings.waiting()
    await bookings.room.handed_over(name)
    assert await bookings.waiting() == {}
    assert await bookings.book(OF_ANOTHER_CALL) is None
    await bookings.closed(name)
    assert await bookings.book(OF_ANOTHER_CALL) == OF_ANOTHER_CALL


async def test_it_outlives_a_change_of_secrets_but_not_their_loss(bookings: Bookings, redis: Redis) -> None:
    await Bookings(redis, Seals([OLD]), deadline=5).book(BOOKING)
    both = Bookings(redis, Seals([NEW, OLD]), deadline=5)
    assert await both.is_booked(BOOKING.number)
    assert await both.book(OF_ANOTHER_CALL) is None
    assert list((await both.waiting()).values()) == [BOOKING]
    assert await bookings.waiting() == {}, "nobody can ever read it"
    assert await redis.hlen(WAITING) == 0


async def test_nothing_of_it_can_be_read_in_redis_and_all_of_it_ends(bookings: Bookings, empty_redis: Redis) -> None:
    await bookings.book(BOOKING)
    keys = [key async for key in empty_redis.scan_iter()]
    assert len(keys) == 2
    for key in keys:
        assert await empty_redis.pttl(key) > 0
        kept = key + await empty_redis.dump(key)
        for secret in (BOOKING.number, BOOKING.number[-4:], BOOKING.code):
            assert secret.encode() not in kept


def test_codes_have_four_digits_and_differ() -> None:
    codes = {new_code() for _ in range(200)}
    assert all(len(code) == 4 and code.isdigit() for code in codes)
    assert len(codes) > 100
