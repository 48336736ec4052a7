"""A small hotline without a fault, and for every rule of the lint the edits that make it a bad example."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Promised:
    """A lookup as the lint sees it."""

    outcomes: Mapping[str, frozenset[str]]
    personal: bool = False
    verifies: bool = False
    takes_secret: bool = False
    hushed: bool = False
    proves: frozenset[str] = frozenset()
    forgets: frozenset[str] = frozenset()
    rows: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    terms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    takes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


OK, CHANGED, EXPIRED = frozenset({"ok"}), frozenset({"changed"}), frozenset({"expired"})


def outcomes(**facts: str) -> dict[str, frozenset[str]]:
    return {outcome: frozenset(names.split()) for outcome, names in facts.items()}


LOOKUPS: dict[str, Promised] = {
    "gate": Promised(outcomes(verified="", open="", closed=""), proves=frozenset({"verified"})),
    "verify": Promised(outcomes(ok="", refused=""), verifies=True, takes_secret=True, proves=OK),
    "send_code": Promised(outcomes(sent="", enough="")),
    "verify_code": Promised(outcomes(ok="", must_change="", refused=""), verifies=True, takes_secret=True, proves=OK),
    "change_password": Promised(
        outcomes(changed="", weak="", expired=""), takes_secret=True, proves=CHANGED, forgets=EXPIRED
    ),
    "go_on": Promised(outcomes(balance="", payments="", years=""), hushed=True),
    "forget": Promised(outcomes(done=""), forgets=frozenset({"done"})),
    "balance": Promised(outcomes(ok="balance as_of", expired="", error=""), personal=True, forgets=EXPIRED),
    "payments": Promised(
        outcomes(ok="as_of", expired="", error=""),
        personal=True,
        forgets=EXPIRED,
        rows={"ok": outcomes(paid="amount shop", refund="amount")},
        terms={"shop": ("place.city", "place.county")},
    ),
    "note_survey": Promised(outcomes(noted=""), takes={"score": ("good", "bad")}),
}
HELD = ("silence.first", "goodbye")
WRONGS: dict[str, tuple[str, ...]] = {
    "number": ("length", "check"),
    "part_region": ("length", "region"),
    "part_birth": ("length", "birth"),
    "part_last": ("length", "check"),
    **dict.fromkeys(("password", "code", "new_password"), ("malformed",)),
}

WORLD: dict[str, str] = {
    "flows/hotlines.yaml": """\
default: main
hotlines:
  main:
    name: {zh: 社保热线, en: social insurance hotline}
    region: "110105"
    languages: [zh, en]
    flow: main
    announcements: [{say: news.holiday, first: 2026-10-01, last: 2027-02-01}]
    agents:
      general:
        numbers: ["+12025550133"]
        hours: {zh: 工作日上午九点到十二点, en: weekdays from nine to twelve}
  small:
    name: {zh: 医保热线}
    region: "110105"
    languages: [zh]
    flow: main
    agents:
      general: {hours: {zh: 工作日上午九点到十二点}}
""",
    "flows/main.yaml": """\
flow: main
start: menu
lost: agent
keys:
  "0": agent
  "9": again
nodes:
  menu:
    kind: menu
    say: [main.long, announcements]
    repeat: main.short
    keys:
      "1": balance
  balance: {kind: call, flow: balance, returns: {back: menu}}
  agent: {kind: call, flow: agent, returns: {back: menu}}
""",
    "flows/balance.yaml": """\
flow: balance
start: who
nodes:
  who: {kind: call, flow: identify, returns: {done: fetch, back: back}}
  fetch: {kind: lookup, call: balance, outcomes: {ok: tell, expired: who, error: trouble}}
  tell: {kind: say, say: balance.tell, to: after}
  trouble: {kind: say, say: trouble.account, to: after}
  after:
    kind: menu
    say: after.menu
    senior: after.senior
    offers: [{key: "6", to: who, say: after.offer, last: 2027-02-01}]
    keys: {"3": another, "5": payments, "*": back, "#": goodbye}
  payments: {kind: lookup, call: payments, outcomes: {ok: list, expired: who, error: after}}
  list: {kind: say, say: payments.head, rows: {paid: payments.paid, refund: payments.refund}, to: after}
  another: {kind: lookup, call: forget, outcomes: {done: who}}
  goodbye: {kind: menu, say: goodbye, wait: 3, any: after, silent: hang_up}
  hang_up: {kind: hangup}
  back: {kind: return, outcome: back}
""",
    "flows/identify.yaml": """\
flow: identify
start: gate
nodes:
  gate: {kind: lookup, call: gate, outcomes: {verified: done, open: number, closed: back}}
  number:
    kind: collect
    entry: number
    say: identify.number
    kept: identify.kept
    help: identify.help
    wrong: {length: identify.length, check: identify.check}
    outcomes: {entered: pin, back: back, parts: region}
  region:
    kind: collect
    entry: part_region
    say: parts.region
    wrong: {length: parts.wrong, region: parts.wrong}
    outcomes: {entered: birth, back: number}
  birth:
    kind: collect
    entry: part_birth
    say: parts.birth
    wrong: {length: parts.wrong, birth: parts.wrong}
    outcomes: {entered: last, back: region}
  last:
    kind: collect
    entry: part_last
    say: parts.last
    wrong: {length: parts.wrong, check: parts.wrong}
    outcomes: {entered: pin, back: region}
  pin:
    kind: collect
    entry: password
    say: [identify.tail, identify.pin]
    wrong: {malformed: identify.malformed}
    outcomes: {entered: verify, back: number, code: confirm}
  confirm: {kind: menu, say: identify.confirm, keys: {"1": send, "*": pin}}
  verify: {kind: lookup, call: verify, outcomes: {ok: done, refused: pin}}
  send: {kind: lookup, call: send_code, outcomes: {sent: code, enough: code}}
  code:
    kind: collect
    entry: code
    say: identify.code
    wrong: {malformed: identify.malformed}
    outcomes: {entered: verify_code, back: pin, code: send}
  verify_code: {kind: lookup, call: verify_code, outcomes: {ok: done, must_change: new, refused: code}}
  new:
    kind: collect
    entry: new_password
    say: identify.new
    wrong: {malformed: identify.malformed}
    outcomes: {entered: change, back: back}
  change: {kind: lookup, call: change_password, outcomes: {changed: done, weak: new, expired: gate}}
  done: {kind: return, outcome: done}
  back: {kind: return, outcome: back}
""",
    "flows/agent.yaml": """\
flow: agent
start: connect
lost: goodbye
nodes:
  connect:
    kind: transfer
    group: general
    say: agent.transfer
    outcomes: {answered: goodbye, busy: busy, no_answer: busy, failed: busy, off_duty: off_duty}
  busy: {kind: menu, say: agent.busy, keys: {"0": connect, "*": back}}
  off_duty: {kind: say, say: agent.off_duty, to: goodbye}
  goodbye: {kind: hangup, say: goodbye}
  back: {kind: return, outcome: back}
""",
    "prompts/zh.yaml": """\
silence.first: 没有收到您的按键。
goodbye: 感谢您的来电，再见。
main.long:
  - 您好，{hotline:text}。人工服务，请按零。
  - {en: "For English, press eight."}
  - 查余额，请按一。
