"""Contender A: the least that a turn can be in FastAPI and redis-py: a form, a GET, a SET and constant TwiML."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from benchmark.calls import PASSWORD, SPOKEN_BALANCE
from fastapi import FastAPI, Request, Response
from redis.asyncio import Redis

SESSION_S = 45 * 60
GO_ON = "/twilio/turn"

_HEAD = '<?xml version="1.0" encoding="UTF-8"?><Response>'
_GATHER = f'action="{GO_ON}" actionOnEmptyResult="true" method="POST"'
_VOICE = 'language="cmn-CN" voice="Polly.Zhiyu-Neural"'


def _document(listens: str, says: str) -> bytes:
    return f"{_HEAD}<Gather {listens} {_GATHER}><Say {_VOICE}>{says}</Say></Gather></Response>".encode()


GREETING = _document('numDigits="1" finishOnKey=""', "您好，这里是一二三三三热线。查医保个人账户余额，请按一。")
NUMBER = _document('finishOnKey="#"', "请输入身份证号码或社会保障卡号，按井号键结束。")
ASK_PASSWORD = _document('numDigits="6" finishOnKey="#"', "请输入六位查询密码。")
TOLD = _document('numDigits="1" finishOnKey=""', f"您的医保个人账户余额为{SPOKEN_BALANCE}。")


class Accounts:
    """The two questions before a balance is told, asked with aiohttp as anybody would ask them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def opened(self, _: FastAPI) -> AsyncIterator[None]:
        """Keep one session of connections for as long as the application lives."""
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer benchmark"}) as self._session:
            yield

    async def verify(self, call: str, number: str) -> str:
        """Verify the number with the password, and give the member's reference."""
        assert self._session is not None
        asked = {
            "credential": {"kind": "id_card", "number": number},
            "secret": {"kind": "pin", "value": PASSWORD},
            "call_id": call,
        }
        async with self._session.post(f"{self._url}/v1/verifications", json=asked) as answer:
            return str((await answer.json())["member_ref"])

    async def balance(self, call: str, ref: str) -> str:
        """Give the balance."""
        assert self._session is not None
        url = f"{self._url}/v1/members/{ref}/balance"
        async with self._session.get(url, headers={"Call-Id": call}) as answer:
            return str((await answer.json())["balance"])


def plain_app(redis_url: str, account_url: str) -> FastAPI:
    """Build contender A. What Redis holds of a call is the place it has come to, and who is verified."""
    redis = Redis.from_url(redis_url)
    accounts = Accounts(account_url)
    app = FastAPI(openapi_url=None, lifespan=accounts.opened)

    @app.post("/twilio/voice")
    async def voice(request: Request) -> Response:
        form = await request.form()
        await redis.set(f"plain:{form['CallSid']}", b"1", ex=SESSION_S)
        return Response(GREETING, media_type="text/xml")

    @app.post(GO_ON)
    async def turn(request: Request) -> Response:
        form = await request.form()
        call = str(form["CallSid"])
        place = await redis.get(f"plain:{call}")
        assert isinstance(place, bytes)
        if place == b"1":
            reply, then = NUMBER, b"2"
        elif place == b"2":
            reply, then = ASK_PASSWORD, b"3"
        elif place == b"3":
            ref = await accounts.verify(call, "110105195001011009")
            await accounts.balance(call, ref)
            reply, then = TOLD, b"4" + ref.encode()
        elif place.startswith(b"4"):
            reply, then = GREETING, b"5" + place[1:]
        else:
            await accounts.balance(call, place[1:].decode())
            reply, then = TOLD, b"4" + place[1:]
        await redis.set(f"plain:{call}", then, ex=SESSION_S)
        return Response(reply, media_type="text/xml")

    return app
