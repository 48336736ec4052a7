"""A hotline with all the policy of this repository and nothing else, so that each edit is read and linted quickly."""

import re
from typing import Final

from ivr.engine import PHRASES
from ivr.library import default_dirs, read_sources

_OWN: Final = {
    "flows/hotlines.yaml": """\
default: main
hotlines:
  main:
    name: {zh: 社保热线, yue: 社保熱線, en: social insurance hotline}
    region: "110105"
    languages: [zh, yue, en]
    flow: main
    agents: {general: {hours: {zh: 工作日上午, yue: 工作日上晝, en: weekday mornings}}}
""",
    "flows/main.yaml": """\
flow: main
start: menu
lost: agent
keys: {"0": agent, "9": again}
nodes:
  menu: {kind: menu, say: main.menu, keys: {"5": policy}}
  policy: {kind: call, flow: policy, returns: {back: menu}}
  agent: {kind: call, flow: agent, returns: {back: menu}}
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
    outcomes: {answered: goodbye, busy: busy, no_answer: busy, failed: busy, off_duty: busy}
  busy: {kind: menu, say: agent.busy, keys: {"0": connect, "*": back}}
  goodbye: {kind: hangup, say: goodbye}
  back: {kind: return, outcome: back}
""",
    "prompts/zh.yaml": """\
main.menu: [人工服务，请按零。, {en: "For English, press eight."}, {yue: 廣東話，請按七。}, 政策咨询，请按五。]
""",
    "prompts/yue.yaml": """\
main.menu: [人工服務，請按零。, {en: "For English, press eight."}, {zh: 普通话，请按七。}, 政策諮詢，請按五。]
""",
    "prompts/en.yaml": """\
main.menu: ["For an agent, press zero.", {zh: 普通话，请按八。}, {yue: 廣東話，請按七。}, "For policy, press five."]
""",
}


def _of_policy(catalog: str) -> str:
    """Give the prompts about policy and of texting it, those of the human, and those that a hotline says by itself."""
    prompts = re.findall(r"^[a-z_.]+:.*\n(?:[ #].*\n|\n)*", catalog, re.MULTILINE)
    texted = (f"texted.{one}:" for one in ("sent", "done", "error", "unverified"))
    human = ("agent.transfer:", "agent.busy:")
    wanted = ("policy.", "text.policy.", "city.", *texted, *human, *(f"{one}:" for one in PHRASES))
    return "".join(prompt for prompt in prompts if prompt.startswith(wanted))


def _sources() -> dict[str, str]:
    texts = {name: data.decode() for name, data in read_sources(*default_dirs())[0].items()}
    policy = {name: text for name, text in texts.items() if name.startswith("flows/policy")}
    prompts = {name: _of_policy(text) + _OWN[name] for name, text in texts.items() if name.startswith("prompts/")}
    return _OWN | policy | prompts


SOURCES: Final = _sources()
"""Its files by name."""