main.short: 余额，请按一；人工，请按零。
balance.tell: 您的余额为{balance:money}，截至{as_of:date}。如有疑问，请按零。
trouble.account: 对不起，余额现在查不到。
after.menu: 查另一个号码，请按三；查支付，请按五；返回，请按星号键；结束通话，请挂机。
identify.number: 请输入号码，按井号键结束。
identify.kept: 已收到{n:count}位，请接着输入。
identify.help: 输错了，请按星号键。想分三段输入，请先按一，再按井号键。
identify.length: 收到{n:count}位，位数不对。
identify.check: 可能有一位按错了。
identify.tail: 号码尾号{tail:digits}。
identify.pin: 请输入六位密码。要人工服务，请按零，再按井号键。
identify.malformed: 密码是六位。
identify.confirm: 要验证码，请按一；输入密码，请按星号键。
agent.transfer: 我现在为您转人工服务。
agent.busy: 继续等候，请按零；返回，请按星号键。
agent.off_duty: 人工服务时间是{hours:text}。
news.holiday: 国庆节照常服务。
after.senior: 返回，请按星号键；查支付，请按五；查另一个号码，请按三。
after.offer: 查新政策，请按六。
payments.head: 截至{as_of:date}，您的支付是这些。
payments.paid: 在{shop:term}支付{amount:money}。
payments.refund: 退回{amount:money}。
place.city: 本市
place.county: 本县
parts.region: 请输入前六位。
parts.birth: 请输入八位出生日期。
parts.last: 请输入最后四位。
parts.wrong: 这一段不对，请再输入一次。
identify.code: 请输入六位验证码。再发一次，请按井号键。
identify.new: 请输入新的六位密码。
text.balance.tell: 余额{balance:money}，截至{as_of:date}。电话12333。
""",
    "prompts/en.yaml": """\
silence.first: I did not receive a key.
goodbye: Thank you for calling. Goodbye.
main.long:
  - Hello, this is the {hotline:text}. For staff, press zero.
  - {zh: 普通话，请按八。}
  - For your balance, press one.
main.short: Balance, one. Staff, zero.
balance.tell: Your balance is {balance:money}, as of {as_of:date}. If you have questions, press zero.
trouble.account: Sorry, your balance cannot be looked up.
after.menu: For another number, press three. For payments, five. To go back, the star key. To finish, just hang up.
identify.number: Please key in your number, then press the pound key.
identify.kept: I have {n:count} digits so far.
identify.help: If you make a mistake, press the star key. To key in three parts, press one and then the pound key.
identify.length: I received {n:count} digits, which is not the right number.
identify.check: One of the digits may be wrong.
identify.tail: The number ends in {tail:digits}.
identify.pin: Please key in your password. For staff, press zero, then the pound key.
identify.malformed: A password has six digits.
identify.confirm: For a code, press one. To key in the password, the star key.
agent.transfer: I am now transferring you.
agent.busy: To go on waiting, press zero. To go back, press the star key.
agent.off_duty: Staff hours are {hours:text}.
news.holiday: Open all week.
after.senior: To go back, press the star key. For payments, five. For another number, three.
after.offer: For the new policy, press six.
payments.head: These are your payments as of {as_of:date}.
payments.paid: You paid {amount:money} in {shop:term}.
payments.refund: You got back {amount:money}.
place.city: this city
place.county: this county
parts.region: Please key in the first six digits.
parts.birth: Please key in the date of birth.
parts.last: Please key in the last four characters.
parts.wrong: This part is not right. Please key it in again.
identify.code: Please key in the code. To have it sent again, press the pound key.
identify.new: Please key in a new password.
text.balance.tell: Balance {balance:money}, as of {as_of:date}. Call 12333.
""",
}


class Edit(NamedTuple):
    """One change to a file of the world: the first occurrence of a text is replaced."""

    file: str
    old: str
    new: str


RECORDS_WITHOUT_A_WAY_BACK = "{kind: record, say: agent.off_duty, outcomes: {recorded: goodbye, nothing: goodbye}}"


class Bad(NamedTuple):
    """A world with a fault: the edits that make it, where the fault is told, and some words of the sentence.

    ``line`` is a text that stands on the line; nothing means the file as a whole. ``also`` are rules that the same
    fault breaks.
    """

    edits: list[Edit]
    file: str
    line: str
    words: str
    also: frozenset[str] = frozenset()


def world(*edits: Edit) -> dict[str, str]:
    texts = dict(WORLD)
    for file, old, new in edits:
        assert old in texts.get(file, ""), f"{old!r} is not in {file}"
        texts[file] = texts[file].replace(old, new, 1)
    return texts


MAIN, BALANCE, IDENTIFY, AGENT = (f"flows/{name}.yaml" for name in ("main", "balance", "identify", "agent"))
HOTLINES, ZH, EN = "flows/hotlines.yaml", "prompts/zh.yaml", "prompts/en.yaml"

MENU = Edit(BALANCE, "  hang_up:", '  more: {kind: menu, say: more.menu, keys: {"1": who, "2": again}}\n  hang_up:')
TO_MENU = Edit(
    BALANCE,
    "another: {kind: lookup, call: forget, outcomes: {done: who}}",
    "another: {kind: say, say: goodbye, to: more}",
)


WAITING = [
    Edit(
        AGENT,
        "say: agent.transfer\n",
        "say: agent.transfer\n    waiting: {position: queue.position, next: queue.next, minutes: queue.next, "
        'patience: queue.next, options: queue.options, keys: {"0": again, "*": back}}\n',
    ),
    Edit(
        ZH,
        "goodbye:",
        "queue.position: 还有{n:people}。\nqueue.next: 请等候。\n"
        "queue.options: 听位置，请按零；返回，请按星号键。\ngoodbye:",
    ),
    Edit(
        EN,
        "goodbye:",
        "queue.position: You have {n:people} ahead.\nqueue.next: Please wait.\n"
        "queue.options: To hear your position, press zero. To go back, press the star key.\ngoodbye:",
    ),
]
"""A queue without a fault."""


def more(zh: str, en: str = "Again, press one. Once more, press two.") -> list[Edit]:
    """Add a menu with keys 1 and 2 whose prompt is the example."""
    return [
        MENU,
        TO_MENU,
        Edit(ZH, "goodbye:", f"more.menu: {zh}\ngoodbye:"),
        Edit(EN, "goodbye:", f"more.menu: {en}\ngoodbye:"),
    ]


def said(zh: str, en: str = "Thank you.") -> list[Edit]:
    """Say something else when a human has been asked for."""
    return [Edit(ZH, "我现在为您转人工服务。", zh), Edit(EN, "I am now transferring you.", en)]


def malformed(zh: str, en: str = "Once more.") -> list[Edit]:
    """Say something else where a password is asked for."""
    return [Edit(ZH, "密码是六位。", zh), Edit(EN, "A password has six digits.", en)]


def announced(zh: str, en: str) -> list[Edit]:
    """Announce something else."""
    return [Edit(ZH, "国庆节照常服务。", zh), Edit(EN, "Open all week.", en)]


def offered(key: str, zh: str, en: str) -> list[Edit]:
    """Offer the new policy at another key."""
    return [
        Edit(BALANCE, 'key: "6"', f'key: "{key}"'),
        Edit(ZH, "查新政策，请按六", f"查新政策，请按{zh}"),
        Edit(EN, "For the new policy, press six", f"For the new policy, press {en}"),
    ]


def gone_on(others: str) -> list[Edit]:
    """Let key # of the main menu go on with what had been chosen: the balance, or something else."""
    nodes = f"""\
  go_on: {{kind: lookup, call: go_on, outcomes: {{balance: balance, {others}}}}}
  said: {{kind: say, say: goodbye, to: menu}}
"""
    return [
        Edit(MAIN, '      "1": balance\n', '      "1": balance\n      "#": go_on\n'),
        Edit(MAIN, "  balance: {kind", nodes + "  balance: {kind"),
    ]


