"""Call scripts: YAML files that tell what is pressed and what is heard, run on the engine and over HTTP.

    call: balance is told after one wrong password
    to: "12333"                                   # the number dialled
    service: {verify: [wrong, ok], balance: [{balance: "12034.50", as_of: "2026-10-31", status: normal}]}
    script:
      - hears: [main.long]
      - press: "1"                                # keys at one prompt; "-" is silence, "wait 301" passes seconds
        hears: [identify.ask_number]              # prompt ids, in their order, and nothing else
        spoken: 请输入…                            # optionally, words that must be among what is heard

What is heard is compared to the prompts of the library, so that scripts survive a rewording. Every scripted answer of
the service must be used.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ivr.call import Utterance
from ivr.library import Library

CALLS = Path(__file__).parent / "calls"


@dataclass(frozen=True)
class Line:
    """One thing that the caller does, and what is heard next."""

    press: str | None
    hears: tuple[str, ...]
    spoken: str | None
    then: str | None


@dataclass(frozen=True)
class Script:
    """A whole call."""

    call: str
    to: str
    agent: str
    service: dict[str, list[Any]]
    lines: tuple[Line, ...]


def scripts() -> Iterator[Script]:
    """Read every call script of the folder."""
    yaml = YAML(typ="safe", pure=True)
    for path in sorted(CALLS.glob("*.yaml")):
        for data in yaml.load_all(path.read_text("utf-8")):
            yield _script(path.name, data)


def _script(file: str, data: dict[str, Any]) -> Script:
    unknown = data.keys() - {"call", "to", "agent", "service", "script"}
    assert not unknown, f"{file}: a call script has no {unknown}"
    lines = []
    for line in data["script"]:
        unknown = line.keys() - {"press", "hears", "spoken", "then"}
        assert not unknown, f"{file}: a line of '{data['call']}' has no {unknown}"
        assert line.get("press") is None or isinstance(line["press"], str), f"{file}: quote the keys of {line}"
        lines.append(Line(line.get("press"), tuple(line["hears"]), line.get("spoken"), line.get("then")))
    return Script(
        f"{file.removesuffix('.yaml')}: {data['call']}",
        data.get("to", "12333"),
        data.get("agent", "answered"),
        data.get("service", {}),
        tuple(lines),
    )


def check_heard(library: Library, line: Line, heard: Sequence[Utterance]) -> None:
    """Fail where something else is heard than the line says."""
    texts = [one.text for one in heard]
    rest = list(heard)
    for prompt in line.hears:
        lang = rest[0].lang if rest else "zh"
        count = _matches(library, prompt, lang, rest)
        assert count, f"pressed {line.press!r}: expected {prompt} of {line.hears}, heard {texts}"
        del rest[:count]
    assert not rest, f"pressed {line.press!r}: expected {line.hears}, heard besides {[one.text for one in rest]}"
    if line.spoken is not None:
        assert line.spoken in "".join(texts), f"pressed {line.press!r}: expected {line.spoken!r} in {texts}"


def _matches(library: Library, prompt: str, lang: str, heard: Sequence[Utterance]) -> int:
    """Say how many of the first utterances make up a prompt; 0 where they do not."""
    offered = library.hotlines.hotlines[library.hotlines.default].languages
    for language in (lang, *library.catalogs):
        if language not in library.catalogs:
            continue
        wanted = [
            _pattern(segment.pieces)
            for segment in library.catalogs[language].prompts[prompt].segments
            if segment.lang in (language, *offered)
        ]
        if len(heard) >= len(wanted) and all(
            re.fullmatch(pattern, one.text) for pattern, one in zip(wanted, heard, strict=False)
        ):
            return len(wanted)
    return 0


def _pattern(pieces: Sequence[Any]) -> str:
    return "".join(re.escape(piece) if isinstance(piece, str) else ".+" for piece in pieces)


def keys_of(press: str) -> tuple[str, bool]:
    """Split what is pressed at a prompt into keys and whether ``#`` ended them."""
    return press.removesuffix("#"), press.endswith("#")


VOICE_LANGUAGES: Mapping[str, str] = {"cmn-CN": "zh", "yue-CN": "yue", "en-US": "en"}
