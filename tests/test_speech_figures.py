"""Text messages: the same facts in figures."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech.figures import figures

WRITTEN = [
    # kind, value, Mandarin, Cantonese, English
    ("money", "20180.05", "20180.05元", "20180.05元", "20180.05 yuan"),
    ("money", "1234567.89", "1234567.89元", "1234567.89元", "1234567.89 yuan"),
    ("money", "0.00", "0.00元", "0.00元", "0.00 yuan"),
    ("money", "-0.00", "0.00元", "0.00元", "0.00 yuan"),
    ("money", "-12.30", "-12.30元", "-12.30元", "-12.30 yuan"),
    ("money", "-0.05", "-0.05元", "-0.05元", "-0.05 yuan"),
    ("money", "100", "100.00元", "100.00元", "100.00 yuan"),
    ("money_abs", "-12.30", "12.30元", "12.30元", "12.30 yuan"),
    ("digits", "202X", "202X", "202X", "202X"),
    ("digits", "0417", "0417", "0417", "0417"),
    ("number", "12", "12", "12", "12"),
    ("count", "2", "2", "2", "2"),
    ("people", "1", "1位", "1位", "1 caller"),
    ("people", "2", "2位", "2位", "2 callers"),
    ("date", "2026-11-20", "2026-11-20", "2026-11-20", "2026-11-20"),
    ("month", "2026-12", "2026-12", "2026-12", "2026-12"),
    ("duration", "0", "0个月", "0個月", "0 months"),
    ("duration", "1", "1个月", "1個月", "1 month"),
    ("duration", "12", "1年", "1年", "1 year"),
    ("duration", "24", "2年", "2年", "2 years"),
    ("duration", "188", "15年8个月", "15年8個月", "15 years 8 months"),
    ("span", "13", "1年1个月", "1年1個月", "1 year 1 month"),
    ("percent", "3.8", "3.8%", "3.8%", "3.8%"),
    ("percent", "100.00", "100%", "100%", "100%"),
    ("text", "8:30-17:00", "8:30-17:00", "8:30-17:00", "8:30-17:00"),
]


@pytest.mark.parametrize(("kind", "value", "zh", "yue", "en"), WRITTEN)
def test_figures(kind: str, value: str, zh: str, yue: str, en: str) -> None:
    assert (figures(value, kind, "zh"), figures(value, kind, "yue"), figures(value, kind, "en")) == (zh, yue, en)


@given(st.decimals(-(10**12) + 1, 10**12 - 1, places=2).map(lambda amount: f"{amount:.2f}"))
def test_a_sum_is_written_as_it_is_kept(amount: str) -> None:
    kept = amount if re.search("[1-9]", amount) else "0.00"
    assert figures(amount, "money", "zh") == kept + "元"