def noted(give: str) -> list[Edit]:
    """Let a talk with a human end in a note of what was thought of it, with what the flow gives."""
    return [
        Edit(AGENT, "answered: goodbye", "answered: good"),
        Edit(
            AGENT,
            "  busy:",
            f"  good: {{kind: lookup, call: note_survey, {give}outcomes: {{noted: goodbye}}}}\n  busy:",
        ),
    ]


BAD: dict[str, list[Bad]] = {
    "unknown-node": [
        Bad(
            [Edit(MAIN, '"1": balance', '"1": balanse')],
            MAIN,
            '"1": balanse',
            "Key 1 of menu 'menu' leads to 'balanse', which is no node of flow 'main'. Did you mean 'balance'?",
        ),
        Bad([Edit(MAIN, "start: menu", "start: main")], MAIN, "start:", "The start leads to 'main'"),
        Bad([Edit(MAIN, "lost: agent", "lost: human")], MAIN, "lost:", "Callers who are lost are sent to 'human'"),
        Bad([Edit(MAIN, '"0": agent', '"0": human')], MAIN, '"0": human', "Key 0 leads to 'human'"),
        Bad([Edit(BALANCE, "to: after}", "to: aftr}")], BALANCE, "tell:", "Node 'tell' leads to 'aftr'"),
        Bad([Edit(BALANCE, "ok: tell", "ok: say")], BALANCE, "fetch:", "Outcome 'ok' of lookup 'fetch' leads to 'say'"),
        Bad([Edit(BALANCE, "done: fetch", "done: get")], BALANCE, "who:", "Return 'done' of call 'who' leads to 'get'"),
        Bad([Edit(IDENTIFY, "entered: pin", "entered: pim")], IDENTIFY, "pim", "Outcome 'entered' of collect 'number'"),
        Bad([Edit(AGENT, "busy: busy", "busy: bussy")], AGENT, "bussy", "Outcome 'busy' of transfer 'connect'"),
        Bad(
            [Edit(BALANCE, "to: who, say", "to: whoo, say")],
            BALANCE,
            "offers:",
            "Key 6 of menu 'after' leads for some days to 'whoo', which is no node of flow 'balance'.",
        ),
        Bad([Edit(BALANCE, "any: after", "any: aftr")], BALANCE, "aftr", "Any other key in menu 'goodbye' leads to"),
        Bad(
            [Edit(BALANCE, "silent: hang_up", "silent: again")],
            BALANCE,
            "silent: again",
            "to 'again', but only a key can",
        ),
        Bad(
            [Edit(BALANCE, "to: after}", "to: again}")],
            BALANCE,
            "to: again",
            "Node 'tell' leads to 'again', but only a key can",
        ),
        Bad([Edit(MAIN, "lost: agent", "lost: again")], MAIN, "lost: again", "to 'again', but only a key can"),
    ],
    "unknown-prompt": [
        Bad(
            [Edit(BALANCE, "say: balance.tell", "say: balance.tel")],
            BALANCE,
            "tell:",
            "Say 'tell' says 'balance.tel', which no prompt file has. Did you mean 'balance.tell'?",
            frozenset({"unused-prompt"}),
        ),
        Bad(
            [Edit(IDENTIFY, "identify.length", "identify.lenght")],
            IDENTIFY,
            "lenght",
            "Collect 'number' says 'identify.lenght'",
            frozenset({"unused-prompt"}),
        ),
        Bad(
            [Edit(IDENTIFY, "[identify.tail, identify.pin]", "[identify.tail, identify.pun]")],
            IDENTIFY,
            "pun",
            "'identify.pun'",
            frozenset({"unused-prompt"}),
        ),
        *[
            Bad([Edit(BALANCE, name, f"{name}s")], BALANCE, f"{name}s", f"says '{name}s'", frozenset({"unused-prompt"}))
            for name in ("after.senior", "after.offer", "payments.refund")
        ],
        Bad(
            [Edit(HOTLINES, "news.holiday", "news.holidays")],
            HOTLINES,
            "announcements:",
            "Hotline 'main' announces 'news.holidays', which no prompt file has. Did you mean 'news.holiday'?",
            frozenset({"unused-prompt"}),
        ),
    ],
    "unknown-lookup": [
        Bad(
            [Edit(BALANCE, "call: balance", "call: ballance")],
            BALANCE,
            "fetch:",
            "Lookup 'fetch' asks 'ballance', which is no lookup. Did you mean 'balance'?",
        ),
    ],
    "unknown-flow": [
        Bad(
            [Edit(MAIN, "flow: balance", "flow: balances")],
            MAIN,
            "flow: balances",
            "Call 'balance' enters flow 'balances', which has no file. Did you mean 'balance'?",
        ),
        Bad(
            [Edit(HOTLINES, "flow: main", "flow: mane")],
            HOTLINES,
            "flow: mane",
            "Hotline 'main' starts with flow 'mane'",
        ),
    ],
    "unknown-group": [
        Bad(
            [Edit(AGENT, "group: general", "group: night")],
            AGENT,
            "group:",
            "Transfer 'connect' asks for the group 'night', which hotline 'main' lacks.",
        ),
    ],
    "missing-phrase": [
        Bad(
            [
                Edit(ZH, "silence.first: 没有收到您的按键。\n", ""),
                Edit(EN, "silence.first: I did not receive a key.\n", ""),
            ],
            ZH,
            "",
            "The prompt 'silence.first' is missing.",
        ),
        Bad(
            [Edit(ZH, "没有收到您的按键", "没有收到您的按键{n:count}"), Edit(EN, "receive a key", "receive {n:count}")],
            ZH,
            "silence.first",
            "'silence.first' needs n, but is said without any facts.",
        ),
    ],
    "unused-prompt": [
        Bad(
            [Edit(ZH, "goodbye:", "main.old: 您好。\ngoodbye:"), Edit(EN, "goodbye:", "main.old: Hello.\ngoodbye:")],
            ZH,
            "main.old",
            "No flow says the prompt 'main.old'.",
        ),
        Bad(
            [Edit(ZH, "在{shop:term}支付", "支付"), Edit(EN, " in {shop:term}", "")],
            ZH,
            "place.city",
            "No flow says the prompt 'place.city'.",
        ),
    ],
    "lookup-outcomes": [
        Bad(
            [Edit(BALANCE, ", error: trouble", "")],
            BALANCE,
            "fetch:",
            "Lookup 'fetch' (balance) lacks the outcome 'error'.",
        ),
        Bad(
            [Edit(BALANCE, "error: trouble", "error: trouble, eror: trouble")],
            BALANCE,
            "fetch:",
            "Lookup 'fetch' (balance) has no outcome 'eror'. Did you mean 'error'?",
        ),
    ],
    "transfer-outcomes": [
        Bad(
            [Edit(AGENT, ", failed: busy, off_duty: off_duty", "")],
            AGENT,
            "outcomes:",
            "Transfer 'connect' lacks the outcomes 'failed' and 'off_duty'.",
        ),
    ],
    "record-outcomes": [
        Bad(
            [Edit(AGENT, "{kind: say, say: agent.off_duty, to: goodbye}", RECORDS_WITHOUT_A_WAY_BACK)],
            AGENT,
            "kind: record",
            "Record 'off_duty' lacks the outcome 'back'.",
        ),
    ],
    "queue-in-silence": [
        Bad(
            [Edit(HOTLINES, 'numbers: ["+12025550133"]', 'queue: true\n        numbers: ["+12025550133"]')],
            AGENT,
            "connect:",
            "Transfer 'connect' says nothing to who waits for 'general' of hotline 'main'.",
        ),
    ],
    "queue-for-nobody": [
        Bad(
            [*WAITING, Edit(HOTLINES, "general: {hours", "general: {queue: true, hours")],
            HOTLINES,
            "true, hours",
            "Group 'general' of hotline 'small' has a queue, but no numbers at which agents are rung.",
        ),
    ],
    "unnamed-key-in-queue": [
        Bad(
            [*WAITING, Edit(AGENT, '"0": again', '"0": again, "3": back')],
            AGENT,
            '"3": back',
            "The queue of transfer 'connect' takes key 3, but does not name it (zh).",
        ),
    ],
    "language-key-in-queue": [
        Bad(
            [*WAITING, Edit(AGENT, '"0": again', '"0": again, "8": back')],
            AGENT,
            '"8": back',
            "The queue of transfer 'connect' uses key 8, which switches the language.",
        ),
    ],
    "entry-outcomes": [
        Bad(
            [Edit(IDENTIFY, "entered: pin, back: back", "entered: pin")],
            IDENTIFY,
            "outcomes: {entered: pin, parts",
            "Collect 'number' lacks the outcome 'back'.",
        ),
        Bad(
            [Edit(IDENTIFY, "entered: pin, back: back", "entered: pin, back: back, agent: back")],
            IDENTIFY,
            "agent: back",
            "Collect 'number' has no outcome 'agent'.",
        ),
    ],
    "entry-wrongs": [
        Bad(
            [Edit(IDENTIFY, ", check: identify.check", "")],
            IDENTIFY,
            "wrong: {length",
            "Collect 'number' (number) lacks the reason 'check'.",
            frozenset({"unused-prompt"}),
        ),
        Bad(
            [
                Edit(
                    IDENTIFY,
                    "{malformed: identify.malformed}",
                    "{malformed: identify.malformed, check: identify.check}",
                )
            ],
            IDENTIFY,
            "wrong: {malformed",
            "Collect 'pin' (password) has no reason 'check'.",
        ),
    ],
    "call-returns": [
        Bad(
            [Edit(BALANCE, ", back: back}}", "}}")],
            BALANCE,
            "who:",
            "Call 'who' of flow 'identify' lacks the return 'back'.",
        ),
        Bad(
            [Edit(BALANCE, "back: back}}", "back: back, lost: back}}")],
            BALANCE,
            "who:",
            "Call 'who' of flow 'identify' has no return 'lost'.",
        ),
    ],
    "return-to-nobody": [
        Bad(
            [
                Edit(MAIN, '"1": balance', '"1": balance\n      "*": back'),
                Edit(MAIN, "  agent: {", "  back: {kind: return, outcome: back}\n  agent: {"),
            ],
            MAIN,
            "back: {kind",
            "Return 'back' is reached in flow 'main', with which hotline 'small' starts.",
        ),
    ],
    "recursion": [
        Bad(
            [
                Edit(
                    AGENT,
                    "goodbye: {kind: hangup, say: goodbye}",
                    "goodbye: {kind: call, flow: agent, returns: {back: back}}",
                )
            ],
            AGENT,
            "goodbye: {kind",
            "Call 'goodbye' of flow 'agent' enters itself.",
        ),
        Bad(
            [
                Edit(
                    AGENT,
                    "goodbye: {kind: hangup, say: goodbye}",
                    "goodbye: {kind: call, flow: balance, returns: {back: back}}",
                ),
                Edit(BALANCE, "hang_up: {kind: hangup}", "hang_up: {kind: call, flow: agent, returns: {back: back}}"),
            ],
            AGENT,
            "goodbye: {kind",
            "enters flow 'balance', which calls 'agent' again",
        ),
    ],
    "unreachable-flow": [
        Bad(
            [
                Edit(MAIN, '  "0": agent', '  "0": menu'),
                Edit(MAIN, "lost: agent", "lost: balance"),
                Edit(MAIN, "  agent: {kind: call, flow: agent, returns: {back: menu}}\n", ""),
                Edit(BALANCE, "nodes:", "lost: hang_up\nnodes:"),
            ],
            AGENT,
            "flow: agent",
            "No call comes to flow 'agent'.",
            frozenset({"agent-key-astray", "bare-hang-up"}),
        ),
    ],
    "unreachable-node": [
        Bad(
            [Edit(BALANCE, "error: trouble", "error: after")],
            BALANCE,
            "trouble:",
            "No call comes to say 'trouble' of flow 'balance'.",
        ),
    ],
    "deaf-circle": [
        Bad(
            [
                Edit(BALANCE, "to: after}", "to: trouble}"),
                Edit(BALANCE, "say: trouble.account, to: after", "say: trouble.account, to: tell"),
            ],
            BALANCE,
            "tell:",
            "balance.tell → balance.trouble → balance.tell",
            frozenset({"unreachable-node", "unknown-fact"}),
        ),
        Bad(
            [Edit(BALANCE, "error: trouble", "error: fetch")],
            BALANCE,
            "fetch:",
            "without ever listening: balance.fetch → balance.fetch",
            frozenset({"unreachable-node"}),
        ),
        Bad([Edit(AGENT, "no_answer: busy", "no_answer: connect")], AGENT, "connect:", "agent.connect → agent.connect"),
    ],
    "long-walk": [],
    "no-way-when-lost": [
        Bad([Edit(MAIN, "lost: agent\n", "")], MAIN, "menu:", "Menu 'menu' of flow 'main' has no way for the lost."),
        Bad(
            [Edit(MAIN, "lost: agent\n", "")],
            IDENTIFY,
            "pin:",
            "Collect 'pin' of flow 'identify' has no way for the lost (by main.balance → balance.who).",
        ),
    ],
    "bare-hang-up": [
        Bad(
            [Edit(BALANCE, '"#": goodbye', '"#": hang_up')],
            BALANCE,
            '"#": hang_up',
            "Key # of menu 'after' leads to 'hang_up', which hangs up without a word.",
            frozenset({"unreachable-node"}),
        ),
        Bad(
            [Edit(BALANCE, '{key: "6", to: who,', '{key: "6", to: hang_up,')],
            BALANCE,
            '{key: "6"',
            "Key 6 of menu 'after' leads for some days to 'hang_up', which hangs up without a word.",
        ),
        Bad(
            [Edit(AGENT, "goodbye: {kind: hangup, say: goodbye}", "goodbye: {kind: hangup}")],
            AGENT,
            "lost:",
            "Callers who are lost are sent to 'goodbye', which hangs up without a word.",
        ),
    ],
    "no-agent-key": [
        Bad(
            [Edit(MAIN, '  "0": agent\n', "")],
            MAIN,
            "menu:",
            "Key 0 leads nowhere in menu 'menu' of flow 'main'.",
            frozenset({"dead-key"}),
        ),
        Bad(
            [Edit(MAIN, '  "0": agent\n', "")],
            IDENTIFY,
            "number:",
            "Key 0 leads nowhere in collect 'number' of flow 'identify'",
            frozenset({"dead-key"}),
        ),
    ],
    "again-in-entry": [
        Bad(
            [Edit(MAIN, '"0": agent', '"0": again')],
            IDENTIFY,
            "number:",
            "Key 0 makes collect 'number' of flow 'identify' only say itself again",
            frozenset({"agent-key-astray"}),
        ),
    ],
    "secret-goes-astray": [
        Bad(
            [Edit(IDENTIFY, "entered: verify", "entered: done")],
            IDENTIFY,
            "entered: done",
            "The password of 'pin' leads to return 'done', which does not check it.",
            frozenset({"unreachable-node", "personal-before-verification"}),
        ),
        Bad(
            [Edit(IDENTIFY, "entered: verify_code", "entered: change")],
            IDENTIFY,
            "entered: change",
            "The code of 'code' leads to lookup 'change', which does not check it.",
            frozenset({"unreachable-node"}),
        ),
        Bad(
            [Edit(IDENTIFY, "entered: change", "entered: verify_code")],
            IDENTIFY,
            "entered: verify_code, back: back",
            "The new password of 'new' leads to lookup 'verify_code', which does not set it.",
            frozenset({"unreachable-node"}),
        ),
    ],
    "lookup-without-secret": [
        Bad(
            [Edit(IDENTIFY, "entered: pin", "entered: verify")],
            IDENTIFY,
            "entered: verify",
            "Outcome 'entered' of collect 'number' leads to lookup 'verify', which needs six digits just keyed.",
        ),
        Bad(
            [Edit(IDENTIFY, "must_change: new", "must_change: change")],
            IDENTIFY,
            "must_change: change",
            "Outcome 'must_change' of lookup 'verify_code' leads to lookup 'change', which needs six digits",
        ),
    ],
    "personal-before-verification": [
        Bad(
            [Edit(BALANCE, "start: who", "start: fetch")], BALANCE, "fetch:", "main.menu → main.balance → balance.fetch"
        ),
        Bad(
            [Edit(BALANCE, "outcomes: {done: who}", "outcomes: {done: fetch}")],
            BALANCE,
            "fetch:",
            "balance.another → balance.fetch",
        ),
        Bad(
            [Edit(IDENTIFY, "closed: back", "closed: done")],
            BALANCE,
            "fetch:",
            "identify.gate → identify.done → balance.fetch.",
            frozenset({"deaf-circle"}),
        ),
        Bad(
            [Edit(IDENTIFY, "must_change: new", "must_change: done")],
            BALANCE,
            "fetch:",
            "identify.verify_code → identify.done → balance.fetch.",
            frozenset({"unreachable-node"}),
        ),
    ],
    "agent-key-astray": [
        Bad(
            [Edit(BALANCE, '"3": another,', '"0": another, "3": another,')],
            BALANCE,
            '"0": another',
            "Key 0 of menu 'after' leads to 'another', from where no call comes to a human by itself.",
            frozenset({"unspoken-key"}),
        ),
        Bad(
            [Edit(MAIN, '"0": agent', '"0": balance'), Edit(MAIN, '"1": balance', '"1": agent')],
            MAIN,
            '"0": balance',
            "Key 0 of flow 'main' leads to 'balance'",
        ),
    ],
    "again-key-taken": [
        Bad([Edit(MAIN, '"9": again', '"9": balance')], MAIN, '"9": balance', "Key 9 leads to 'balance', but it is"),
        Bad(
            [Edit(BALANCE, '"3": another,', '"3": another, "9": back,')], BALANCE, '"9": back', "Key 9 leads to 'back'"
        ),
    ],
    "star-key-astray": [
        Bad(
            [Edit(BALANCE, '"*": back', '"*": hang_up')],
            BALANCE,
            '"*": hang_up',
            "The star key leads to 'hang_up', which ends the call; it is one level back in every menu.",
            frozenset({"bare-hang-up"}),
        ),
        Bad([Edit(BALANCE, '"*": back', '"*": who')], BALANCE, '"*": who', "which goes on into flow 'identify'"),
        Bad([Edit(BALANCE, '"*": back', '"*": again')], BALANCE, '"*": again', "is hear again, which is key 9"),
        Bad(
            [Edit(AGENT, '"*": back', '"*": connect')],
            AGENT,
            '"*": connect',
            "asks for a human, who is key 0",
            frozenset({"call-returns"}),
        ),
    ],
    "unconfirmed-code": [
        Bad(
            [Edit(IDENTIFY, "code: confirm}", "code: send}")],
            IDENTIFY,
            "code: send}",
            "The # alone at collect 'pin' leads to a code without a key that confirms it.",
            frozenset({"unreachable-node"}),
        ),
    ],
    "answer-without-its-day": [
        Bad(
            [Edit(ZH, "，截至{as_of:date}。如", "。如"), Edit(EN, ", as of {as_of:date}. If", ". If")],
            BALANCE,
            "fetch:",
            "Outcome 'ok' of lookup 'fetch' is told without its day, {as_of:date}.",
            frozenset({"text-with-other-facts"}),
        ),
    ],
    "day-before-sum": [
        Bad(
            [Edit(ZH, "您的余额为{balance:money}，截至{as_of:date}", "截至{as_of:date}，余额为{balance:money}")],
            ZH,
            "balance.tell",
            "The prompt 'balance.tell' says {as_of} before {balance}.",
        ),
    ],
    "refusal-that-tells": [
        Bad(malformed("密码不正确。"), ZH, "identify.malformed", "says '密码不正确', and so tells what was wrong."),
        Bad(malformed("您的账户已被锁定。"), ZH, "identify.malformed", "says '账户已被锁'"),
        Bad(
            malformed("请重输。", "This number is not registered."),
            EN,
            "identify.malformed",
            "'number is not registered'",
        ),
        Bad(
            [
                Edit(IDENTIFY, "refused: pin}", "refused: back}"),
                Edit(ZH, "查另一个号码，请按三；", "密码错误。查另一个号码，请按三；"),
                Edit(BALANCE, "back: back}", "back: after}"),
            ],
            ZH,
            "after.menu",
            "says '密码错误'",
            frozenset({"personal-before-verification"}),
        ),
    ],
    "fact-as-another-type": [
        Bad(
            [Edit(file, "{balance:money}", "{balance:date}") for file in (ZH, EN)],
            ZH,
            "balance.tell",
            "The prompt 'balance.tell' says {balance:date}, but 'balance' is a sum.",
            frozenset({"text-with-other-facts"}),
        ),
        Bad(
            [Edit(file, "{amount:money} in", "{amount:text} in") for file in (EN,)]
            + [Edit(ZH, "支付{amount:money}。", "支付{amount:text}。")],
            EN,
            "payments.paid",
            "{amount:text}",
        ),
        Bad([Edit(file, "{n:count}", "{n:span}") for file in (ZH, EN)], EN, "identify.kept", "but 'n' is a count."),
    ],
    "given-in-place-of-a-fact": [
        Bad(
            [Edit(BALANCE, "call: payments,", "call: payments, give: {amount: much},")],
            BALANCE,
            "call: payments",
            "Lookup 'payments' gives 'much' for 'amount', which is a sum.",
        ),
    ],
    "given-what-is-not-taken": [
        Bad(noted("give: {score: godo}, "), AGENT, "call: note_survey", "gives 'godo' for 'score', which"),
        Bad(noted("give: {score: godo}, "), AGENT, "call: note_survey", "Did you mean 'good'?"),
        Bad(noted(""), AGENT, "call: note_survey", "Lookup 'good' does not give 'score', which 'note_survey' takes."),
        Bad(
            noted("give: {scor: good}, "),
            AGENT,
            "call: note_survey",
            "gives 'scor', which 'note_survey' does not take. Did you mean 'score'?",
        ),
        Bad(noted("give: {scor: good}, "), AGENT, "call: note_survey", "does not give 'score'"),
    ],
    "choice-named-before-verification": [
        Bad(gone_on("payments: said, years: menu"), MAIN, "call: go_on", "it comes to say 'said' of flow 'main'."),
        Bad(
            gone_on("payments: agent, years: balance"),
            MAIN,
            "call: go_on",
            "Outcome 'payments' of lookup 'go_on' can be told from 'balance' before any verification: "
            "it comes to transfer 'connect' of flow 'agent'.",
            frozenset({"unreachable-node"}),
        ),
    ],
    "unknown-fact": [
        Bad(
            [
                Edit(BALANCE, "say: trouble.account", "say: balance.tell"),
                *[
                    Edit(file, line, "")
                    for file, line in (
                        (ZH, "trouble.account: 对不起，余额现在查不到。\n"),
                        (EN, "trouble.account: Sorry, your balance cannot be looked up.\n"),
                    )
                ],
            ],
            BALANCE,
            "trouble:",
            "Say 'trouble' says 'balance.tell', which needs the fact 'as_of', but not every way here brings it.",
        ),
        Bad(
            [Edit(BALANCE, "say: after.menu", "say: [after.menu, balance.tell]")],
            BALANCE,
            "say: [after.menu",
            "Menu 'after' says 'balance.tell', which needs the fact 'balance'",
            frozenset({"other-keys-for-seniors"}),
        ),
        Bad(
            [Edit(IDENTIFY, "say: identify.number", "say: [identify.number, identify.tail]")],
            IDENTIFY,
            "identify.number",
            "'tail'",
        ),
        Bad(
            [Edit(IDENTIFY, "say: identify.number", "say: [identify.number, identify.kept]")],
            IDENTIFY,
            "identify.number",
            "'n'",
        ),
        Bad(
            [
                Edit(ZH, "可能有一位按错了", "可能{balance:money}有一位按错了"),
                Edit(EN, "One of the digits", "Of {balance:money} digits"),
            ],
            IDENTIFY,
            "wrong: {length",
            "'balance'",
        ),
        Bad(
            [Edit(IDENTIFY, "entry: part_last", "entry: part_birth"), Edit(IDENTIFY, "check: parts", "birth: parts")],
            IDENTIFY,
            "identify.tail",
            "Collect 'pin' says 'identify.tail', which needs the fact 'tail'",
        ),
        Bad(
            [
                Edit(ZH, "退回{amount:money}", "退回{amount:money}，{shop:term}"),
                Edit(EN, "got back {amount:money}", "got back {amount:money} in {shop:term}"),
            ],
            BALANCE,
            "list: {kind",
            "Say 'list' says 'payments.refund', which needs the fact 'shop', but not every way here brings it.",
        ),
        Bad(
            announced("今天是{as_of:date}", "As of {as_of:date}."),
            HOTLINES,
            "announcements:",
            "Hotline 'main' announces 'news.holiday', which needs as_of.",
            frozenset({"long-announcement"}),
        ),
    ],
    "language-without-prompts": [
        Bad(
            [Edit(HOTLINES, "languages: [zh, en]", "languages: [zh, en, yue]")],
            HOTLINES,
            "[zh, en, yue]",
            "Hotline 'main' offers 'yue', but there is no prompts/yue.yaml.",
            frozenset({"hotline-text-missing"}),
        ),
        Bad(
            [Edit(HOTLINES, "languages: [zh, en]", "languages: [zh, en, zh]")],
            HOTLINES,
            "[zh, en, zh]",
            "Hotline 'main' offers 'zh' twice.",
        ),
    ],
    "hotline-text-missing": [
        Bad(
            [Edit(HOTLINES, ", en: social insurance hotline", "")],
            HOTLINES,
            "name: {zh: 社保热线}",
            "Hotline 'main' has no name in en",
        ),
        Bad(
            [Edit(HOTLINES, ", en: weekdays from nine to twelve", "")],
            HOTLINES,
            "hours:",
            "Agent group 'general' of hotline 'main' has no hours in en",
        ),
    ],
    "hours-of-nobody": [
        Bad(
            [
                Edit(AGENT, "group: general", "group: day"),
                Edit(HOTLINES, "general: {hours", "day: {hours"),
                Edit(HOTLINES, "      general:\n", "      general: {hours: {zh: 九点, en: nine}}\n      day:\n"),
            ],
            HOTLINES,
            "small:",
            "Hotline 'small' has no agent group 'general', but says its hours in agent.off_duty.",
        ),
    ],
    "prompt-of-some-languages": [
        Bad(
            [Edit(EN, "goodbye: Thank you for calling. Goodbye.\n", "")],
            ZH,
            "goodbye:",
            "The prompt 'goodbye' is missing in prompts/en.yaml.",
            frozenset({"missing-phrase"}),
        ),
        Bad(
            [Edit(ZH, "identify.check: 可能有一位按错了。\n", "")],
            EN,
            "identify.check:",
            "The prompt 'identify.check' is missing in prompts/zh.yaml.",
        ),
    ],
    "variables-of-some-languages": [
        Bad(
            [Edit(EN, ", as of {as_of:date}", "")],
            EN,
            "balance.tell:",
            "The prompt 'balance.tell' says {balance:money}, but prompts/zh.yaml:8 says {as_of:date} and",
            frozenset({"text-with-other-facts"}),
        ),
        Bad(
            [Edit(EN, "{n:count} digits so far", "{n:number} digits so far")],
            EN,
            "identify.kept:",
            "says {n:number}, but prompts/zh.yaml",
        ),
    ],
    "text-in-a-foreign-voice": [
        Bad(
            [Edit(ZH, "For English, press eight.", "For English at the {hotline:text}, press eight.")],
            ZH,
            "English at the",
            "'main.long' has {hotline:text} in the 'en' voice.",
        ),
    ],
    "figures": [
        Bad(said("12333为您转人工服务。"), ZH, "agent.transfer", "The prompt 'agent.transfer' has '12333'."),
        Bad(said("请等两分钟，费用为￥零元。"), ZH, "agent.transfer", "has '￥'"),
        Bad(said("稍等。", "Please wait 2 minutes."), EN, "agent.transfer", "has '2'"),
        Bad(said("请等两分钟，①再打。"), ZH, "agent.transfer", "has '①'"),
        Bad(said("请等Ⅻ分钟。"), ZH, "agent.transfer", "has 'Ⅻ'"),
        Bad(said("请等<break/>一下。"), ZH, "agent.transfer", "has '<'"),
        Bad(said("请稍等😀。"), ZH, "agent.transfer", "has '😀'"),
        Bad(
            said("稍等。", "Please wait, 谢谢."), EN, "agent.transfer", "'agent.transfer' has '谢谢' in the 'en' voice."
        ),
        Bad(
            [Edit(HOTLINES, "en: social insurance hotline", "en: 社保 hotline")],
            HOTLINES,
            "name:",
            "The name of hotline 'main' has '社保' in the 'en' voice.",
        ),
        Bad(
            [Edit(HOTLINES, "工作日上午九点到", "工作日上午9点到")],
            HOTLINES,
            "hours:",
            "The hours of agent group 'general' of hotline 'main' has '9'.",
        ),
    ],
    "invisible-characters": [
        Bad(said('"稍等\\a。"'), ZH, "agent.transfer", "has the invisible character U+0007"),
        Bad([Edit(ZH, "电话12333", "电话\u200b12333")], ZH, "text.balance", "has the invisible character U+200B"),
        Bad(said("稍等\u200b。"), ZH, "agent.transfer", "has the invisible character U+200B"),
        Bad(
            [Edit(HOTLINES, "社保热线", '"社保\\u202e热线"')],
            HOTLINES,
            "name:",
            "The name of hotline 'main' has the invisible character U+202E.",
        ),
    ],
    "long-utterance": [
        Bad(said("请等一等，" * 112 + "请稍等。"), ZH, "agent.transfer", "has 451 characters; 450 are the most"),
    ],
    "unit-twice": [
        Bad(
            [Edit(ZH, "{balance:money}，", "{balance:money}元，")],
            ZH,
            "balance.tell",
            "In 'balance.tell' '元' follows {balance:money}, which says it too.",
        ),
        Bad(
            [Edit(EN, "{balance:money},", "{balance:money} yuan,")],
            EN,
            "balance.tell",
            "In 'balance.tell' 'yuan' follows {balance:money}",
        ),
        Bad(
            [Edit(ZH, "余额{balance:money}，", "余额{balance:money}元，")],
            ZH,
            "text.balance",
            "In 'text.balance.tell' '元' follows {balance:money}",
        ),
    ],
    "number-before-measure": [
        Bad(
            [Edit(ZH, "已收到{n:count}位", "已收到{n:number}位"), Edit(EN, "I have {n:count}", "I have {n:number}")],
            ZH,
            "identify.kept",
            "In 'identify.kept' the measure word '位' follows {n:number}.",
        ),
    ],
    "key-words": [
        Bad(
            [Edit(ZH, "余额，请按一；", "余额，请按幺；")],
            ZH,
            "main.short",
            "The prompt 'main.short' names a key '幺'.",
        ),
        Bad(more("再查，请按一；再听，请按两。"), ZH, "more.menu", "names a key '两'", frozenset({"unspoken-key"})),
        Bad([Edit(ZH, "按井号键结束", "按井字键结束")], ZH, "identify.number", "names a key '井字键'"),
        Bad(
            [Edit(ZH, "返回，请按星号键；结束", "返回，请按星号；结束")],
            ZH,
            "after.menu",
            "names a key '星号'",
            frozenset({"other-keys-for-seniors"}),
        ),
    ],
    "option-first": [
        Bad(
            [Edit(ZH, "余额，请按一；人工，请按零", "请按一，余额；请按零，人工")],
            ZH,
            "main.short",
            "names a key before its option: '请按一，余额'",
        ),
        Bad(
            [Edit(EN, "For your balance, press one.", "Press one for your balance.")],
            EN,
            "Press one",
            "'Press one for your balance'",
        ),
    ],
    "dead-key": [
        Bad(
            [Edit(ZH, "余额，请按一；", "余额，请按一；年限，请按二；")],
            ZH,
            "main.short",
            "The prompt 'main.short' names key 2, but after menu 'menu' of flow 'main' menu 'menu' does not take it.",
        ),
        Bad(
            [Edit(ZH, "请按零。\ntrouble", "请按二。\ntrouble")],
            ZH,
            "balance.tell",
            "after say 'tell' of flow 'balance' menu 'after' does not take it",
        ),
        Bad(
            [Edit(ZH, "请输入号码，按井号键结束", "请输入号码，按井号键结束；没有号码，请按二")],
            ZH,
            "identify.number",
            "collect 'number' takes it for a part of the entry",
        ),
        Bad(
            [Edit(ZH, "时间是{hours:text}。", "时间是{hours:text}。留言，请按二。")],
            ZH,
            "agent.off_duty",
            "after say 'off_duty' of flow 'agent' the call ends",
        ),
        Bad(
            [Edit(ZH, "请先按一，再按井号键", "请按一")],
            ZH,
            "identify.help",
            "names key 1, but after collect 'number' of flow 'identify' collect 'number' takes it for a part",
        ),
        Bad(
            [Edit(IDENTIFY, "say: identify.number", "say: [identify.number, identify.help]")],
            ZH,
            "identify.help",
            "The prompt 'identify.help' names key 1, but after collect 'number'",
        ),
        Bad(announced("招聘会，请按四。", "Open."), ZH, "news.holiday", "names key 4, but after menu 'menu'"),
        Bad([Edit(ZH, "请按六", "请按六或按二")], ZH, "after.offer", "The prompt 'after.offer' names key 2"),
        Bad(said("不想等候，请按一。"), ZH, "agent.transfer", "the call is put through and no key is listened for"),
    ],
    "language-key-taken": [
        Bad(
            [Edit(MAIN, '"9": again', '"7": menu')], MAIN, '"7"', "Flow 'main' uses key 7, which switches the language."
        ),
        Bad(
            [Edit(BALANCE, '"#": goodbye', '"8": goodbye')], BALANCE, '"8"', "Menu 'after' of flow 'balance' uses key 8"
        ),
        Bad(
            [*offered("8", "八", "eight")],
            BALANCE,
            "offers:",
            "Menu 'after' of flow 'balance' uses key 8, which switches the language.",
        ),
    ],
    "language-key-unnamed": [
        Bad(
            [Edit(ZH, '  - {en: "For English, press eight."}\n', "")],
            ZH,
            "main.long",
            "The main menu does not name key 8 in the 'en' voice, for that language.",
        ),
        Bad(
            [Edit(ZH, '{en: "For English, press eight."}', "英语，请按八。")],
            ZH,
            "main.long",
            "key 8 in the 'en' voice",
            frozenset({"dead-key"}),
        ),
    ],
    "unspoken-key": [
        Bad(
            more("再查，请按一。"),
            BALANCE,
            "more:",
            "Menu 'more' of flow 'balance' takes key 2, but does not name it (zh).",
        ),
        Bad(
            more("再查，请按一；再听，请按二。", "Again, press one."),
            BALANCE,
            "more:",
            "takes key 2, but does not name it (en)",
        ),
        Bad(
            [Edit(EN, "For the new policy, press six.", "There is a new policy.")],
            BALANCE,
            "offers:",
            "Menu 'after' offers 'after.offer', which does not name key 6 (en).",
        ),
    ],
    "other-keys-for-seniors": [
        Bad(
            [Edit(ZH, "星号键；查支付，请按五；查", "星号键；查")],
            BALANCE,
            "senior:",
            "What seniors hear in menu 'after' of flow 'balance' names keys * and 3, "
            "but what all others hear names keys *, 3 and 5 (zh).",
        ),
        Bad(
            [Edit(ZH, "请按五；返回，请按星号键；", "请按五；")],
            BALANCE,
            "senior:",
            "names keys *, 3 and 5, but what all others hear names keys 3 and 5 (zh)",
        ),
    ],
    "silent-say": [
        Bad(
            [Edit(BALANCE, "say: trouble.account, to", "to")],
            BALANCE,
            "trouble: {",
            "Say 'trouble' of flow 'balance' says nothing.",
            frozenset({"unused-prompt"}),
        ),
    ],
    "list-unsaid": [
        Bad(
            [Edit(BALANCE, ", refund: payments.refund", "")],
            BALANCE,
            "payments: {",
            "brings a list of paid and refund, but say 'list' has rows for paid.",
            frozenset({"unused-prompt"}),
        ),
        Bad(
            [Edit(BALANCE, "ok: list", "ok: after")],
            BALANCE,
            "payments: {",
            "brings a list of paid and refund, but menu 'after' has rows for nothing.",
            frozenset({"unreachable-node", "answer-without-its-day"}),
        ),
    ],
    "rows-without-list": [
        Bad(
            [Edit(BALANCE, "error: after", "error: list")],
            BALANCE,
            "payments: {",
            "leads to say 'list', which says the rows of a list, but no list is found there.",
            frozenset({"unknown-fact"}),
        ),
        Bad(
            [Edit(BALANCE, "say: balance.tell, to: after", "say: balance.tell, to: list")],
            BALANCE,
            "tell:",
            "Node 'tell' leads to say 'list', which says the rows of a list",
        ),
    ],
    "days-out-of-order": [
        Bad(
            [Edit(BALANCE, "say: after.offer, last", "say: after.offer, first: 2027-02-02, last")],
            BALANCE,
            "offers:",
            "The offer 'after.offer' of menu 'after' ends on 2027-02-01, before it begins.",
        ),
        Bad(
            [Edit(HOTLINES, "first: 2026-10-01", "first: 2027-10-01")],
            HOTLINES,
            "announcements:",
            "The announcement 'news.holiday' of hotline 'main' ends before it begins.",
        ),
    ],
    "offer-key-taken": [
        Bad(
            offered("5", "五", "five"),
            BALANCE,
            "offers:",
            "Menu 'after' of flow 'balance' offers 'after.offer' at key 5, which is taken.",
        ),
        Bad(offered("0", "零", "zero"), BALANCE, "offers:", "at key 0, which is taken"),
        Bad(
            [
                Edit(
                    BALANCE,
                    "2027-02-01}]",
                    '2027-02-01},\n      {key: "6", to: who, say: after.offer, last: 2027-01-01}]',
                )
            ],
            BALANCE,
            "last: 2027-01-01",
            "at key 6, which is taken",
        ),
    ],
    "long-announcement": [
        Bad(
            announced("国庆节期间我们照常为您服务。", "Open."),
            HOTLINES,
            "announcements:",
            "Hotline 'main' announces 'news.holiday', which has 13 characters (zh); 10 are the most.",
        ),
    ],
    "announcements-out-of-place": [
        Bad(
            [Edit(MAIN, "repeat: main.short", "repeat: [main.short, announcements]")],
            MAIN,
            "repeat:",
            "Menu 'menu' names 'announcements' in its 'repeat', where none can be said.",
        ),
        Bad(
            [Edit(MAIN, "announcements]", "announcements, announcements]")],
            MAIN,
            "say:",
            "Menu 'menu' names 'announcements' in its 'say' again.",
        ),
        Bad(
            [Edit(BALANCE, "say: balance.tell", "say: [balance.tell, announcements]")],
            BALANCE,
            "tell:",
            "Say 'tell' names 'announcements' in its 'say', where none can be said.",
        ),
    ],
    "announcements-unsaid": [
        Bad(
            [Edit(MAIN, "[main.long, announcements]", "main.long")],
            HOTLINES,
            "announcements:",
            "Hotline 'main' announces news.holiday, but no menu has a place for it.",
        ),
    ],
    "undeclared-term": [
        Bad(
            [Edit(ZH, "回{amount:money}", "回{amount:term}"), Edit(EN, "back {amount:money}", "back {amount:term}")],
            ZH,
            "payments.refund",
            "The prompt 'payments.refund' says {amount:term}, but payments does not declare what 'amount' can be.",
        ),
        Bad(
            [Edit(ZH, "{tail:digits}", "{tail:term}"), Edit(EN, "{tail:digits}", "{tail:term}")],
            EN,
            "identify.tail",
            "says {tail:term}, but no lookup declares what 'tail' can be.",
        ),
    ],
    "unknown-term": [
        Bad(
            [Edit(ZH, "place.county: 本县\n", ""), Edit(EN, "place.county: this county\n", "")],
            EN,
            "",
            "{shop:term} can be 'place.county', which is missing.",
        ),
        Bad(
            [Edit(ZH, "city: 本市", "city: 本市{hotline:text}"), Edit(EN, "this city", "the {hotline:text}")],
            ZH,
            "place.city",
            "{shop:term} can be 'place.city', which says facts itself.",
        ),
        Bad(
            [Edit(ZH, "place.city: 本市", "place.city: [本市, {en: this city}]")],
            ZH,
            "place.city",
            "{shop:term} can be 'place.city', which changes the voice.",
        ),
    ],
    "text-of-nothing": [
        Bad(
            [Edit(ZH, "text.balance.tell", "text.balance.tel"), Edit(EN, "text.balance.tell", "text.balance.tel")],
            ZH,
            "text.balance",
            "The text message 'text.balance.tel' is about 'balance.tel', which no prompt file has. Did you mean",
        ),
    ],
    "text-with-other-facts": [
        Bad(
            [Edit(ZH, "date}。电话", "month}。电话"), Edit(EN, "date}. Call", "month}. Call")],
            EN,
            "text.balance",
            "The text message 'text.balance.tell' has {as_of:month}, which 'balance.tell' does not say.",
        ),
    ],
    "text-spoken": [
        Bad(
            [Edit(BALANCE, "say: balance.tell", "say: [balance.tell, text.balance.tell]")],
            BALANCE,
            "tell:",
            "Say 'tell' says the text message 'text.balance.tell'.",
        ),
        Bad(
            [Edit(HOTLINES, "news.holiday", "text.balance.tell")],
            HOTLINES,
            "announcements:",
            "Hotline 'main' announces the text message 'text.balance.tell'.",
            frozenset({"long-announcement", "unknown-fact", "unused-prompt"}),
        ),
    ],
    "link-in-text": [
        Bad(
            [Edit(ZH, "电话12333", "请看www.example.cn")],
            ZH,
            "text.balance",
            "The text message 'text.balance.tell' has a link ('www').",
        ),
        Bad([Edit(EN, "Call 12333", "See HTTPS://example.cn")], EN, "text.balance", "has a link ('HTTPS')"),
    ],
    "late-key": [
        Bad(
            [Edit(ZH, "您好，{hotline:text}", "您好，欢迎您拨打本地区的{hotline:text}，我们竭诚为您服务")],
            ZH,
            "您好，",
            "Key 0 is named after 30 characters (15.0 seconds) in 'main.long'; the latest is 10 seconds.",
        ),
        Bad(
            [Edit(ZH, "查余额", "查您本人的城镇职工基本医疗保险个人账户里现在的余额")],
            ZH,
            "查您本人",
            "Key 1 is named after 41 characters (20.5 seconds)",
        ),
        Bad([Edit(EN, " For staff, press zero.", "")], EN, "main.long", "The main menu does not name key 0."),
        Bad(
            [
                Edit(MAIN, "[main.long, announcements]", "[announcements, main.long]"),
                *announced("国庆节全天照常服务。", "Open."),
            ],
            ZH,
            "您好，",
            "Key 0 is named after 22 characters (11.0 seconds)",
        ),
    ],
    "wrong-count": [
        Bad(
            more("共三项。再查，请按一；再听，请按二。"),
            ZH,
            "more.menu",
            "The prompt 'more.menu' says '共三项', but menu 'more' has 2.",
        ),
        Bad(
            more("共八项。再查，请按一；再听，请按二。"),
            ZH,
            "more.menu",
            "says '共八项'; only up to six options are counted",
        ),
        Bad(
            [Edit(ZH, "after.menu: 查", "after.menu: 共两项。查")],
            ZH,
            "after.menu",
            "The prompt 'after.menu' says '共两项', but menu 'after' also has offers.",
        ),
    ],
    "endless-nesting": [],
}

