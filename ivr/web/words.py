"""What pages say in Chinese of callers and times, where the code has short English words."""

from collections.abc import Iterable, Mapping
from typing import Final

LANGUAGES: Final[Mapping[str, str]] = {"zh": "普通话", "yue": "粤语", "en": "英语"}

SERVICES: Final[Mapping[str, str]] = {
    "balance": "余额",
    "years": "缴费年限",
    "details": "明细",
    "status": "参保和转移",
    "policy": "政策",
    "password": "密码",
}
"""The choices of the main menu; one that a hotline has added itself is told by its own name."""

PRESENCE: Final[Mapping[str, str]] = {"ready": "就绪", "break": "小休", "wrap_up": "话后处理"}

NOTED: Final[Mapping[str, str]] = {
    "solved": "已解决",
    "passed_on": "已转交其他部门",
    "call_again": "需要再联系",
    "unsolved": "没有解决",
    "wrong_call": "打错或无声",
}
"""How a talk ended, as its agent notes it."""

REACHED: Final[Mapping[str, str]] = {"reached": "已接通", "no_answer": "没人接", "wrong_number": "号码不对"}
"""How an attempt to call back ended."""


def service(name: str) -> str:
    """Say what a caller chose in the main menu; nothing chosen is said as such."""
    return SERVICES.get(name, name) if name else "没有选择"


def path(names: Iterable[str]) -> str:
    """Say the way of a caller through the services."""
    return " → ".join(map(service, names)) or "没有选择"


def lasting(ms: int) -> str:
    """Say how long something has lasted, so that it changes once a minute."""
    minutes = max(0, ms) // 60_000
    if not minutes:
        return "不到1分钟"
    return f"{minutes}分钟" if minutes < 60 else f"{minutes // 60}小时{minutes % 60}分钟"


def masked(tail: str) -> str:
    """Say the end of a number of which no more is known here."""
    return f"尾号{tail}" if tail else "没有显示号码"
