"""The peers: what a careful team writes with twilio's own package and one of the two best-known state machines."""

from collections.abc import Callable
from types import SimpleNamespace

from benchmark.calls import AUTH_TOKEN, SPOKEN_BALANCE
from benchmark.plain import GO_ON, SESSION_S, Accounts
from fastapi import FastAPI, Request, Response
from redis.asyncio import Redis
from statemachine import State, StateMachine
from transitions import Machine
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from twilio.twiml.voice_response import Gather, VoiceResponse  # type: ignore[import-untyped]

SAYS = {
    "menu": "您好，这里是一二三三三热线。查医保个人账户余额，请按一。",
    "number": "请输入身份证号码或社会保障卡号，按井号键结束。",
    "password": "请输入六位查询密码。",
    "told": f"您的医保个人账户余额为{SPOKEN_BALANCE}。",
    "verified": "查医保个人账户余额，请按一。",
}

Move = Callable[[str, str], str]
"""From the state a call is in, by the keys that came, to the state it is in then."""

_EVENTS = {"menu": "choose", "number": "identify", "password": "verify", "told": "go_back", "verified": "ask"}


def by_transitions() -> Move:
    """Drive the menu with ``transitions``: one machine for all calls, which is the cheapest way to use it."""
    machine = Machine(model=None, states=list(SAYS), initial="menu", auto_transitions=False)
    machine.add_transition("choose", "menu", "number", conditions=lambda keys: keys == "1")
    machine.add_transition("choose", "menu", "menu")
    machine.add_transition("identify", "number", "password", conditions=lambda keys: len(keys) == 18)
    machine.add_transition("identify", "number", "number")
    machine.add_transition("verify", "password", "told")
    machine.add_transition("go_back", "told", "verified", conditions=lambda keys: keys == "*")
    machine.add_transition("go_back", "told", "told")
    machine.add_transition("ask", "verified", "told", conditions=lambda keys: keys == "1")
    machine.add_transition("ask", "verified", "verified")

    def move(state: str, keys: str) -> str:
        call = SimpleNamespace()
        machine.add_model(call, initial=state)
        try:
            call.trigger(_EVENTS[state], keys)
        finally:
            machine.remove_model(call)
        return str(call.state)

    return move


class Hotline(StateMachine):
    """The same menu for ``python-statemachine``."""

    menu = State(initial=True)
    number = State()
    password = State()
    told = State()
    verified = State()

    choose = menu.to(number, cond="is_one") | menu.to(menu)
    identify = number.to(password, cond="is_id_number") | number.to(number)
    verify = password.to(told)
    go_back = told.to(verified, cond="is_star") | told.to(told)
    ask = verified.to(told, cond="is_one") | verified.to(verified)

    def is_one(self, keys: str) -> bool:
        return keys == "1"

    def is_star(self, keys: str) -> bool:
        return keys == "*"

    def is_id_number(self, keys: str) -> bool:
        return len(keys) == 18


def by_statemachine() -> Move:
    """Drive the menu with ``python-statemachine``: an object for each turn, as its models are meant to be used."""

    def move(state: str, keys: str) -> str:
        machine = Hotline(start_value=state)
        machine.send(_EVENTS[state], keys=keys)
        [now] = machine.configuration
        return str(now.id)

    return move


def _listening(state: str, says: str) -> str:
    response = VoiceResponse()
    if state in ("menu", "told", "verified"):
        gather = Gather(num_digits=1, finish_on_key="", action=GO_ON, method="POST", action_on_empty_result=True)
    elif state == "number":
        gather = Gather(finish_on_key="#", action=GO_ON, method="POST", action_on_empty_result=True)
    else:
        gather = Gather(num_digits=6, finish_on_key="#", action=GO_ON, method="POST", action_on_empty_result=True)
    gather.say(says, language="cmn-CN", voice="Polly.Zhiyu-Neural")
    response.append(gather)
    return str(response)


def peer_app(move: Move, redis_url: str, account_url: str, public_url: str) -> FastAPI:
    """Build a peer: check the signature, load the state, move it, keep it, write the reply."""
    redis = Redis.from_url(redis_url, decode_responses=True)
    accounts = Accounts(account_url)
    validator = RequestValidator(AUTH_TOKEN)
    app = FastAPI(openapi_url=None, lifespan=accounts.opened)

    async def signed_form(request: Request) -> dict[str, str] | None:
        form = {name: str(value) for name, value in (await request.form()).items()}
        signature = request.headers.get("x-twilio-signature", "")
        return form if validator.validate(public_url + request.url.path, form, signature) else None

    @app.post("/twilio/voice")
    async def voice(request: Request) -> Response:
        form = await signed_form(request)
        if form is None:
            return Response(status_code=403)
        await redis.set(f"peer:{form['CallSid']}", "menu", ex=SESSION_S)
        return Response(_listening("menu", SAYS["menu"]), media_type="text/xml")

    @app.post(GO_ON)
    async def turn(request: Request) -> Response:
        form = await signed_form(request)
        if form is None:
            return Response(status_code=403)
        call, keys = form["CallSid"], form.get("Digits", "")
        before, _, ref = str(await redis.get(f"peer:{call}") or "menu").partition(" ")
        state = move(before, keys)
        if before == "password":
            ref = await accounts.verify(call, "110105195001011009")
        if state == "told":
            await accounts.balance(call, ref)
        await redis.set(f"peer:{call}", f"{state} {ref}", ex=SESSION_S)
        return Response(_listening(state, SAYS[state]), media_type="text/xml")

    return app