GOOD: dict[str, list[Edit]] = {
    "what the website says of passwords": said(
        "网站提示密码错误的，请在网站上重设。", "If the website says that your password is wrong, reset it there."
    ),
    "a number that is not registered, of which everybody may hear": said("手机号码未登记的，请到窗口登记。"),
    "an answer that is left to a human": [
        Edit(
            BALANCE,
            "tell: {kind: say, say: balance.tell, to: after}",
            "tell: {kind: call, flow: agent, returns: {back: after}}",
        ),
    ],
    "a lookup between the goodbye and the end": [
        Edit(BALANCE, "silent: hang_up}", "silent: parting}"),
        Edit(BALANCE, "  hang_up:", "  parting: {kind: lookup, call: forget, outcomes: {done: hang_up}}\n  hang_up:"),
    ],
    "a flow that says goodbye, and returns": [
        Edit(
            AGENT, "goodbye: {kind: hangup, say: goodbye}", "goodbye: {kind: call, flow: parting, returns: {said: end}}"
        ),
        Edit(AGENT, "  back:", "  end: {kind: hangup}\n  back:"),
    ],
}
"""What a flow author may well do, and is not told that it is wrong."""

PARTING = """\
flow: parting
start: goodbye
nodes:
  goodbye: {kind: say, say: goodbye, to: said}
  said: {kind: return, outcome: said}
"""
